"""A flow whose base has a wider copy mixed in: tails that follow the flow's own shape.

    z ~ (1 - s) base(z) + s base(z / w) / w^D,    x = flow(z)

A flow trained on finitely many draws ends where they end, along every arm of a curved
density.  Weights pi/q then grow without bound, and a t around all draws does not help:
it has no mass inside a thin arm.  The wider copy runs on along the arms, in the map
that was learned, at the price of no further pass through it.

Reference: Hesterberg (1995), Technometrics 37(2), 185 (defensive mixtures).
"""

__all__ = ["WidenedFlow", "widened", "width_for"]

import math
from typing import Any

import tensorflow as tf

from flowmc.core.checks import check_fraction
from flowmc.core.seeds import as_seed, split

WIDENING, WIDEST = 2.5, 3.0  # of the copy: less in more dimensions


def width_for(event_size: int) -> float:
    """Return how much wider the copy is: its radius leaves the base's behind."""
    return min(WIDEST, 1.0 + WIDENING / math.sqrt(event_size))


def widened(model: Any, *, share: float) -> Any:
    """Return a flow with a wider base mixed in; other models as they are.

    Args:
        model: Any model; only flows with ordinary coordinates alone have a base that
            can be widened.
        share: Part of the wider copy; 0 for none.
    """
    kinds = getattr(model, "base_kind", ())
    is_ordinary = bool(kinds) and all(kind == "normal" for kind in kinds)
    return WidenedFlow(model, share=share) if share and is_ordinary else model


class WidenedFlow(tf.Module):
    """The flow as it is, with a part of its draws from a wider base.

    Args:
        flow: The flow; its weights may change, and are seen.
        share: Part of the wider copy, between 0 and 1.
    """

    def __init__(self, flow: Any, *, share: float) -> None:
        super().__init__(name="widened")
        self.flow = flow
        self.event_size = flow.event_size
        self.share = check_fraction(share, name="share")
        self.width = width_for(flow.event_size)
        self.periodic = flow.periodic

    def log_prob(self, x: Any) -> tf.Tensor:
        """Return the log-density `[..., D] -> [...]`, float64."""
        x = tf.identity(tf.convert_to_tensor(x, dtype=tf.float64))
        z, log_det = self.flow.inverse_and_log_det(x)
        return self._base_log_prob(z) + log_det

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw `n` points `[n, D]` with their log-densities `[n]`."""
        base_seed, part_seed = split(as_seed(seed), n=2)
        z = self.flow.base.sample(n, seed=base_seed)
        uniform = tf.random.stateless_uniform([n], part_seed, dtype=tf.float64)
        z = tf.where((uniform < self.share)[:, None], self.width * z, z)
        x, log_det = self.flow.forward_and_log_det(z)
        return x, self._base_log_prob(z) - log_det

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `n` points `[n, D]`."""
        return self.sample_and_log_prob(n, seed=seed)[0]

    def _base_log_prob(self, z: tf.Tensor) -> tf.Tensor:
        base = self.flow.base
        wide = base.log_prob(z / self.width) - self.event_size * math.log(self.width)
        parts = [
            math.log1p(-self.share) + base.log_prob(z),
            math.log(self.share) + wide,
        ]
        return tf.reduce_logsumexp(tf.stack(parts), axis=0)
