"""Prior of a VAE's codes: standard normal, or a small flow from a standard normal.

Walks in the latent space move in the prior's base space, where it is always N(0, I).
"""

__all__ = ["FlowPrior", "NormalPrior", "make_prior"]

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from flowmc.core.registry import MODELS
from flowmc.models.bases import NormalBase
from flowmc.models.sizes import Sizes

PRIORS = ("normal", "flow")


class NormalPrior(tf.Module):
    """Standard normal codes; the base space is the latent space itself."""

    is_normal = True

    def __init__(self, latent_size: int) -> None:
        super().__init__(name="prior")
        self._base = NormalBase(latent_size)
        self._latent_size = latent_size

    @property
    def distribution(self) -> tfd.Distribution:
        """The prior as a TFP distribution."""
        return tfd.MultivariateNormalDiag(tf.zeros([self._latent_size], tf.float64))

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw codes `[n, K]`."""
        return self._base.sample(n, seed=seed)

    def log_prob(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the log-density: `[..., K] -> [...]`."""
        return self._base.log_prob(codes)

    def forward(self, base: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map base space to codes; return them and the log-determinant, 0."""
        return tf.identity(base), tf.zeros_like(base[..., 0])

    def inverse(self, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map codes to base space; return it and the log-determinant, 0."""
        return tf.identity(codes), tf.zeros_like(codes[..., 0])


class FlowPrior(tf.Module):
    """Codes that a registered flow makes of standard normal ones.

    One coordinate cannot be coupled to others: there it is a monotone spline.
    """

    is_normal = False

    def __init__(self, latent_size: int, *, sizes: Sizes, seed: Any) -> None:
        super().__init__(name="prior")
        family = "realnvp" if latent_size > 1 else "spline_autoregressive"
        self._flow = MODELS.get(family)(
            latent_size,
            num_layers=sizes.num_layers * (2 if latent_size > 1 else 1),
            hidden_units=sizes.hidden_units,
            dtype=sizes.dtype,
            seed=seed,
        )

    @property
    def distribution(self) -> tfd.Distribution:
        """The prior as a TFP distribution."""
        return self._flow.distribution

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw codes `[n, K]`."""
        return self._flow.sample(n, seed=seed)

    def log_prob(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the log-density: `[..., K] -> [...]`."""
        return self._flow.log_prob(codes)

    def forward(self, base: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map base space to codes; return them and `log|det dz/du|`."""
        return self._flow.forward_and_log_det(base)

    def inverse(self, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Map codes to base space; return it and `log|det du/dz|`."""
        return self._flow.inverse_and_log_det(codes)


def make_prior(
    name: str, latent_size: int, *, sizes: Sizes, seed: Any
) -> NormalPrior | FlowPrior:
    """Build the prior `name`, one of `PRIORS`."""
    if name == "normal":
        return NormalPrior(latent_size)
    return FlowPrior(latent_size, sizes=sizes, seed=seed)
