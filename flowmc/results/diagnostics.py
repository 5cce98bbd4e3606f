"""What the draws tell about their own quality: convergence, acceptance, stuck chains.

`compute_diagnostics` takes plain arrays, so that it serves a finished posterior as well
as draws made elsewhere.  R-hat compares the real chains, never pieces of an ensemble
whose members move one another.  `verdict.judge` turns the result into sentences.
"""

__all__ = ["Diagnostics", "compute_diagnostics", "longest_stuck_run"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError
from flowmc.results.chain_statistics import ChainStatistics, chain_statistics
from flowmc.results.importance import importance_ess, pareto_shape
from flowmc.results.many_chains import adjusted_r_hat, nested_r_hat


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """Measures of quality; NaN where a measure does not exist.

    Attributes:
        names: Parameter names, in the order of the arrays below.
        num_draws: Draws in each chain.
        num_chains: Chains.
        r_hat: Rank-normalized split R-hat `[D]`.
        ess_bulk: Effective draws for the centre `[D]`.
        ess_tail: Effective draws for the 5 % and 95 % quantiles `[D]`.
        mcse_mean: Monte Carlo standard error of the mean `[D]`.
        acceptance: Mean acceptance of each kernel.
        move_rate: Share of draws that differ from the draw before.
        longest_stuck_run: Most consecutive draws of one chain that are one point.
        num_non_finite: NaN or infinite entries among draws and their log-densities.
        num_bad_values: Bad values of the target that were rejected on the way.
        problems: Counts by name of what went wrong in the kernels after warm-up:
            "nan_gradient", "bad_proposals", "not_invertible", "divergences" and more.
        bad_values: Examples of points where the target gave a bad value.
        pareto_k: Shape of the importance weights' tail, None without weights.
        importance_ess: Effective size of the weighted sample, None without weights.
        mode_report: What was done to look for modes outside the start; given.
        nested_r_hat: R-hat of superchains `[D]`; see `many_chains`.
        adjusted_r_hat: R-hat without what short chains explain `[D]`.
        num_local_steps: Steps in which a trajectory can fail, of all chains; None if
            any of the draws may be one.
    """

    names: tuple[str, ...]
    num_draws: int
    num_chains: int
    r_hat: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    mcse_mean: np.ndarray
    acceptance: Mapping[str, float] = field(default_factory=dict)
    move_rate: float = float("nan")
    longest_stuck_run: int = 0
    num_non_finite: int = 0
    num_bad_values: int = 0
    problems: Mapping[str, int] = field(default_factory=dict)
    pareto_k: float | None = None
    importance_ess: float | None = None
    mode_report: Mapping[str, Any] = field(default_factory=dict)
    bad_values: tuple[Mapping[str, float], ...] = ()
    nested_r_hat: np.ndarray | None = None
    adjusted_r_hat: np.ndarray | None = None
    num_local_steps: int | None = None

    @property
    def judged_r_hat(self) -> np.ndarray:
        """R-hat that is judged `[D]`, of superchains where chains are short and many.

        It is the plain R-hat, or the larger of `nested_r_hat` and `adjusted_r_hat` if
        that is smaller.  NaN where the plain one does not exist.
        """
        if self.nested_r_hat is None or self.adjusted_r_hat is None:
            return self.r_hat
        many = np.maximum(self.nested_r_hat, self.adjusted_r_hat)
        return np.where(np.isnan(self.r_hat), np.nan, np.fmin(self.r_hat, many))


def compute_diagnostics(
    theta: np.ndarray,
    log_prob: np.ndarray | None = None,
    *,
    names: Sequence[str] = (),
    weighted_log_weight: np.ndarray | None = None,
    is_accepted: np.ndarray | None = None,
    kernel: np.ndarray | None = None,
    kernel_names: Sequence[str] = (),
    acceptance: Mapping[str, float] | None = None,
    num_bad_values: int = 0,
    problems: Mapping[str, int] | None = None,
    num_local_steps: int | None = None,
    mode_report: Mapping[str, Any] | None = None,
    bad_values: Sequence[Mapping[str, float]] = (),
) -> Diagnostics:
    """Measure the quality of draws.

    Args:
        theta: Draws `[num_draws, num_chains, D]`.
        log_prob: Their log-densities `[num_draws, num_chains]`.
        names: Parameter names; `theta[0]`, `theta[1]`, ... by default.
        weighted_log_weight: Logs of the importance weights `[n]`.
        is_accepted: Whether each step was accepted `[num_draws, num_chains]`.
        kernel: Which kernel made each draw, `[num_draws]` or `[num_draws,
            num_chains]`: a name, or an index into `kernel_names`.
        kernel_names: Names for the indices in `kernel`.
        acceptance: Acceptance by kernel, if measured elsewhere (for example over
            steps that were thinned away); replaces `is_accepted`.
        num_bad_values: Bad values of the target rejected on the way.
        problems: Counts by name of what went wrong in the kernels.
        num_local_steps: Steps of the kernels that follow gradients, of all chains.
        mode_report: Plain values to be carried along (`mode_verdict` knows the keys).
        bad_values: Examples `{name: value}` of points with a bad value.

    Raises:
        ConfigurationError: `theta` is not `[num_draws, num_chains, D]`.
    """
    theta = np.asarray(theta, dtype=np.float64)
    if theta.ndim != 3:
        raise ConfigurationError(
            "`theta` must have shape [num_draws, num_chains, D]; got "
            f"{list(theta.shape)}. Add the axis of chains, of length 1 if need be."
        )
    num_draws, num_chains, event_size = theta.shape
    values = () if log_prob is None else (np.asarray(log_prob),)
    if acceptance is None:
        acceptance = _acceptance(is_accepted, kernel, kernel_names)
    return Diagnostics(
        names=tuple(names) or tuple(f"theta[{i}]" for i in range(event_size)),
        num_draws=num_draws,
        num_chains=num_chains,
        **_convergence(theta),
        acceptance=dict(acceptance),
        move_rate=_move_rate(theta),
        longest_stuck_run=longest_stuck_run(theta),
        num_non_finite=sum(int(np.sum(~np.isfinite(v))) for v in (theta, *values)),
        num_bad_values=num_bad_values,
        problems={name: int(n) for name, n in (problems or {}).items() if n},
        num_local_steps=num_local_steps,
        **_weight_diagnostics(weighted_log_weight),
        mode_report=dict(mode_report or {}),
        bad_values=tuple(
            {str(name): float(value) for name, value in point.items()}
            for point in bad_values
        ),
    )


def longest_stuck_run(theta: np.ndarray) -> int:
    """Return the most consecutive equal draws in any chain of `[num_draws, C, D]`."""
    if not len(theta):
        return 0
    index = np.arange(len(theta))[:, None]
    start = np.zeros(theta.shape[:2], dtype=np.int64)
    start[1:] = np.where(_moved(theta), index[1:], 0)
    return int(np.max(index - np.maximum.accumulate(start, axis=0), initial=0)) + 1


def _convergence(theta: np.ndarray) -> dict[str, Any]:
    event_size = theta.shape[2]
    columns = [chain_statistics(theta[:, :, i]) for i in range(event_size)]
    many = [
        (nested_r_hat(theta[:, :, i]), adjusted_r_hat(theta[:, :, i]))
        for i in range(event_size)
    ]
    table = np.array(columns, dtype=np.float64).reshape(event_size, 4)
    nested, adjusted = np.array(many, dtype=np.float64).reshape(event_size, 2).T
    return {
        **dict(zip(ChainStatistics._fields, table.T, strict=True)),
        "nested_r_hat": nested,
        "adjusted_r_hat": adjusted,
    }


def _moved(theta: np.ndarray) -> np.ndarray:
    return np.any(theta[1:] != theta[:-1], axis=-1)


def _move_rate(theta: np.ndarray) -> float:
    return float(np.mean(_moved(theta))) if len(theta) > 1 else float("nan")


def _acceptance(
    is_accepted: np.ndarray | None,
    kernel: np.ndarray | None,
    kernel_names: Sequence[str],
) -> dict[str, float]:
    if is_accepted is None:
        return {}
    accepted = np.asarray(is_accepted, dtype=np.float64)
    if kernel is None:
        return {name: float(np.mean(accepted)) for name in kernel_names or ("all",)}
    kernel = np.asarray(kernel)
    if kernel.ndim < accepted.ndim:
        kernel = np.broadcast_to(kernel[:, None], accepted.shape)
    found = np.unique(kernel)
    names = [
        kernel_names[int(key)] if key.dtype.kind in "iu" and kernel_names else str(key)
        for key in found
    ]
    return {
        name: float(np.mean(accepted[kernel == key]))
        for name, key in zip(names, found, strict=True)
    }


def _weight_diagnostics(log_weight: np.ndarray | None) -> dict[str, Any]:
    if log_weight is None:
        return {}
    return {
        "pareto_k": pareto_shape(log_weight),
        "importance_ess": importance_ess(log_weight),
    }
