"""Known-answer targets built on the normal law: one, two, heavy-tailed, skewed."""

__all__ = ["correlated_gaussian", "skewed_gaussian", "student_t", "two_gaussians"]

import math

import numpy as np
import tensorflow as tf
from scipy import special, stats

from flowmc.core.checks import check_event_size, check_fraction
from flowmc.core.errors import ConfigurationError
from flowmc.targets.analytic import AnalyticTarget, redrawn

LOG_TWO_PI = math.log(2.0 * math.pi)


def correlated_gaussian(
    event_size: int = 5, *, correlation: float = 0.9, scale_ratio: float = 10.0
) -> AnalyticTarget:
    """Return a normal law, neighbours correlated, scales from 1 to `scale_ratio`.

    Its covariance is `correlation**|i-j| * scale_i * scale_j`; it is normalized.
    """
    location, factor = _shape(event_size, correlation, scale_ratio)
    whiten = np.linalg.inv(factor)
    constant = -0.5 * event_size * LOG_TWO_PI - np.log(np.diag(factor)).sum()
    normal = stats.multivariate_normal(location, factor @ factor.T)

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        z = tf.linalg.matmul(theta - location, whiten, transpose_b=True)
        return constant - 0.5 * tf.reduce_sum(tf.square(z), axis=-1)

    return AnalyticTarget(
        name="correlated_gaussian",
        names=_names(event_size),
        graph_fn=graph_fn,
        host_fn=lambda theta: np.atleast_1d(normal.logpdf(theta)),
        sampler=lambda n, rng: (
            location + rng.standard_normal((n, event_size)) @ factor.T
        ),
        log_evidence=0.0,
        mean=location,
        standard_deviation=np.sqrt(np.diag(factor @ factor.T)),
    )


def student_t(
    event_size: int = 2,
    *,
    degrees_of_freedom: float = 5.0,
    correlation: float = 0.5,
    scale_ratio: float = 3.0,
) -> AnalyticTarget:
    """Return a multivariate Student-t, correlated and normalized.

    The mean exists for more than one degree of freedom, the sd for more than two.
    """
    if not degrees_of_freedom > 0.0:
        raise ConfigurationError(
            f"`degrees_of_freedom` must be positive; got {degrees_of_freedom!r}."
        )
    nu = float(degrees_of_freedom)
    location, factor = _shape(event_size, correlation, scale_ratio)
    whiten = np.linalg.inv(factor)
    half = 0.5 * (nu + event_size)
    constant = special.gammaln(half) - special.gammaln(0.5 * nu)
    constant -= 0.5 * event_size * math.log(nu * math.pi)
    constant -= np.log(np.diag(factor)).sum()
    law = stats.multivariate_t(location, factor @ factor.T, df=nu)

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        z = tf.linalg.matmul(theta - location, whiten, transpose_b=True)
        return constant - half * tf.math.log1p(
            tf.reduce_sum(tf.square(z), axis=-1) / nu
        )

    def sampler(n: int, rng: np.random.Generator) -> np.ndarray:
        normal = rng.standard_normal((n, event_size)) @ factor.T
        return location + normal / np.sqrt(rng.chisquare(nu, size=(n, 1)) / nu)

    scale = np.sqrt(np.diag(factor @ factor.T))
    return AnalyticTarget(
        name="student_t",
        names=_names(event_size),
        graph_fn=graph_fn,
        host_fn=lambda theta: np.atleast_1d(law.logpdf(theta)),
        sampler=sampler,
        log_evidence=0.0,
        mean=location if nu > 1.0 else None,
        standard_deviation=scale * math.sqrt(nu / (nu - 2.0)) if nu > 2.0 else None,
    )


