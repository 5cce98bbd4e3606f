"""What kernels for latent-variable models share: what they need, and the joint space.

    y = (u, e),    z = prior(u),    x = decoder(e; z)

A kernel that moves y keeps `pi(x) r(z | x)`, whose marginal in x is the target whatever
the encoder r is.  On y that is a density with two log-determinants; if the model is
perfect it is N(0, I).
"""

__all__ = ["CodedModel", "JointSpace", "check_latent_model"]

from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Array, Seed


@runtime_checkable
class CodedModel(Protocol):
    """A latent-variable model as kernels use it; L codes for D coordinates.

    Everything is float64, batched and compilable; `flowmc.models.make("vae", ...)`.
    """

    event_size: int
    latent_size: int

    def log_prior(self, z: Array) -> Array:
        """Return log p(z): `[..., L] -> [...]`."""

    def prior_forward_and_log_det(self, u: Array) -> tuple[Array, Array]:
        """Map `u ~ N(0, I)` `[..., L]` to codes; also `log|det dz/du|`."""

    def prior_inverse_and_log_det(self, z: Array) -> tuple[Array, Array]:
        """Map codes `[..., L]` to u; also `log|det du/dz|`."""

    def sample_encoder(
        self, x: Array, *, seed: Seed, num: int = 1
    ) -> tuple[Array, Array]:
        """Draw codes `[num, n, L]` of r(. | x) with log r `[num, n]`."""

    def log_encoder(self, z: Array, x: Array) -> Array:
        """Return log r(z | x) of codes `[..., n, L]`, wherever they are from."""

    def log_decoder(self, x: Array, z: Array) -> Array:
        """Return log p(x | z) of codes `[..., n, L]` and points `[n, D]`."""

    def noise_to_x(self, e: Array, z: Array) -> tuple[Array, Array]:
        """Map `e ~ N(0, I)` `[..., D]`, given codes, to x; also `log|det dx/de|`."""

    def x_to_noise(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Map x, given codes, to e; also `log|det de/dx|`."""


def check_latent_model(model: Any, *, kernel: str, flow_kernel: str) -> CodedModel:
    """Return `model` if it has codes; else name the kernel that is for it.

    Raises:
        ConfigurationError: The model is a flow, or no model.
    """
    if not isinstance(model, CodedModel):
        raise ConfigurationError(
            f"`model` of `{kernel}` must be a latent-variable model, with an encoder "
            f"and a decoder; got {type(model).__name__}. Make a `vae`, or use "
            f"`{flow_kernel}` for a flow."
        )
    return model


class JointSpace:
    """The space of codes and noise over the points `x`.

    The log-density of `y` is log pi(x) plus the `correction` that both directions give:

        log r(z | x) + log|det dz/du| + log|det dx/de|

    Args:
        model: A latent-variable model.
    """

    def __init__(self, model: CodedModel) -> None:
        self._model = model
        self.event_size = model.latent_size + model.event_size

    def draw(self, x: Array, *, seed: Seed) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw codes `z ~ r(. | x)` of points `[n, D]`: a Gibbs step.

        Returns:
            `y` `[n, L + D]` and its correction `[n]`.
        """
        z, log_r = (drawn[0] for drawn in self._model.sample_encoder(x, seed=seed))
        u, log_du = self._model.prior_inverse_and_log_det(z)
        e, log_de = self._model.x_to_noise(x, z)
        return tf.concat([u, e], axis=-1), log_r - log_du - log_de

    def to_x(self, y: Array) -> tuple[tf.Tensor, tf.Tensor]:
        """Map `y` `[n, L + D]` to points `[n, D]`; return them and the correction."""
        u, e = y[:, : self._model.latent_size], y[:, self._model.latent_size :]
        z, log_dz = self._model.prior_forward_and_log_det(u)
        x, log_dx = self._model.noise_to_x(e, z)
        return x, self._model.log_encoder(z, x) + log_dz + log_dx
