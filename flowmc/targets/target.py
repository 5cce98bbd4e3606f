"""The posterior to be sampled: what the user gives, checked once, in one object.

A target runs in one of two ways.  A graph target is a TensorFlow function and runs in
compiled blocks, with gradients; a host target is a NumPy function, called from Python,
alone or through a pool.  Which one is found out by trying (`backend="auto"`).
"""

__all__ = ["Target"]

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import TargetError
from flowmc.core.types import LogProbFn, Seed
from flowmc.parallel.kinds import pool_size
from flowmc.targets.assembly import Assembly, assemble
from flowmc.targets.options import Options
from flowmc.targets.values import as_batch


class Target:
    """A log-density with names, bounds, prior and a firewall.

    Args:
        log_prob_fn: Log-density, theta `[n, D] -> [n]`, in TensorFlow or NumPy; it need
            not be normalized.  Or give the pair below instead.
        log_likelihood_fn: Log-likelihood, theta `[n, D] -> [n]`; with `prior`.
        prior: `{name: tfd.Distribution}` in parameter order, `{name: frozen SciPy
            distribution}`, or a `tfd.JointDistribution` with scalar parts.
        names: Names of the parameters; taken from `prior` where it is given.
        bounds: `[(low, high), ...]` or `{name: (low, high)}`; infinite ends allowed;
            the density is zero outside.  Taken from `prior` where it is given.
        periodic: Names of circular parameters; their bounds must be finite.
        vectorized: False where the functions take a single theta `[D]`.
        backend: "auto", "tensorflow" or "numpy".
        pool: None, a number of processes, or a pool of another package; host targets
            only (docs/clusters.md).  Draws do not depend on it.
        chunk_size: Points in one call of a vectorized function on a host target; by
            default one where there is a pool, else the whole batch.
        value_and_gradient_fn: For host targets: theta `[n, D] -> ([n], [n, D])`, value
            and gradient of the function given (the likelihood, of the pair).
        prior_transform: Unit cube `[n, D]` -> theta, for starting points where no
            `prior` is given.
        derived: `{name: fn}` of quantities computed for kept draws.
        labels: LaTeX labels without dollar signs, in order or by name.
        on_nan: "raise", or "reject": count NaN as zero density.
        on_crash: The same for exceptions and dead workers.
        timeout: Seconds allowed to one call; needs a pool whose workers can be killed.
        allow_noisy: Accept a density that gives two values at one point.
        event_size: Number of parameters, where nothing else tells it.

    Attributes:
        event_size: Number of parameters, D.
        names, labels: D strings each.
        bounds: `[D, 2]` float64.
        periodic: Indices of circular parameters.
        backend, backend_reason: "tensorflow" or "numpy", and why.
        has_prior, has_likelihood: Whether the pair was given.
        pool_size: Points that are evaluated at a time.
        can_sample_prior: Whether `sample_prior` works.
        has_gradient: Whether `value_and_gradient` works.
        on_nan: "raise" or "reject".
        compute_derived: theta `[n, D] -> {name: [n]}`, what `derived` defines, checked.
        notes: Sentences on precision that belong into the diagnostics.
        graph_log_prob_fn: Float64 tensors `[n, D] -> [n]`, pure and uncounted, -inf
            outside the support, NaN and +inf passed through; None on host targets.
            Likewise `graph_log_prior_fn` and `graph_log_likelihood_fn`.

    Raises:
        TargetError: The definition is unusable; the message says what to change.
        LogProbError: The function raises at a draw from the prior.

    Example:
        >>> target = Target(lambda x: -0.5 * np.sum(x**2, axis=-1), names=["a", "b"])
        >>> target.log_prob([3.0, 4.0])
        -12.5
    """

    def __init__(
        self,
        log_prob_fn: Callable[[Any], Any] | None = None,
        *,
        log_likelihood_fn: Callable[[Any], Any] | None = None,
        prior: Any = None,
        names: Sequence[str] | None = None,
        bounds: Any = None,
        periodic: Sequence[str] = (),
        vectorized: bool = True,
        backend: str = "auto",
        pool: Any = None,
        chunk_size: int | None = None,
        value_and_gradient_fn: Callable[[Any], Any] | None = None,
        prior_transform: Callable[[Any], Any] | None = None,
        derived: Mapping[str, Callable[[Any], Any]] | None = None,
        labels: Mapping[str, str] | Sequence[str] | None = None,
        on_nan: str = "raise",
        on_crash: str = "raise",
        timeout: float | None = None,
        allow_noisy: bool = False,
        event_size: int | None = None,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "self"}
        parts = assemble(Options(**given))
        self._parts: Assembly = parts
        self._fingerprint: dict[str, Any] | None = None
        self.event_size = parts.parameters.event_size
        self.names = parts.parameters.names
        self.labels = parts.parameters.labels
        self.bounds = parts.parameters.bounds
        self.periodic = parts.parameters.periodic
        self.backend = parts.choice.backend
        self.backend_reason = parts.choice.reason
        self.has_prior = parts.prior is not None
        self.has_likelihood = self.has_prior  # the two come as a pair
        self.can_sample_prior = self.has_prior or prior_transform is not None
        self.pool_size = pool_size(pool)
        self.has_gradient = parts.density.has_gradient
        self.on_nan = on_nan
        self.compute_derived = parts.derived
        self.notes = parts.notes
        self.graph_log_prob_fn: LogProbFn | None = parts.density.log_prob_fn
        self.graph_log_prior_fn: LogProbFn | None = parts.density.log_prior_fn
        self.graph_log_likelihood_fn = parts.density.log_likelihood_fn
        for note in self.notes:
            warnings.warn(note, stacklevel=2)

    @property
    def num_evaluations(self) -> int:
        """Points at which the density was evaluated, set-up not included."""
        return self._parts.firewall.num_log_prob

    @property
    def num_gradients(self) -> int:
        """Points at which value and gradient were evaluated together."""
        return self._parts.firewall.num_gradient

    @property
    def num_nan(self) -> int:
        """Points rejected because the density or its gradient was NaN."""
        return self._parts.firewall.num_nan

    @property
    def num_crashed(self) -> int:
        """Points rejected because the function raised or its worker died."""
        return self._parts.firewall.num_crashed

    @property
    def seconds(self) -> float:
        """Wall time spent in the user's function, compiled blocks not included."""
        return self._parts.firewall.seconds

    @property
    def bad_values(self) -> tuple[np.ndarray, ...]:
        """The first few points `[D]` with a NaN, +inf or an exception."""
        return tuple(self._parts.firewall.bad_values)

    def log_prob(self, theta: Any) -> Any:
        """Return the log-density in float64: `[n, D] -> [n]`, `[D]` -> scalar.

        Raises:
            LogProbError: It is NaN (unless `on_nan="reject"`), +inf, or raised.
        """
        return self._evaluated(self._parts.density.log_prob, theta)

    def log_prior(self, theta: Any) -> Any:
        """Return the log-density of the prior: `[n, D] -> [n]`, `[D]` -> scalar."""
        self._require_prior("log_prior")
        return self._evaluated(self._parts.density.log_prior, theta)

    def log_likelihood(self, theta: Any) -> Any:
        """Return the log-likelihood, -inf outside the prior's support.

        Shapes are `[n, D] -> [n]`, `[D]` -> scalar.
        """
        self._require_prior("log_likelihood")
        return self._evaluated(self._parts.density.log_likelihood, theta)

    def value_and_gradient(self, theta: Any) -> tuple[Any, np.ndarray]:
        """Return the log-density and its gradient: `[n, D] -> ([n], [n, D])`.

        Where the density is zero the gradient is zero.

        Raises:
            TargetError: A host target without `value_and_gradient_fn`.
            LogProbError: Value or gradient is not finite, or the function raised.
        """
        if not self.has_gradient:
            raise TargetError(
                "Gradients need a TensorFlow function or `value_and_gradient_fn`; this "
                f"target runs in NumPy ({self.backend_reason})."
            )
        batch, is_single = as_batch(theta, event_size=self.event_size)
        firewall = self._parts.firewall
        values, gradient = self._parts.density.value_and_gradient(batch)
        values = firewall.check(batch, values)
        gradient = firewall.check_gradient(batch, values, gradient)
        return (float(values[0]), gradient[0]) if is_single else (values, gradient)

    def sample_prior(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` draws from the prior, or of `prior_transform`.

        Raises:
            TargetError: The target has neither.
        """
        check_positive_integer(n, name="n")
        return self._parts.sample_prior(n, seed=seed)

    def count(
        self, num_log_prob: int, num_gradient: int = 0, *, num_nan: int = 0
    ) -> None:
        """Add evaluations made inside compiled blocks to the counts."""
        firewall = self._parts.firewall
        firewall.num_log_prob += int(num_log_prob)
        firewall.num_gradient += int(num_gradient)
        firewall.num_nan += int(num_nan)

    def raise_bad_value(self, theta: Any, value: Any) -> NoReturn:
        """Raise `LogProbError` for a NaN or +inf met at `theta` `[D]`."""
        self._parts.firewall.keep(np.asarray(theta, np.float64)[None])
        self._parts.firewall.raise_bad_value(theta, float(value))

    def fingerprint(self) -> dict[str, Any]:
        """Return names, bounds and values at fixed points, uncounted, as JSON."""
        if self._fingerprint is None:
            self._fingerprint = self._parts.fingerprint()
        return self._fingerprint

    def __repr__(self) -> str:
        prior = "with prior" if self.has_prior else "no prior"
        names = ", ".join(self.names[:6]) + (", ..." if self.event_size > 6 else "")
        return (
            f"<Target [{names}] D={self.event_size}, {prior}, {self.backend}, "
            f"{self.num_evaluations} evaluations>"
        )

    def _evaluated(self, function: Callable[[np.ndarray], Any], theta: Any) -> Any:
        batch, is_single = as_batch(theta, event_size=self.event_size)
        values = self._parts.firewall.check(batch, function(batch))
        return float(values[0]) if is_single else values

    def _require_prior(self, method: str) -> None:
        if not self.has_prior:
            raise TargetError(
                f"`{method}` needs a target made of `log_likelihood_fn` and `prior`; "
                "this one was made of `log_prob_fn` alone."
            )
