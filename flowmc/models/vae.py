"""Variational autoencoder: codes z of a prior, points x of a Gaussian given the codes.

    p(x) = int p(z) p(x | z) dz,    r(z | x) an approximation of p(z | x)

The density of x alone is not tractable: bounds and estimates stand in for it, and the
kernels `latent_independence`, `latent_walk` and `latent_hmc` use the model exactly
without it.

Reference: Kingma and Welling (2014), arXiv:1312.6114.
"""

__all__ = ["VariationalAutoencoder", "default_latent_size"]

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from flowmc.core.checks import check_choice, check_event_size, check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import MODELS
from flowmc.core.seeds import as_seed, fold_in
from flowmc.models import vae_bounds, vae_report
from flowmc.models.circles import Circles
from flowmc.models.scalar_maps import check_positive
from flowmc.models.sizes import Sizes, choose_sizes
from flowmc.models.vae_decoder import Decoder
from flowmc.models.vae_encoder import Encoder
from flowmc.models.vae_primitives import CodePrimitives
from flowmc.models.vae_prior import PRIORS, make_prior
from flowmc.models.vae_views import EncoderDistribution
from flowmc.models.whitening import AffineWhitening

ENCODERS = ("gaussian", "iaf")
MOST_CODES = 8


@MODELS.register("vae")
class VariationalAutoencoder(CodePrimitives):
    """A latent-variable model with Gaussian decoder and learned, bounded scales.

    Untrained, and before its whitening is fitted, p(x) is the standard normal, and the
    encoder is its exact posterior.

    Args:
        event_size: Number of parameters, `D`.
        latent_size: Number of codes, `K`, at most D; default D, or 8 if that is less.
        encoder: "gaussian", or "iaf": inverse autoregressive layers on top of it; those
            need at least 2 codes.
        prior: "normal", or "flow": a small flow in the latent space.
        hidden_units: Width of each hidden layer; default from D and `num_draws`.
        num_layers: Layers of an "iaf" encoder; a "flow" prior has twice as many
            (coupling layers; with one code as many, of splines).
        num_importance: Codes a point in training by `iwae` and in `iwae_bound`.
        max_log_scale: Bound on how far each log-scale moves from where it starts.
        periodic: Must be empty; spline flows take circle coordinates.
        dtype: Float type of the networks; densities are float64 always.
        num_draws: About how many draws it will be fitted to; sets default sizes.
        seed: Seed of the initial weights.

    Attributes:
        latent_size: `K`.
        num_importance: As given.
    """

    def __init__(
        self,
        event_size: int,
        *,
        latent_size: int | None = None,
        encoder: str = "gaussian",
        prior: str = "normal",
        hidden_units: Sequence[int] | None = None,
        num_layers: int = 2,
        num_importance: int = 8,
        max_log_scale: float = 5.0,
        periodic: Any = (),
        dtype: str = "float64",
        num_draws: int | None = None,
        seed: Any = 0,
    ) -> None:
        size = check_event_size(event_size)
        _refuse_circles(Circles(periodic, event_size=size))
        codes = _checked_latent_size(latent_size, size, encoder=encoder)
        sizes = choose_sizes(
            size,
            kind="affine",
            num_layers=num_layers,
            hidden_units=hidden_units,
            num_draws=num_draws,
            dtype=dtype,
        )
        num = check_positive_integer(num_importance, name="num_importance")
        bound = check_positive(max_log_scale, name="max_log_scale")
        own = {
            "latent_size": codes,
            "encoder": check_choice(encoder, name="encoder", choices=ENCODERS),
            "prior": check_choice(prior, name="prior", choices=PRIORS),
            "num_importance": num,
            "max_log_scale": bound,
        }
        super().__init__(size, options={**sizes._asdict(), **own}, name="vae")
        self.latent_size, self.num_importance = codes, num
        self._build(sizes, encoder, prior, bound, seed)
        self._whitening = AffineWhitening(Circles((), event_size=size))

    @property
    def prior(self) -> tfd.Distribution:
        """The prior of the codes as a TFP distribution."""
        return self._prior.distribution

    def encode(self, x: Any) -> tfd.Distribution:
        """Return r(z | x) of points `[..., D]` as a TFP distribution of codes."""
        points = self._whitened(x)
        if not self._encoder.is_gaussian:
            return EncoderDistribution(self._encoder, points, self.latent_size)
        (affine,) = self._encoder.maps(points)
        return tfd.MultivariateNormalDiag(affine.shift, tf.exp(affine.log_scale))

    def decode(self, z: Any) -> tfd.Distribution:
        """Return p(x | z) of codes `[..., K]` as a TFP distribution of points."""
        affine = self._decoder.map(self._codes(z))
        scale = tf.exp(affine.log_scale)[..., None, :] * self._whitening.scale_tril
        return tfd.MultivariateNormalTriL(self._unwhitened(affine.shift), scale)

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `n` points `[n, D]`."""
        shape = [n, self.latent_size + self.event_size]
        noise = tf.random.stateless_normal(shape, as_seed(seed), dtype=tf.float64)
        z, _ = self.prior_forward_and_log_det(noise[:, : self.latent_size])
        return self.noise_to_x(noise[:, self.latent_size :], z)[0]

    def elbo(self, x: Any, *, seed: Any = 0, num_codes: int = 1) -> vae_bounds.Elbo:
        """Return the evidence lower bound at points `[n, D]` and its two terms.

        Args:
            x: Points `[n, D]`.
            seed: Integer or stateless pair.
            num_codes: Codes a point to average over.

        Returns:
            `bound`, `reconstruction` and `kl`, each `[n]`.
        """
        return vae_bounds.elbo(self, x, num_codes=num_codes, seed=seed)

    def iwae_bound(
        self, x: Any, *, num_importance: int | None = None, seed: Any = 0
    ) -> tf.Tensor:
        """Return the importance-weighted bound `[n]` at points `[n, D]`.

        Args:
            x: Points `[n, D]`.
            num_importance: Codes a point; default the model's own.
            seed: Integer or stateless pair.
        """
        num = self.num_importance if num_importance is None else num_importance
        return vae_bounds.iwae_bound(self, x, num_importance=num, seed=seed)

    def log_prob_estimate(
        self, x: Any, *, num_importance: int = 500, seed: Any = 0
    ) -> vae_bounds.LogProbEstimate:
        """Return estimates of log p(x) at points `[n, D]`, with standard errors.

        It is random and biased low: never accept or reject by it as if it were log p.
        """
        return vae_bounds.log_prob_estimate(
            self, x, num_importance=num_importance, seed=seed
        )

    def active_units(
        self, x: Any, *, num_codes: int = 32, seed: Any = 0
    ) -> vae_report.ActiveUnits:
        """Return which codes are in use over points `[n, D]`: posterior collapse."""
        return vae_report.active_units(self, x, num_codes=num_codes, seed=seed)

    def _build(
        self, sizes: Sizes, encoder: str, prior: str, max_log_scale: float, seed: Any
    ) -> None:
        self._encoder = Encoder(
            self.event_size,
            self.latent_size,
            num_layers=sizes.num_layers if encoder == "iaf" else 0,
            sizes=sizes,
            max_log_scale=max_log_scale,
            seed=fold_in(seed, "encoder"),
        )
        self._decoder = Decoder(
            self.event_size,
            self.latent_size,
            sizes=sizes,
            max_log_scale=max_log_scale,
            seed=fold_in(seed, "decoder"),
        )
        prior_seed = fold_in(seed, "prior")
        self._prior = make_prior(prior, self.latent_size, sizes=sizes, seed=prior_seed)


def default_latent_size(event_size: int) -> int:
    """Return the number of codes of a model of `event_size` parameters."""
    return min(event_size, MOST_CODES)


def _checked_latent_size(latent_size: Any, event_size: int, *, encoder: str) -> int:
    if latent_size is None:
        size = default_latent_size(event_size)
    else:
        size = check_positive_integer(latent_size, name="latent_size")
    if size > event_size:
        raise ConfigurationError(
            f"`latent_size` must be at most `event_size`, {event_size}; got {size}. "
            f"Give a number from 1 to {event_size}."
        )
    if size == 1 and encoder == "iaf":
        raise ConfigurationError(
            "`encoder='iaf'` needs a `latent_size` of at least 2, for it moves codes "
            "given one another; got 1. Use `encoder='gaussian'`."
        )
    return size


def _refuse_circles(circles: Circles) -> None:
    if circles:
        raise ConfigurationError(
            "`periodic` of `vae` must be empty, for its decoder is Gaussian on the "
            f"line; got {[entry[0] for entry in circles.entries]}. Use "
            "`spline_autoregressive` or `spline_coupling`."
        )
