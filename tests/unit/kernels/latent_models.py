"""Small VAEs for tests of kernels: perfect, bad and broken ones."""

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc import models

SCALE = np.array([1.0, 2.0])


def perfect() -> Any:
    """Return a VAE whose density is that of `targets.log_prob`, its encoder exact."""
    model = models.make("vae", event_size=2, latent_size=2, hidden_units=[4])
    model._whitening._scale_tril.assign(np.diag(SCALE))
    model._whitening._unscale_tril.assign(np.diag(1.0 / SCALE))
    return model


def spoilt(*, event_size: int = 2, strength: float = 0.3, **options: Any) -> Any:
    """Return a VAE with random weights."""
    options = {"hidden_units": [4], "num_layers": 1, **options}
    model = models.make("vae", event_size=event_size, **options)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return model


class Broken:
    """A VAE that gives NaN points, infinite points and NaN densities now and then."""

    def __init__(self, model: Any = None) -> None:
        model = perfect() if model is None else model
        for name in set(dir(model)) - set(dir(tf.Module)) - set(dir(type(self))):
            setattr(self, name, getattr(model, name))
        self.model = model

    def noise_to_x(self, e, z):
        x, log_det = self.model.noise_to_x(e, z)
        kind = tf.range(tf.shape(x)[0]) % 4
        x = tf.where((kind == 1)[:, None], tf.constant(np.nan, tf.float64), x)
        x = tf.where((kind == 2)[:, None], tf.constant(np.inf, tf.float64), x)
        return x, tf.where(kind == 3, tf.constant(np.nan, tf.float64), log_det)


class Blind(Broken):
    """A VAE that cannot score any point."""

    def noise_to_x(self, e, z):
        return self.model.noise_to_x(e, z)

    def x_to_noise(self, x, z):
        e, log_det = self.model.x_to_noise(x, z)
        return e, np.nan * log_det

    def log_decoder(self, x, z):
        return np.nan * self.model.log_decoder(x, z)
