"""Priors written as a dict of frozen SciPy distributions.

The common families also have a TensorFlow density, so that such a prior serves graph
targets; with any other family the target runs on the host.
"""

__all__ = ["ScipyPrior", "is_scipy_distribution"]

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import TargetError
from flowmc.core.seeds import fold_in, generator
from flowmc.core.types import Seed


def _xlogy(factor: float, y: tf.Tensor) -> tf.Tensor:
    return tf.math.xlogy(tf.cast(factor, y.dtype), y)


def _xlog1py(factor: float, y: tf.Tensor) -> tf.Tensor:
    return tf.math.xlog1py(tf.cast(factor, y.dtype), y)


# Log-density of the standard form, up to a constant: (y, *shape parameters) -> [n].
# The constant is taken from SciPy at one point.
KERNELS: dict[str, Callable[..., tf.Tensor]] = {
    "beta": lambda y, a, b: _xlogy(a - 1, y) + _xlog1py(b - 1, -y),
    "cauchy": lambda y: -tf.math.log1p(tf.square(y)),
    "expon": lambda y: -y,
    "gamma": lambda y, a: _xlogy(a - 1, y) - y,
    "halfcauchy": lambda y: -tf.math.log1p(tf.square(y)),
    "halfnorm": lambda y: -0.5 * tf.square(y),
    "laplace": lambda y: -tf.abs(y),
    "lognorm": lambda y, s: -0.5 * tf.square(tf.math.log(y) / s) - tf.math.log(y),
    "loguniform": lambda y, a, b: -tf.math.log(y),
    "norm": lambda y: -0.5 * tf.square(y),
    "t": lambda y, df: -0.5 * (df + 1) * tf.math.log1p(tf.square(y) / df),
    "truncnorm": lambda y, a, b: -0.5 * tf.square(y),
    "uniform": tf.zeros_like,
}
KERNELS["reciprocal"] = KERNELS["loguniform"]


def is_scipy_distribution(part: Any) -> bool:
    """Return whether `part` looks like a frozen univariate SciPy distribution."""
    return hasattr(part, "rvs") and hasattr(part, "dist")


class ScipyPrior:
    """Independent frozen SciPy distributions.

    Args:
        parts: `{name: frozen distribution}`, each continuous with scalar parameters.

    Raises:
        TargetError: A part is discrete, multivariate, or has array parameters.
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.names = tuple(parts)
        self._parts = list(parts.values())
        supports = [_support(part, name=name) for name, part in parts.items()]
        self.bounds = np.array(supports)
        self.notes: tuple[str, ...] = ()
        densities = [_graph_density(part) for part in self._parts]
        self._densities = [density for density in densities if density is not None]
        has_all = len(self._densities) == len(densities)
        self.graph_log_prob_fn = self._graph_log_prob if has_all else None

    def log_prob(self, theta: np.ndarray) -> np.ndarray:
        """Return the log-density `[n, D] -> [n]`."""
        pairs = zip(self._parts, theta.T, strict=True)
        return np.sum([part.logpdf(column) for part, column in pairs], axis=0)

    def sample(self, n: int, *, seed: Seed) -> np.ndarray:
        """Return `[n, D]` draws, determined by `seed`."""
        columns = [
            part.rvs(size=n, random_state=generator(fold_in(seed, name)))
            for name, part in zip(self.names, self._parts, strict=True)
        ]
        return np.stack(columns, axis=-1).astype(np.float64)

    def _graph_log_prob(self, theta: tf.Tensor) -> tf.Tensor:
        columns = tf.unstack(theta, axis=-1)
        pairs = zip(self._densities, columns, strict=True)
        return tf.add_n([density(column) for density, column in pairs])


def _support(part: Any, *, name: str) -> tuple[float, float]:
    if not hasattr(part, "logpdf"):
        raise TargetError(
            f"`prior` must be continuous; `{name}` is the discrete SciPy distribution "
            f"{getattr(part.dist, 'name', part)}. Sum discrete parameters out of the "
            "likelihood."
        )
    try:
        with np.errstate(invalid="ignore"):  # an infinite scale; refused below
            low, high = part.support()
            is_scalar = np.ndim(low) == 0 and np.ndim(part.median()) == 0
    except AttributeError:
        is_scalar = False
    if not is_scalar:
        raise TargetError(
            "`prior` needs one scalar distribution per parameter; the SciPy "
            f"distribution of `{name}` is multivariate or has array parameters. Give "
            "each component a name of its own."
        )
    if np.isnan([low, high]).any():
        raise TargetError(
            f"`prior` must be proper; `{name}` has support ({low}, {high}). Give it "
            "finite parameters."
        )
    return float(low), float(high)


def _graph_density(part: Any) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """Return the log-density of one frozen distribution in TensorFlow, or None."""
    kernel = KERNELS.get(part.dist.name)
    if kernel is None:
        return None
    shapes, location, scale = _arguments(part)
    low, high = (np.array(part.support()) - location) / scale

    def standard(theta: tf.Tensor) -> tf.Tensor:
        # Clipped, because rounding may carry an edge of the support across it.
        y = tf.clip_by_value((theta - location) / scale, low, high)
        return kernel(y, *shapes)

    middle = float(part.median())
    constant = float(part.logpdf(middle)) - float(standard(np.array([middle]))[0])
    return lambda theta: standard(theta) + constant


def _arguments(part: Any) -> tuple[list[float], float, float]:
    """Return shape parameters, location and scale of a frozen distribution."""
    listed = part.dist.shapes
    names = [] if not listed else [name.strip() for name in listed.split(",")]
    given = dict(zip([*names, "loc", "scale"], part.args, strict=False)) | part.kwds
    shapes = [float(given[name]) for name in names]
    return shapes, float(given.get("loc", 0.0)), float(given.get("scale", 1.0))
