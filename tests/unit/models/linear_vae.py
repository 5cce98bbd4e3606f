"""A linear-Gaussian VAE whose density and posterior are known in closed form.

z ~ N(0, I),  x | z ~ N(W z, S^2),  W orthogonal, so that posteriors are diagonal
"""

import math

import numpy as np
from scipy import stats

from flowmc import models
from flowmc.models.vae_networks import EXPLAINED

WEIGHT, NOISE = 1.3, 0.6


class LinearVae:
    """The model, its exact log-density, and the encoder's possible errors.

    Args:
        scale: Factor on the posterior's standard deviation.
        shift: Offset of the posterior's mean, in those standard deviations.
    """

    event_size, latent_size = 4, 2

    def __init__(self, *, scale: float = 1.0, shift: float = 0.0) -> None:
        self.scale, self.shift = scale, shift
        random = np.random.default_rng(3)
        columns = np.linalg.qr(random.normal(size=(4, 2)))[0]
        self._weights = WEIGHT * columns
        self.model = models.make(
            "vae", event_size=4, latent_size=2, seed=0, hidden_units=[4]
        )
        precision = 1.0 + (WEIGHT / NOISE) ** 2
        spread = 1.0 / math.sqrt(precision)
        log_noise = math.log(NOISE)
        network = self.model._decoder._network
        network._linear.assign(self._weights.T)
        start = 0.5 * math.log1p(-EXPLAINED)
        self._bias(network, 0.0, [log_noise - start] * 2 + [log_noise] * 2)
        network = self.model._encoder._network
        network._linear.assign(self._weights / NOISE**2 / precision)
        self._bias(network, shift * spread, [math.log(scale * spread) - start] * 2)

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the exact log-density `[n]`."""
        return self._marginal().logpdf(x)

    def draw(self, n: int, *, seed: int = 0) -> np.ndarray:
        """Draw points `[n, D]`."""
        return self._marginal().rvs(n, random_state=seed)

    @property
    def elbo_gap(self) -> float:
        """KL(r, posterior), the same at every point."""
        one = 0.5 * (self.scale**2 + self.shift**2 - 1.0) - math.log(self.scale)
        return self.latent_size * one

    @property
    def weight_variance(self) -> float:
        """Variance of the normalized weights, the same at every point."""
        wide = 2.0 * self.scale**2 - 1.0
        one = self.scale**2 / math.sqrt(wide) * math.exp(self.shift**2 / wide)
        return one**self.latent_size - 1.0

    def _marginal(self):
        covariance = self._weights @ self._weights.T + NOISE**2 * np.eye(4)
        return stats.multivariate_normal(np.zeros(4), covariance)

    def _bias(self, network, shift, log_scales) -> None:
        bound = network._bound
        raw = bound * np.arctanh(np.array(log_scales) / bound)
        shifts = np.full(len(raw), shift)
        network._perceptron._biases[-1].assign(np.concatenate([shifts, raw]))
