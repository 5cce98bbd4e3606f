"""A mixture of density models: proposals that cover what each of several has learned.

    q(x) = sum_k w_k q_k(x)

Groups of chains that explored apart know different modes; a mixture of their flows
proposes all of them, with an exact density.
"""

__all__ = ["MixtureDensity"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import as_seed, split
from flowmc.core.types import DensityModel


class MixtureDensity(tf.Module):
    """Weighted sum of normalized densities on the same space.

    Args:
        parts: Density models of one event size.
        weights: Their shares, positive; divided by their sum.

    Raises:
        ConfigurationError: Parts of different sizes, or weights that do not fit.
    """

    def __init__(self, parts: Sequence[DensityModel], *, weights: Any) -> None:
        super().__init__(name="mixture")
        share = np.asarray(weights, dtype=np.float64)
        if share.shape != (len(parts),) or not (share > 0.0).all():
            raise ConfigurationError(
                f"`weights` must be {len(parts)} positive numbers, one a part; got "
                f"{share.tolist()}."
            )
        sizes = {part.event_size for part in parts}
        if len(sizes) != 1:
            raise ConfigurationError(
                f"`parts` must have one event size; got {sorted(sizes)}."
            )
        self.parts = tuple(parts)
        self.event_size = sizes.pop()
        self.periodic = getattr(parts[0], "periodic", ())
        self.rescores = True  # draws are scored by `log_prob`, as any point is
        self._log_share = tf.Variable(
            np.log(share / share.sum()), trainable=False, name="log_share"
        )

    @property
    def weights(self) -> np.ndarray:
        """Shares of the parts."""
        return np.exp(self._log_share.numpy())

    @property
    def log_share(self) -> np.ndarray:
        """Logarithms of the shares, to the last bit; may be set."""
        return self._log_share.numpy()

    @log_share.setter
    def log_share(self, values: np.ndarray) -> None:
        self._log_share.assign(values)

    def set_weights(self, weights: Any) -> None:
        """Replace the shares; compiled code sees the new ones."""
        share = np.asarray(weights, dtype=np.float64)
        self._log_share.assign(np.log(share / share.sum()))

    def log_prob(self, x: Any) -> tf.Tensor:
        """Return the log-density `[..., D] -> [...]`, float64."""
        x = tf.identity(tf.convert_to_tensor(x, dtype=tf.float64))
        rows = [part.log_prob(x) for part in self.parts]
        # One part's failure is not the other's: it has no density there.
        rows = [
            tf.where(tf.math.is_nan(row), tf.constant(-np.inf, row.dtype), row)
            for row in rows
        ]
        terms = [row + self._log_share[k] for k, row in enumerate(rows)]
        return tf.reduce_logsumexp(tf.stack(terms), axis=0)

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw `n` points `[n, D]` with their log-densities `[n]`."""
        choice_seed, *seeds = split(as_seed(seed), n=1 + len(self.parts))
        drawn = [
            part.sample_and_log_prob(n, seed=part_seed)[0]
            for part, part_seed in zip(self.parts, seeds, strict=True)
        ]
        uniform = tf.random.stateless_uniform([n], choice_seed, dtype=tf.float64)
        edges = tf.cumsum(tf.exp(self._log_share))
        x = drawn[-1]
        for k in reversed(range(len(self.parts) - 1)):
            x = tf.where((uniform < edges[k])[:, None], drawn[k], x)
        return x, self.log_prob(x)

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `n` points `[n, D]`."""
        return self.sample_and_log_prob(n, seed=seed)[0]