def two_gaussians(
    event_size: int = 10,
    *,
    separation: float = 5.0,
    weight: float = 1.0 / 3.0,
    half_width: float = 10.0,
) -> AnalyticTarget:
    """Return unit normals at `+separation` (with `weight`) and `-separation`.

    The prior is uniform on `[-half_width, half_width]` in every coordinate.
    """
    event_size = check_event_size(event_size)
    weight = check_fraction(weight, name="weight")
    logits = np.log([weight, 1.0 - weight]) - 0.5 * event_size * LOG_TWO_PI
    centers = np.array([separation, -separation])

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        offsets = theta[:, None, :] - centers[:, None]
        squares = tf.reduce_sum(tf.square(offsets), axis=-1)
        return tf.reduce_logsumexp(logits - 0.5 * squares, axis=-1)

    def host_fn(theta: np.ndarray) -> np.ndarray:
        parts = [stats.norm.logpdf(theta, loc=c).sum(axis=-1) for c in centers]
        return special.logsumexp(parts, axis=0, b=np.array([[weight], [1.0 - weight]]))

    def unbounded(n: int, rng: np.random.Generator) -> np.ndarray:
        sign = np.where(rng.uniform(size=(n, 1)) < weight, 1.0, -1.0)
        return sign * separation + rng.standard_normal((n, event_size))

    # The share of each normal inside the box is the same for both, by symmetry.
    share = np.diff(special.ndtr([-half_width - separation, half_width - separation]))
    mean = separation * (2.0 * weight - 1.0)
    names = _names(event_size)
    return AnalyticTarget(
        name="two_gaussians",
        names=names,
        graph_fn=graph_fn,
        host_fn=host_fn,
        sampler=redrawn(
            unbounded, bounds=np.tile([-half_width, half_width], (event_size, 1))
        ),
        log_evidence=event_size * float(np.log(share[0] / (2.0 * half_width))),
        prior={name: stats.uniform(-half_width, 2.0 * half_width) for name in names},
        mean=np.full(event_size, mean),
        standard_deviation=np.full(
            event_size, math.sqrt(1.0 + separation**2 - mean**2)
        ),
    )


def skewed_gaussian(
    *, skewness: float = 0.6, correlation: float = 0.7
) -> AnalyticTarget:
    """Return a skewed, correlated law in two dimensions, normalized.

    With z a correlated normal pair, theta = sinh(asinh(z) + skewness) coordinate-wise.
    A sampler whose ratio has a sign or a Jacobian wrong cannot pass on it: nothing is
    symmetric.
    """
    factor = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
    whiten = np.linalg.inv(factor)
    constant = -LOG_TWO_PI - np.log(np.diag(factor)).sum()
    normal = stats.multivariate_normal(np.zeros(2), factor @ factor.T)

    def graph_fn(theta: tf.Tensor) -> tf.Tensor:
        bent = tf.asinh(theta) - skewness
        z = tf.linalg.matmul(tf.sinh(bent), whiten, transpose_b=True)
        slope = tf.math.log(tf.cosh(bent)) - 0.5 * tf.math.log1p(tf.square(theta))
        return constant + tf.reduce_sum(slope - 0.5 * tf.square(z), axis=-1)

    def host_fn(theta: np.ndarray) -> np.ndarray:
        z = np.sinh(np.arcsinh(theta) - skewness)
        jacobian = np.sqrt((1.0 + z**2) / (1.0 + theta**2))
        return np.atleast_1d(normal.logpdf(z)) + np.log(jacobian).sum(axis=-1)

    def sampler(n: int, rng: np.random.Generator) -> np.ndarray:
        z = rng.standard_normal((n, 2)) @ factor.T
        return np.sinh(np.arcsinh(z) + skewness)

    # E sinh(asinh z + s) = sinh(s) E sqrt(1 + z^2);  E theta^2 likewise.
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    mean = math.sinh(skewness) * (weights @ np.sqrt(1.0 + nodes**2)) / weights.sum()
    second = math.cosh(skewness) ** 2 + 2.0 * math.sinh(skewness) ** 2
    return AnalyticTarget(
        name="skewed_gaussian",
        names=_names(2),
        graph_fn=graph_fn,
        host_fn=host_fn,
        sampler=sampler,
        log_evidence=0.0,
        mean=np.full(2, mean),
        standard_deviation=np.full(2, math.sqrt(second - mean**2)),
    )


def _names(event_size: int) -> tuple[str, ...]:
    return tuple(f"x{index}" for index in range(event_size))


def _shape(
    event_size: int, correlation: float, scale_ratio: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return location `[D]` and Cholesky factor `[D, D]`."""
    event_size = check_event_size(event_size)
    index = np.arange(event_size)
    scale = np.geomspace(1.0, scale_ratio, event_size)
    covariance = correlation ** np.abs(index[:, None] - index) * np.outer(scale, scale)
    return np.linspace(-1.0, 1.0, event_size), np.linalg.cholesky(covariance)
