"""Known-answer targets: densities whose draws, moments and evidence are known exactly.

A sampler that is wrong by a sign looks fine on a posterior nobody knows; here every
answer can be checked.
"""

__all__ = ["AnalyticTarget", "redrawn"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_choice, check_positive_integer
from flowmc.core.seeds import generator
from flowmc.core.types import Seed
from flowmc.targets.target import Target

Sampler = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True, eq=False)
class AnalyticTarget:
    """A density known in TensorFlow, in NumPy, and by exact draws.

    Attributes:
        name: Such as "rosenbrock".
        names: D parameter names.
        graph_fn: Float64 tensors `[n, D] -> [n]`: the log-likelihood where there is a
            prior, else the log-density.
        host_fn: The same in NumPy, written independently.
        sampler: `(n, generator) -> [n, D]`, exact draws.
        prior: `{name: frozen SciPy distribution}`, or None.
        log_evidence: Log of the integral of prior times likelihood, or of the density.
        mean: `[D]`, or None where it is not known in closed form or does not exist.
        standard_deviation: `[D]`, or None likewise.
    """

    name: str
    names: tuple[str, ...]
    graph_fn: Callable[[tf.Tensor], tf.Tensor]
    host_fn: Callable[[np.ndarray], np.ndarray]
    sampler: Sampler
    log_evidence: float
    prior: Mapping[str, Any] | None = None
    mean: np.ndarray | None = None
    standard_deviation: np.ndarray | None = None

    @property
    def event_size(self) -> int:
        """Number of parameters, D."""
        return len(self.names)

    def target(self, backend: str = "tensorflow", **options: Any) -> Target:
        """Return a `Target` that runs in the graph or, with "numpy", on the host."""
        check_choice(backend, name="backend", choices=["tensorflow", "numpy"])
        function = self.graph_fn if backend == "tensorflow" else self.host_fn
        if self.prior is None:
            return Target(function, names=self.names, backend=backend, **options)
        return Target(
            log_likelihood_fn=function, prior=self.prior, backend=backend, **options
        )

    def log_prob(self, theta: Any) -> tf.Tensor:
        """Return the log-density in TensorFlow, prior included: `[n, D] -> [n]`."""
        theta = tf.convert_to_tensor(theta, tf.float64)
        log_prob_fn: Any = self._graph_target.graph_log_prob_fn
        return log_prob_fn(theta)

    def log_prob_host(self, theta: Any) -> np.ndarray:
        """Return the log-density in NumPy, prior included: `[n, D] -> [n]`."""
        return self._host_target.log_prob(theta)

    def sample(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` exact independent draws, determined by `seed`."""
        check_positive_integer(n, name="n")
        return self.sampler(n, generator(seed))

    def __repr__(self) -> str:
        return f"<AnalyticTarget {self.name}, D={self.event_size}>"

    @cached_property
    def _graph_target(self) -> Target:
        return self.target("tensorflow")

    @cached_property
    def _host_target(self) -> Target:
        return self.target("numpy")


def redrawn(sampler: Sampler, *, bounds: np.ndarray) -> Sampler:
    """Return `sampler` conditioned on the box `bounds` `[D, 2]`, by drawing again."""
    low, high = bounds.T

    def conditioned(n: int, rng: np.random.Generator) -> np.ndarray:
        kept = np.empty((0, len(bounds)))
        while len(kept) < n:
            draws = sampler(max(2 * (n - len(kept)), 64), rng)
            is_inside = np.all((draws >= low) & (draws <= high), axis=-1)
            kept = np.concatenate([kept, draws[is_inside]])
        return kept[:n]

    return conditioned
