"""Run a TFP transition kernel as one of flowmc's: by itself, or in a cycle or mixture.

Works with kernels of a single state tensor `[num_chains, D]` in float64 that hold their
own target in TensorFlow: HMC, NUTS, MALA, random walks, the slice sampler, replica
exchange, and TFP's wrappers around them.
"""

__all__ = ["FromTfp", "FromTfpState", "from_tfp"]

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from flowmc.adapters.kernel_to_tfp import ToTfp
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Array, Evaluate, Evaluation, Kernel, Request, Seed
from flowmc.kernels.drive import step_with
from flowmc.kernels.metropolis import MetropolisInfo
from flowmc.kernels.starts import starting_log_prob
from flowmc.kernels.tally import COUNTS, PROBLEMS, Tally, add, counted, screen

IS_PROBLEM = np.array([name in PROBLEMS for name in COUNTS], np.int32)


class FromTfpState(NamedTuple):
    """Chain state, and TFP's kernel results as its cache."""

    position: Array  # [num_chains, D]
    log_prob: Array  # [num_chains]
    payload: Any  # nest of [num_chains, ...]
    results: Any


def from_tfp(kernel: Any) -> Kernel:
    """Return a `tfp.mcmc.TransitionKernel` as a flowmc kernel.

    It steps on its own target, so that must be the chain's, constants included; hence
    it cannot be preconditioned (use `flowmc.kernels.make("hmc")` and its like there).

    Adaptive wrappers go on adapting as long as they are told to; in a composite, which
    builds its parts anew at each step, they start over each time.  Adapt first, then
    bring in a kernel with the step size that was found.  Replica exchange keeps its
    hot replicas in the results and runs by itself only.

    Args:
        kernel: A calibrated kernel that holds its `target_log_prob_fn`.  One made by
            `to_tfp` gives back the kernel inside.

    Raises:
        ConfigurationError: Not a TFP kernel, or one without accept/reject.  At the
            first step: a target that does not score each chain by itself.
    """
    if isinstance(kernel, ToTfp):
        return kernel.kernel
    return FromTfp(kernel)


class FromTfp:
    """A TFP kernel behind flowmc's interface; see `from_tfp`.

    Args:
        kernel: The TFP kernel.
    """

    name = "from_tfp"

    def __init__(self, kernel: Any) -> None:
        if not isinstance(kernel, tfp.mcmc.TransitionKernel):
            raise ConfigurationError(
                "`kernel` must be a tfp.mcmc.TransitionKernel; got "
                f"{type(kernel).__name__}."
            )
        if not kernel.is_calibrated:
            raise ConfigurationError(
                f"`kernel` must leave its target invariant; {type(kernel).__name__} "
                "is not calibrated. Wrap it in tfp.mcmc.MetropolisHastings."
            )
        layers = list(_kernel_layers(kernel))
        elsewhere = (tfp.mcmc.TransformedTransitionKernel, tfp.mcmc.ReplicaExchangeMC)
        self._kernel = kernel
        self._num_leapfrogs = _setting(layers, "num_leapfrog_steps")
        self._target_log_prob_fn = _target_of(layers)
        # Their results speak of other points, or of several at once.
        self._is_elsewhere = any(isinstance(layer, elsewhere) for layer in layers)
        self.is_memoryless = not any(
            isinstance(layer, tfp.mcmc.ReplicaExchangeMC) for layer in layers
        )

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> FromTfpState:
        """Build the state at `position`; TFP evaluates its own target there."""
        position = tf.convert_to_tensor(position, dtype=tf.float64)
        return self.start(position, log_prob, payload=payload)

    def start(
        self,
        position: Array,
        log_prob: Array | None,
        *,
        payload: Any,
        evaluate: Evaluate | None = None,
    ) -> FromTfpState:
        """Build the state; `log_prob` only serves to see that the targets agree.

        Raises:
            ConfigurationError: They do not.  Compiled code cannot raise; there the
                agreement is the caller's affair.
        """
        results = self._kernel.bootstrap_results(position)
        own = self._log_prob(position, results)
        starting_log_prob(None, position, own)
        if log_prob is not None and tf.executing_eagerly():
            _check_agreement(np.asarray(log_prob), own.numpy())
        return FromTfpState(position, own, payload, results)

    def check_agreement(self, position: Array, log_prob: Array) -> None:
        """Check that the TFP kernel's target is the caller's, up to no constant.

        Raises:
            ConfigurationError: It is not.
        """
        results = self._kernel.bootstrap_results(tf.convert_to_tensor(position))
        own = self._log_prob(position, results)
        _check_agreement(np.asarray(log_prob), own.numpy())

    def whole_step(
        self, state: FromTfpState, *, evaluate: Evaluate, seed: Seed
    ) -> tuple[FromTfpState, MetropolisInfo]:
        """Take one step of the TFP kernel, on its own target."""
        seed = tf.convert_to_tensor(seed, tf.int32)
        position, results = self._kernel.one_step(
            state.position, state.results, seed=seed
        )
        position = tf.ensure_shape(position, state.position.shape)
        log_prob = self._log_prob(position, results)
        is_accepted = _find(results, "is_accepted")
        if is_accepted is None:
            is_accepted = tf.reduce_any(position != state.position, axis=-1)
        ratio = _find(results, "log_accept_ratio")
        ratio = tf.zeros_like(log_prob) if ratio is None else ratio
        moved = FromTfpState(position, log_prob, state.payload, results)
        return moved, MetropolisInfo(
            is_accepted, tf.cast(ratio, tf.float64), self._tally(moved)
        )

    def step(
        self, state: FromTfpState, *, seed: Seed
    ) -> tuple[FromTfpState, MetropolisInfo]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _log_prob(self, position: tf.Tensor, results: Any) -> tf.Tensor:
        found = None if self._is_elsewhere else _find(results, "target_log_prob")
        if found is None:
            if self._target_log_prob_fn is None:
                raise ConfigurationError(
                    "The TFP kernel must hold `target_log_prob_fn` or report "
                    f"`target_log_prob`; {type(self._kernel).__name__} does neither."
                )
            found = self._target_log_prob_fn(position)
        if not found.shape.is_compatible_with(position.shape[:1]):
            raise ConfigurationError(
                "The TFP kernel's target must map [n, D] to [n]; for points of shape "
                f"{position.shape} it gave {found.shape}. Sum over the last axis only."
            )
        return tf.cast(tf.ensure_shape(found, position.shape[:1]), tf.float64)

    def _tally(self, state: FromTfpState) -> Tally:
        """Count what the step cost, and bad values of the target where they show."""
        points, log_prob, _, results = state
        proposed = _find(results, "proposed_results")
        if proposed is not None and not self._is_elsewhere:
            points = _find(results, "proposed_state")
            log_prob = tf.cast(_find(proposed, "target_log_prob"), tf.float64)
        _, seen = screen(Request(points, False, ()), Evaluation(log_prob))
        seen = seen._replace(counts=seen.counts * IS_PROBLEM)
        inner = getattr(results, "pre_swap_replica_results", results)
        cost = _cost(inner, self._num_leapfrogs)
        if self._is_elsewhere:
            extra = tf.size(state.log_prob)
            cost["log_prob_calls"] = cost.get("log_prob_calls", 0) + extra
        return add(seen, counted(points.shape[-1], **cost))


