"""`Posterior`: everything a run leaves behind, as plain arrays and records.

It holds draws of the frozen, exact phase only; draws made while adapting lie apart in
`warmup`.  Storage, tables and figures are in the modules its methods name, and are
loaded when they are called.
"""

__all__ = ["Posterior", "WarmupDraws"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.core.records import Cost, SavedModel, WeightedDraws, WindowRecord
from flowmc.results.diagnostics import Diagnostics
from flowmc.results.files import PathLike
from flowmc.results.posterior_figures import PosteriorFigures
from flowmc.results.summary import SummaryTable, summarize
from flowmc.results.verdict import Verdict
from flowmc.results.weighted_statistics import summarize_weighted


@dataclass(frozen=True, eq=False)
class WarmupDraws:
    """Draws made while the sampler was adapting: *not* draws of the posterior.

    Attributes:
        theta: `[num_steps, num_chains, D]`.
        log_prob: `[num_steps, num_chains]`.
        window: Index into the run's history of each step's window `[num_steps]`.
    """

    theta: np.ndarray
    log_prob: np.ndarray
    window: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Posterior(PosteriorFigures):
    """Draws of a posterior with what is needed to judge and to repeat them.

    Attributes:
        theta: Draws of equal weight `[num_draws, num_chains, D]`, float64.
        log_prob: Log-density in theta, no Jacobian `[num_draws, num_chains]`.
        names: Parameter names, in the order of the last axis of `theta`.
        diagnostics: Convergence, acceptance, weights.
        verdict: Whether the draws may be reported.
        log_likelihood: `[num_draws, num_chains]` where prior and likelihood are known.
        weighted: All scored independent proposals, with log weights.
        warmup: Draws made while adapting, marked and apart.
        labels: LaTeX label of each parameter; the names by default.
        derived: Name -> further quantities `[num_draws, num_chains]`.
        stats: Name -> per-draw record, `[num_draws]` or `[num_draws, num_chains]`,
            such as "kernel", "is_accepted", "log_q" (the frozen proposal's
            log-density) and "log_weight" (log-density minus that).
        log_evidence: Log of the normalizing constant, or None.
        log_evidence_error: Its standard error, or None.
        evidence: Method -> (log evidence, standard error).
        config: Resolved settings of the run, JSON-like.
        history: One record for every window of the run.
        cost: Evaluations and seconds.
        saved_model: The frozen model as a description and weights.
        rebuild_model: Makes a model of `saved_model`; given by the rooms above.

    Raises:
        ConfigurationError: Arrays that do not fit together.
    """

    theta: np.ndarray
    log_prob: np.ndarray
    names: tuple[str, ...]
    diagnostics: Diagnostics
    verdict: Verdict
    log_likelihood: np.ndarray | None = None
    weighted: WeightedDraws | None = None
    warmup: WarmupDraws | None = None
    labels: tuple[str, ...] = ()
    derived: Mapping[str, np.ndarray] = field(default_factory=dict)
    stats: Mapping[str, np.ndarray] = field(default_factory=dict)
    log_evidence: float | None = None
    log_evidence_error: float | None = None
    evidence: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[WindowRecord, ...] = ()
    cost: Cost = field(default_factory=Cost)
    saved_model: SavedModel | None = None
    rebuild_model: Callable[[SavedModel], Any] | None = None

    def __post_init__(self) -> None:
        _set(self, "theta", np.asarray(self.theta, dtype=np.float64))
        _set(self, "log_prob", np.asarray(self.log_prob, dtype=np.float64))
        _set(self, "names", tuple(self.names))
        _set(self, "labels", tuple(self.labels) or self.names)
        _set(self, "history", tuple(self.history))
        for name in ("derived", "stats"):
            table = getattr(self, name)
            _set(self, name, {key: np.asarray(table[key]) for key in table})
        if self.theta.ndim != 3 or self.theta.shape[2] != len(self.names):
            raise ConfigurationError(
                "`theta` must have shape [num_draws, num_chains, "
                f"{len(self.names)}], the last axis as in `names`; got "
                f"{list(self.theta.shape)}."
            )
        if tuple(self.diagnostics.names) != self.names:
            raise ConfigurationError(
                "`diagnostics` must be of the same parameters as `names`; theirs are "
                f"{self.diagnostics.names}. Pass `names` to compute_diagnostics."
            )
        if len(self.labels) != len(self.names):
            raise ConfigurationError(
                f"`labels` must be one for each of {len(self.names)} parameters; got "
                f"{len(self.labels)}."
            )
        self._check_shapes()

    @property
    def num_draws(self) -> int:
        """Draws in each chain."""
        return self.theta.shape[0]

    @property
    def num_chains(self) -> int:
        """Chains; 1 for draws that are not chains."""
        return self.theta.shape[1]

    @property
    def is_by_weight(self) -> bool:
        """Whether the draws were chosen by weight, of no chain, as by `sample_smc`."""
        return self.num_chains == 1 and self.config.get("sampler") == "smc"

    @cached_property
    def model(self) -> Any:
        """The frozen model, built when first asked for.

        Raises:
            ModelError: No model was kept, or nothing here can build one.
        """
        if self.saved_model is None:
            raise ModelError("This posterior was stored without a model; run again.")
        if self.rebuild_model is None:
            raise ModelError(
                "A model is rebuilt with TensorFlow, which this posterior was loaded "
                "without. Load it with `flowmc.load(path)`."
            )
        return self.rebuild_model(self.saved_model)

    def flat(self) -> np.ndarray:
        """Return the draws of all chains, `[num_draws * num_chains, D]`."""
        return self.theta.reshape(-1, self.theta.shape[2])

    def summary(self, *, weighted: bool = False) -> SummaryTable:
        """Return one row of statistics a parameter; `print` shows it as a table.

        Args:
            weighted: Of all scored proposals by their weights, not of the draws.

        Raises:
            ConfigurationError: There are no weighted draws.
        """
        if not weighted:
            return summarize(self.theta, self.diagnostics, derived=self.derived)
        if self.weighted is None or not len(self.weighted.theta):
            raise ConfigurationError(
                "`weighted=True` needs scored proposals; this posterior has none. Use "
                "`summary()` of its draws."
            )
        scored = self.weighted
        return summarize_weighted(scored.theta, scored.log_weight, names=self.names)

    def to_arviz(self, *, warmup: bool = False) -> Any:
        """Return an ArviZ InferenceData, or an xarray DataTree with ArviZ 1.x.

        `warmup=True` adds the draws made while adapting, in groups of their own.
        """
        from flowmc.results.arviz_data import to_arviz

        return to_arviz(self, warmup=warmup)

    def save(self, path: PathLike) -> None:
        """Write everything to one HDF5 file; `flowmc.load` reads it."""
        from flowmc.results.storage import save_posterior

        save_posterior(self, path)

    def __repr__(self) -> str:
        chains = "1 chain" if self.num_chains == 1 else f"{self.num_chains} chains"
        origin = "by weight" if self.is_by_weight else f"x {chains}"
        parts = [
            f"{self.num_draws:,} draws {origin}",
            f"parameters: {', '.join(self.names)}",
        ]
        if self.log_evidence is not None:
            error = self.log_evidence_error
            spread = "" if error is None else f" +- {error:.4f}"
            parts.append(f"log evidence: {self.log_evidence:.4f}{spread}")
        parts.append(f"verdict: {'good' if self.verdict.ok else 'not good'}")
        return f"Posterior({'; '.join(parts)})"

    def _check_shapes(self) -> None:
        want = self.theta.shape[:2]
        arrays: dict[str, Any] = {"log_prob": self.log_prob, **self.derived}
        if self.log_likelihood is not None:
            arrays["log_likelihood"] = self.log_likelihood
        for name, array in arrays.items():
            if np.shape(array) != want:
                raise ConfigurationError(
                    f"`{name}` must have shape {list(want)}, like the draws; got "
                    f"{list(np.shape(array))}."
                )
        for name, array in self.stats.items():
            if np.shape(array) not in (want, want[:1]):
                raise ConfigurationError(
                    f"`stats[{name!r}]` must have shape {list(want[:1])} or "
                    f"{list(want)}; got {list(np.shape(array))}."
                )


def _set(record: Any, name: str, value: Any) -> None:
    # A frozen dataclass normalizes its own fields this way only.
    object.__setattr__(record, name, value)
