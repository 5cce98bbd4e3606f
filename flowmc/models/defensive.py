"""Defensive mixture: a flow plus heavy-tailed parts, with its exact density.

    q(x) = (1 - e) flow(x) + e (1 - a) t(x) + e a (1/D) sum_i t(x_-i) Cauchy(x_i)

A flow's tails are only as good as its training draws.  The multivariate t bounds pi/q
for elliptical tails no heavier than its own.  The axis parts redraw one coordinate from
a Cauchy while the others follow the t's marginal: they reach half-open plateaus, such
as the logarithm of an amplitude that the data cannot tell from zero, where the target
stays finite along one axis and a t in D dimensions has practically no mass.  Circle
coordinates are uniform in the heavy-tailed parts; t and Cauchy take the others.

Reference: Hesterberg (1995), Technometrics 37(2), 185; Owen and Zhou (2000).
"""

__all__ = ["DefensiveMixture", "defensive"]

import math
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_fraction, check_matrix
from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.core.seeds import as_seed, split
from flowmc.core.types import DensityModel
from flowmc.models.bases import root_gamma, student_t_log_prob
from flowmc.models.circles import Circles
from flowmc.transforms.student_fit import fit_student

# The Cauchy parts end here, in units of the t's scale: they are to reach plateaus, not
# numbers at which the user's function overflows.
AXIS_REACH = 200.0
_CAUCHY_NORM = -math.log(2.0 * math.atan(AXIS_REACH))


class DefensiveMixture(tf.Module):
    """Mixture of a density model, a multivariate t, and one-axis Cauchy parts.

    Args:
        model: The density to defend.
        weight: Share `e` of the heavy-tailed parts.
        degrees_of_freedom: Of the t.
        axis_share: Share `a` of the axis parts among the heavy-tailed ones; 0 for none.
    """

    def __init__(
        self,
        model: DensityModel,
        *,
        weight: float,
        degrees_of_freedom: float,
        axis_share: float,
    ) -> None:
        super().__init__(name="defensive")
        self.model = model
        self.event_size = model.event_size
        self._weight = weight
        self._nu = degrees_of_freedom
        self._circles = Circles(
            getattr(model, "periodic", ()), event_size=model.event_size
        )
        is_circle = self._circles.is_circle
        self._line = np.flatnonzero(~is_circle).astype(np.int32)
        order = np.argsort(np.concatenate([self._line, np.flatnonzero(is_circle)]))
        self._order = order.astype(np.int32)
        size = len(self._line)
        self._axis_share = axis_share if size else 0.0
        self._location = tf.Variable(np.zeros(size), trainable=False, name="location")
        self._scale_tril = tf.Variable(np.eye(size), trainable=False, name="scale_tril")
        self._precision = tf.Variable(np.eye(size), trainable=False, name="precision")

    def fit_tails(self, draws: Any, *, weights: Any = None) -> None:
        """Set the t's location and scatter from draws `[n, D]` (robust, by ECME)."""
        x = check_matrix(draws, name="draws", event_size=self.event_size)
        x = x[:, self._line]
        if not x.shape[1]:
            return
        location, scale_tril, _ = fit_student(x, weights, degrees_of_freedom=self._nu)
        self.set_tails(location, scale_tril)

    @property
    def tails(self) -> tuple[np.ndarray, np.ndarray]:
        """Location and triangular scatter factor of the t, `[D]` and `[D, D]`.

        With circle coordinates, D counts the others.
        """
        return self._location.numpy(), self._scale_tril.numpy()

    def set_tails(self, location: np.ndarray, scale_tril: np.ndarray) -> None:
        """Set what `tails` returned."""
        inverse = np.linalg.inv(scale_tril)
        self._location.assign(location)
        self._scale_tril.assign(scale_tril)
        self._precision.assign(inverse.T @ inverse)

    def log_prob(self, x: Any) -> tf.Tensor:
        """Return the mixture's log-density `[..., D] -> [...]`, float64."""
        x = tf.identity(tf.convert_to_tensor(x, dtype=tf.float64))
        return self._combine(self.model.log_prob(x), x)

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw `n` points `[n, D]` with their log-densities `[n]`."""
        model_seed, normal_seed, uniform_seed, gamma_seed = split(as_seed(seed), n=4)
        model_x, model_log_prob = self.model.sample_and_log_prob(n, seed=model_seed)
        shape = [n, len(self._line)]
        normal = tf.random.stateless_normal(shape, normal_seed, dtype=tf.float64)
        # One call for all uniform numbers: each random op costs compile time.
        num_uniform = 4 + len(self._circles.entries)
        uniform = tf.random.stateless_uniform(
            [num_uniform, n], uniform_seed, dtype=tf.float64
        )
        part, axis, cauchy, radius, *turns = tf.unstack(uniform)
        from_tail = part < self._weight
        on_axis = part < self._weight * self._axis_share
        tail_x = self._tail(normal, radius, axis, cauchy, on_axis, seed=gamma_seed)
        x = tf.where(from_tail[:, None], self._join(tail_x, turns), model_x)
        # Only the points of the tail need another pass through the model, but shapes
        # are fixed in compiled code; draws of the model keep their own density.
        flow_log_prob = self.model.log_prob(x)
        if not getattr(self.model, "rescores", False):
            flow_log_prob = tf.where(from_tail, flow_log_prob, model_log_prob)
        return x, self._combine(flow_log_prob, x)

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `n` points `[n, D]`."""
        return self.sample_and_log_prob(n, seed=seed)[0]

    def __repr__(self) -> str:
        return (
            f"defensive({self.model!r}, weight={self._weight}, "
            f"degrees_of_freedom={self._nu}, axis_share={self._axis_share})"
        )

    def _combine(self, model_log_prob: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        parts = [math.log1p(-self._weight) + _drop_nan(model_log_prob)]
        if self._circles:
            x = tf.gather(x, self._line, axis=-1)
        whitened = (x - self._location) @ self._precision
        distance = tf.reduce_sum(whitened * (x - self._location), axis=-1)
        log_det = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(self._scale_tril)))
        if self._axis_share < 1.0:
            t = student_t_log_prob(distance, len(self._line), self._nu) - log_det
            parts.append(math.log(self._weight * (1.0 - self._axis_share)) + t)
        if self._axis_share > 0.0:
            axis = self._axis_log_prob(x, distance, whitened, log_det)
            parts.append(math.log(self._weight * self._axis_share) + axis)
        # The density of the circles in the heavy-tailed parts; widths are 1 elsewhere.
        uniform = -np.sum(np.log(self._circles.width))
        parts = [parts[0], *(part + uniform for part in parts[1:])]
        return tf.reduce_logsumexp(tf.stack(parts, axis=-1), axis=-1)

    def _axis_log_prob(self, x, distance, whitened, log_det) -> tf.Tensor:
        """Log of `(1/D) sum_i t(x_-i) Cauchy(x_i)`."""
        size = len(self._line)
        diagonal = tf.linalg.diag_part(self._precision)
        # Leaving out coordinate i lowers the squared distance by (P d)_i^2 / P_ii and
        # divides the determinant of the scatter by 1 / P_ii.
        rest = tf.maximum(distance[..., None] - tf.square(whitened) / diagonal, 0.0)
        rest_log_det = log_det + 0.5 * tf.math.log(diagonal)
        if size > 1:
            others = student_t_log_prob(rest, size - 1, self._nu) - rest_log_det
        else:
            others = tf.zeros_like(rest)
        scale = self._axis_scale()
        ratio = (x - self._location) / scale
        cauchy = -tf.math.log1p(tf.square(ratio)) - tf.math.log(scale) + _CAUCHY_NORM
        cauchy = tf.where(tf.abs(ratio) <= AXIS_REACH, cauchy, -np.inf)
        return tf.reduce_logsumexp(others + cauchy, axis=-1) - math.log(size)

    def _axis_scale(self) -> tf.Tensor:
        return tf.sqrt(tf.reduce_sum(tf.square(self._scale_tril), axis=-1))

    def _tail(self, normal, radius, axis, cauchy, on_axis, *, seed) -> tf.Tensor:
        """Turn normal and uniform numbers into draws of the heavy-tailed parts."""
        root = root_gamma(radius, self._nu, seed=seed)
        unit = normal / root[:, None]
        t = self._location + unit @ tf.transpose(self._scale_tril)
        wide = tf.tan(math.atan(AXIS_REACH) * (2.0 * cauchy - 1.0))
        wide = self._location + self._axis_scale() * wide[:, None]
        size = len(self._line)
        index = tf.cast(axis * size, tf.int32)
        chosen = tf.one_hot(index, size, on_value=True, off_value=False, dtype=tf.bool)
        return tf.where(on_axis[:, None] & chosen, wide, t)

    def _join(self, line: tf.Tensor, turns: list[tf.Tensor]) -> tf.Tensor:
        """Put uniform circle coordinates among the ordinary ones."""
        if not turns:
            return line
        circles = [
            low + (high - low) * turn
            for (_, low, high), turn in zip(self._circles.entries, turns, strict=True)
        ]
        columns = tf.concat([line, tf.stack(circles, axis=-1)], axis=-1)
        return tf.gather(columns, self._order, axis=-1)