def _cost(results: Any, num_leapfrogs: Any) -> dict[str, Any]:
    """Return the evaluations of one step: as reported, else one for each chain."""
    num_points = tf.size(_find(results, "target_log_prob"))
    divergent = _find(results, "has_divergence")
    if divergent is not None:
        taken = tf.reduce_sum(_find(results, "leapfrogs_taken"))
        lost = tf.reduce_sum(tf.cast(divergent, tf.int32))
        return {"gradient_calls": taken, "divergences": lost}
    if num_leapfrogs is not None:
        return {"gradient_calls": num_points * tf.cast(num_leapfrogs, tf.int32)}
    if _find(results, "grads_target_log_prob") is not None:
        return {"gradient_calls": num_points}
    return {"log_prob_calls": num_points}


def _find(results: Any, name: str) -> Any:
    """Return the outermost field of that name in nested results, or None."""
    while results is not None:
        if hasattr(results, name):
            return getattr(results, name)
        inner = getattr(results, "accepted_results", None)
        results = getattr(results, "inner_results", inner)
    return None


def _kernel_layers(kernel: Any) -> Iterator[Any]:
    """Yield a kernel and those inside it, outermost first."""
    while kernel is not None:
        yield kernel
        known = getattr(kernel, "parameters", {})
        make = known.get("make_kernel_fn")
        if make is not None:  # replica exchange: any target shows what it makes
            kernel = make(_target_of([kernel]))
        else:
            kernel = known.get("inner_kernel")


def _setting(layers: list, name: str) -> Any:
    """Return an argument of the outermost kernel that has it, or None."""
    found = (getattr(layer, "parameters", {}).get(name) for layer in layers)
    return next((value for value in found if value is not None), None)


def _target_of(layers: list) -> Any:
    """Return the target that the whole kernel leaves invariant, or None."""
    tempered = _setting(layers, "tempered_log_prob_fn")
    if tempered is None:
        return _setting(layers, "target_log_prob_fn")
    untempered = _setting(layers, "untempered_log_prob_fn")
    return lambda x: tempered(x) + untempered(x)


def _check_agreement(log_prob: np.ndarray, own: np.ndarray) -> None:
    agrees = np.isclose(log_prob, own, rtol=1e-6, atol=1e-6)
    if not agrees.all():
        index = int(np.flatnonzero(~agrees)[0])
        raise ConfigurationError(
            "The TFP kernel's target must be the chain's; for chain "
            f"{index} its log-density is {own[index]}, the chain's {log_prob[index]}. "
            "Build both from one function, and precondition only flowmc's own kernels."
        )
