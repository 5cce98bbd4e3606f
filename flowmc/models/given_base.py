"""A Gaussian base that the user gives: location and covariance from what is known.

    x = location + scale * layers(R z),    z ~ base,    R R' the correlations

An untrained model is then that Gaussian, and its layers work on the coordinates as they
are, neighbours beside neighbours: for a lattice, the free field.

Reference: Gabrie, Rotskoff and Vanden-Eijnden (2022), arXiv:2105.12603.
"""

__all__ = ["BaseOption", "Correlate", "GivenBase", "read_base"]

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.linalg import solve_triangular

from flowmc.core.checks import check_finite, check_matrix
from flowmc.core.errors import ConfigurationError
from flowmc.models.circles import Circles

KEYS = ("covariance", "kind", "location")
MAX_ASYMMETRY = 1e-10  # relative; rounding in a matrix inverse makes about 1e-13

BaseOption = str | Mapping[str, Any]


class GivenBase(NamedTuple):
    """What was given, checked."""

    kind: str  # "normal" or "student_t"
    location: np.ndarray  # [D]
    covariance: np.ndarray  # [D, D]; the scatter of a t

    @property
    def scale(self) -> np.ndarray:
        """The standard deviations `[D]`."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def option(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "kind": self.kind,
            "location": self.location.tolist(),
            "covariance": self.covariance.tolist(),
        }

    def correlate(self) -> "Correlate":
        """Return the layer that gives the base its correlations."""
        correlation = self.covariance / np.outer(self.scale, self.scale)
        return Correlate(np.linalg.cholesky(correlation))


class Correlate(tf.Module):
    """A fixed triangular matrix, as the layer nearest to the base.

    Args:
        scale_tril: `[D, D]`, lower triangular with a positive diagonal.
    """

    def __init__(self, scale_tril: np.ndarray) -> None:
        super().__init__(name="correlate")
        identity = np.eye(len(scale_tril))
        self._scale_tril = scale_tril
        self._unscale_tril = solve_triangular(scale_tril, identity, lower=True)
        self._log_det = float(np.log(np.diag(scale_tril)).sum())

    def forward_and_log_det(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Correlate: `[D, n] -> [D, n], [n]`."""
        return self._scale_tril @ z, tf.fill(tf.shape(z[0]), self._constant)

    def inverse_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Decorrelate: `[D, n] -> [D, n], [n]`."""
        return self._unscale_tril @ x, tf.fill(tf.shape(x[0]), -self._constant)

    @property
    def _constant(self) -> tf.Tensor:
        return tf.constant(self._log_det, tf.float64)


def read_base(base: Any, *, circles: Circles) -> tuple[str, GivenBase | None]:
    """Return the kind of base, and the Gaussian that was given, if any.

    Args:
        base: A kind, or `{"covariance": [D, D], "location": [D], "kind": ...}` of which
            the covariance alone is required.
        circles: The model's circle coordinates.

    Raises:
        ConfigurationError: Unknown keys, wrong shapes, a covariance that is not
            symmetric and positive definite, or circle coordinates besides.
    """
    if not isinstance(base, Mapping):
        return base, None
    if "covariance" not in base or not set(base) <= set(KEYS):
        raise ConfigurationError(
            f"`base` must have the key covariance, and may have location and kind; got "
            f"{sorted(base)}."
        )
    if circles:
        raise ConfigurationError(
            "`base` with a covariance needs ordinary coordinates only; got circles "
            f"{[entry[0] for entry in circles.entries]}. Give `base='normal'`."
        )
    size = len(circles.is_circle)
    covariance = check_matrix(base["covariance"], name="covariance", event_size=size)
    location = np.asarray(base.get("location", np.zeros(size)), np.float64)
    if len(covariance) != size or location.shape != (size,):
        raise ConfigurationError(
            f"`base` must have a covariance [{size}, {size}] and a location [{size}]; "
            f"got {list(covariance.shape)} and {list(location.shape)}."
        )
    check_finite(location, name="location")
    symmetric = _check_positive(check_finite(covariance, name="covariance"))
    kind = base.get("kind", "normal")
    return kind, GivenBase(kind, location, symmetric)


def _check_positive(covariance: np.ndarray) -> np.ndarray:
    """Return the covariance, symmetric to the last digit."""
    variance = np.diag(covariance)
    if variance.min() <= 0.0:
        raise ConfigurationError(
            f"`covariance` must have a positive diagonal; got {variance.min()}."
        )
    scale = np.sqrt(variance)
    difference = np.abs(covariance - covariance.T) / np.outer(scale, scale)
    if difference.max() > MAX_ASYMMETRY:
        raise ConfigurationError(
            "`covariance` must be symmetric; its entries differ from those of its "
            f"transpose by up to {difference.max():.3g} of the variances."
        )
    symmetric = 0.5 * (covariance + covariance.T)
    try:
        np.linalg.cholesky(symmetric / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        smallest = np.linalg.eigvalsh(symmetric / np.outer(scale, scale))[0]
        raise ConfigurationError(
            "`covariance` must be positive definite; the smallest eigenvalue of its "
            f"correlations is {smallest:.3g}. Add to its diagonal."
        ) from None
    return symmetric