def defensive(
    model: DensityModel,
    *,
    weight: float = 0.1,
    degrees_of_freedom: float = 2.0,
    axis_share: float = 0.5,
) -> DefensiveMixture:
    """Return `model` mixed with heavy-tailed parts, as an exact density.

    Args:
        model: Any model with `log_prob` and `sample_and_log_prob`.
        weight: Share of the heavy-tailed parts, strictly between 0 and 1.
        degrees_of_freedom: Of the multivariate t.
        axis_share: Share of the one-axis Cauchy parts among them, from 0 to 1.

    Raises:
        ModelError: The model has no tractable density (a VAE).
        ConfigurationError: A share is out of range.
    """
    if not isinstance(model, DensityModel):
        raise ModelError(
            "`model` must have `log_prob` and `sample_and_log_prob`; got "
            f"{type(model).__name__}. A VAE has no density of its own: use the kernel "
            "`latent_independence`, which is exact for it."
        )
    check_fraction(weight, name="weight")
    if not 0.0 <= axis_share <= 1.0:
        raise ConfigurationError(
            f"`axis_share` must lie between 0 and 1; got {axis_share!r}."
        )
    if not degrees_of_freedom > 0.0:
        raise ConfigurationError(
            f"`degrees_of_freedom` must be positive; got {degrees_of_freedom!r}."
        )
    return DefensiveMixture(
        model,
        weight=float(weight),
        degrees_of_freedom=float(degrees_of_freedom),
        axis_share=float(axis_share),
    )


def _drop_nan(log_prob: tf.Tensor) -> tf.Tensor:
    """A flow that cannot score a point gives it no mass; the t still does."""
    bad = tf.math.is_nan(log_prob)
    return tf.where(bad, tf.constant(-np.inf, tf.float64), log_prob)
