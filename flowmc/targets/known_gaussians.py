"""A known-answer normal law that is hard by its conditioning alone.

Nothing is curved and there is one mode; samplers without a dense metric need about
as many gradients a draw as the ratio of the largest to the smallest width.
"""

__all__ = ["ill_conditioned_gaussian"]

import math

import numpy as np
import tensorflow as tf
from scipy import stats

from flowmc.core.checks import check_event_size
from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import generator
from flowmc.targets.analytic import AnalyticTarget

ROTATION_SEED = 50  # part of the definition
LOG_TWO_PI = math.log(2.0 * math.pi)


def ill_conditioned_gaussian(
    event_size: int = 50, *, smallest_sd: float = 0.01, largest_sd: float = 10.0
) -> AnalyticTarget:
    """Return a centred normal law, widths log-spaced along axes rotated at random.

    The rotation is drawn once, uniformly, and is the same for every call with the same
    `event_size`; the law is normalized.

    Args:
        event_size: D.
        smallest_sd: Standard deviation along the narrowest axis.
        largest_sd: Along the widest.

    Raises:
        ConfigurationError: The widths are not positive and in order.
    """
    size = check_event_size(event_size)
    if not 0.0 < smallest_sd <= largest_sd < math.inf:
        raise ConfigurationError(
            "Widths must be positive, finite and in order; got `smallest_sd` "
            f"{smallest_sd!r} and `largest_sd` {largest_sd!r}."
        )
    widths = np.geomspace(smallest_sd, largest_sd, size)
    axes = _rotation(size)
    whiten, spread = axes / widths, axes * widths  # columns are the axes
    constant = -0.5 * size * LOG_TWO_PI - float(np.log(widths).sum())

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        z = tf.linalg.matmul(theta, whiten)
        return constant - 0.5 * tf.reduce_sum(tf.square(z), axis=-1)

    def host_fn(theta: np.ndarray) -> np.ndarray:
        return stats.norm.logpdf(theta @ axes, scale=widths).sum(axis=-1)

    return AnalyticTarget(
        name="ill_conditioned_gaussian",
        names=tuple(f"x{index}" for index in range(size)),
        graph_fn=graph_fn,
        host_fn=host_fn,
        sampler=lambda n, rng: rng.standard_normal((n, size)) @ spread.T,
        log_evidence=0.0,
        mean=np.zeros(size),
        standard_deviation=np.sqrt(np.square(spread).sum(axis=1)),
    )


def _rotation(size: int) -> np.ndarray:
    """Return an orthogonal matrix `[D, D]`, uniform among them and always the same."""
    normal = generator(ROTATION_SEED).standard_normal((size, size))
    matrix, triangle = np.linalg.qr(normal)
    return matrix * np.sign(np.diag(triangle))
