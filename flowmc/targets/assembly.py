"""From the arguments of `Target` to its working parts, in the order they depend."""

__all__ = ["Assembly", "assemble"]

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import TargetError
from flowmc.core.seeds import fold_in, generator
from flowmc.core.types import LogProbFn, Seed
from flowmc.targets.derived import Derived
from flowmc.targets.fingerprint import make_fingerprint
from flowmc.targets.firewall import Firewall
from flowmc.targets.graph_density import GraphDensity
from flowmc.targets.host_density import HostDensity
from flowmc.targets.host_function import HostFunction
from flowmc.targets.options import Options, check_options
from flowmc.targets.parameters import Parameters, make_parameters
from flowmc.targets.prior_transform import PriorTransform
from flowmc.targets.priors import Prior, make_prior
from flowmc.targets.probe import Choice, Probe, choose_backend
from flowmc.targets.remoteness import Remoteness

NUM_PROBE_POINTS = 3
NUM_FINGERPRINT_POINTS = 4


@dataclass(frozen=True)
class Assembly:
    """The parts a `Target` is made of."""

    parameters: Parameters
    prior: Prior | None
    prior_transform: PriorTransform | None
    firewall: Firewall
    choice: Choice
    density: Any  # GraphDensity or HostDensity
    derived: Derived
    notes: tuple[str, ...]
    precision: str
    is_noisy: bool

    def sample_prior(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` draws of the prior or of its transform."""
        source = self.prior or self.prior_transform
        if source is None:
            raise TargetError(
                "`sample_prior` needs `prior` or `prior_transform`; this target was "
                "made with neither. Give starting points instead."
            )
        return self.parameters.wrap(source.sample(n, seed=seed))

    def fingerprint(self) -> dict[str, Any]:
        """Return what identifies the target; see `make_fingerprint`."""
        num_points = 0 if self.is_noisy else NUM_FINGERPRINT_POINTS
        with self.firewall.uncounted():
            return make_fingerprint(
                parameters=self.parameters,
                backend=self.choice.backend,
                log_prob=self.density.log_prob,
                points=self.fixed_points(num_points, seed=fold_in(0, "fingerprint")),
                precision=self.precision,
            )

    def fixed_points(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` points inside the bounds, the same for every such target."""
        if self.prior is not None:
            return self.sample_prior(max(n, 1), seed=seed)[:n]
        return self.parameters.scattered_points(n, generator=generator(seed))


def assemble(options: Options) -> Assembly:
    """Check the arguments and build the parts.

    Raises:
        TargetError: The arguments contradict one another, or a part refuses them.
    """
    check_options(options)
    prior, parameters, transform = _prior_and_parameters(options)
    firewall = Firewall(
        parameters,
        label=options.label,
        on_nan=options.on_nan,
        on_crash=options.on_crash,
    )
    points = _probe_points(parameters, prior or transform)
    with firewall.uncounted():
        choice, host_function = _choose(options, prior, firewall, points)
        density = _density(
            options, parameters, prior, firewall, choice, host_function, points
        )
        _check_gradient_function(options, density, choice, points)
    is_float32 = choice.graph_function and choice.graph_function.dtype == tf.float32
    return Assembly(
        parameters=parameters,
        prior=prior,
        prior_transform=transform,
        firewall=firewall,
        choice=choice,
        density=density,
        derived=Derived(
            options.derived, parameters=parameters, vectorized=options.vectorized
        ),
        notes=(() if prior is None else prior.notes) + choice.notes,
        precision="float32" if is_float32 else "float64",
        is_noisy=options.allow_noisy,
    )


def _prior_and_parameters(
    options: Options,
) -> tuple[Prior | None, Parameters, PriorTransform | None]:
    prior = None
    if options.prior is not None:
        prior = make_prior(options.prior, names=options.names)
    parameters = make_parameters(
        names=options.names,
        labels=options.labels,
        bounds=options.bounds,
        periodic=options.periodic,
        event_size=options.event_size,
        prior=prior,
    )
    if options.prior_transform is None:
        return prior, parameters, None
    transform = PriorTransform(
        options.prior_transform,
        parameters=parameters,
        vectorized=options.vectorized,
        prior=prior,
    )
    return prior, parameters, transform


def _probe_points(parameters: Parameters, source: Any) -> np.ndarray:
    seed = fold_in(0, "probe")
    if source is not None:
        return parameters.wrap(source.sample(NUM_PROBE_POINTS, seed=seed))
    return parameters.scattered_points(NUM_PROBE_POINTS, generator=generator(seed))


def _choose(
    options: Options, prior: Prior | None, firewall: Firewall, points: np.ndarray
) -> tuple[Choice, HostFunction]:
    host_function = HostFunction(
        options.function,
        firewall=firewall,
        vectorized=options.vectorized,
        pool=options.pool,
        timeout=options.timeout,
        chunk_size=options.chunk_size,
    )
    host_only = ""
    if not host_function.is_serial:
        host_only = "a pool runs NumPy functions"
    elif options.value_and_gradient_fn is not None:
        host_only = "`value_and_gradient_fn` belongs to host targets"
    elif prior is not None and prior.graph_log_prob_fn is None:
        host_only = "the prior has a SciPy family with no TensorFlow density"
    probe = Probe(
        function=options.function,
        host_function=host_function,
        points=points,
        vectorized=options.vectorized,
        label=options.label,
        allow_noisy=options.allow_noisy,
        is_inside=prior is not None and options.on_crash == "raise",
    )
    choice = choose_backend(probe, backend=options.backend, host_only=host_only)
    return choice, host_function


def _density(
    options: Options,
    parameters: Parameters,
    prior: Prior | None,
    firewall: Firewall,
    choice: Choice,
    host_function: HostFunction,
    points: np.ndarray,
) -> GraphDensity | HostDensity:
    remoteness = Remoteness(
        parameters,
        log_prior_fn=_log_prior_fn(prior, is_host=choice.graph_function is None),
        typical_points=points,
    )
    if choice.graph_function is None:
        return HostDensity(
            host_function,
            parameters=parameters,
            prior=prior,
            remoteness=remoteness,
            firewall=firewall,
            value_and_gradient_fn=options.value_and_gradient_fn,
            vectorized=options.vectorized,
        )
    is_good = np.isfinite(np.asarray(choice.values))
    return GraphDensity(
        choice.graph_function,
        parameters=parameters,
        prior=prior,
        remoteness=remoteness,
        # The first point where the function is finite, if there is one.
        inside_point=points[int(np.argmax(is_good))],
        firewall=firewall,
    )


def _log_prior_fn(prior: Prior | None, *, is_host: bool) -> LogProbFn | None:
    """Return the prior's density of tensors, run eagerly if `is_host`."""
    if prior is None:
        return None
    if not is_host:
        return prior.graph_log_prob_fn
    return lambda theta: tf.constant(prior.log_prob(theta.numpy()), tf.float64)


def _check_gradient_function(
    options: Options, density: Any, choice: Choice, points: np.ndarray
) -> None:
    """Raise where `value_and_gradient_fn` gives another value than the function."""
    if options.value_and_gradient_fn is None or choice.values is None:
        return
    values, _ = density.value_and_gradient(points)
    expected = choice.values + density.log_prior(points)
    if not np.allclose(values, expected, rtol=1e-5, atol=1e-5, equal_nan=True):
        raise TargetError(
            f"`value_and_gradient_fn` must give the values of `{options.label}`; at "
            f"the same points they were {values[0]} and {expected[0]}, prior included."
        )
