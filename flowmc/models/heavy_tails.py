"""The heavy-tailed parts of a defensive mixture, as a density by itself.

A latent-variable model has no density to be mixed with them; the kernels that propose
from one mix its estimate instead, and take this for the other part.
"""

__all__ = ["HeavyTails"]

import math
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_event_size
from flowmc.models.defensive import DefensiveMixture

# All but the last digit: no uniform number is larger, and the rest has no mass.
ALL = math.nextafter(1.0, 0.0)


class HeavyTails(DefensiveMixture):
    """A multivariate t and one-axis Cauchy parts; fit it with `fit_tails`.

    Args:
        event_size: Number of parameters, `D`.
        degrees_of_freedom: Of the t.
        axis_share: Share of the axis parts, from 0 to 1.
    """

    def __init__(
        self,
        event_size: int,
        *,
        degrees_of_freedom: float = 2.0,
        axis_share: float = 0.5,
    ) -> None:
        super().__init__(
            _Nothing(check_event_size(event_size)),
            weight=ALL,
            degrees_of_freedom=degrees_of_freedom,
            axis_share=axis_share,
        )

    def __repr__(self) -> str:
        return (
            f"HeavyTails(event_size={self.event_size}, "
            f"degrees_of_freedom={self._nu}, axis_share={self._axis_share})"
        )


class _Nothing:
    """A part of the mixture without mass."""

    def __init__(self, event_size: int) -> None:
        self.event_size = event_size

    def log_prob(self, x: Any) -> tf.Tensor:
        return tf.fill(tf.shape(x)[:-1], tf.constant(-np.inf, tf.float64))

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        x = tf.zeros([n, self.event_size], tf.float64)
        return x, self.log_prob(x)
