"""TFP views of a VAE's encoder, for users who compose it with their own TFP code."""

__all__ = ["EncoderDistribution"]

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from flowmc.models.vae_encoder import Encoder


class EncoderDistribution(tfd.Distribution):
    """Distribution of codes given fixed points, of an encoder with flow layers.

    Args:
        encoder: The encoder.
        points: Whitened points `[..., D]`; their leading dimensions are the batch.
        event_size: Number of codes, `K`.
    """

    def __init__(self, encoder: Encoder, points: tf.Tensor, event_size: int) -> None:
        super().__init__(
            dtype=tf.float64,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters={
                "encoder": encoder,
                "points": points,
                "event_size": event_size,
            },
            name="encoder",
        )
        self._encoder = encoder
        self._points = points
        self._event_size = event_size

    def _event_shape(self):
        return tf.TensorShape([self._event_size])

    def _event_shape_tensor(self):
        return tf.constant([self._event_size], dtype=tf.int32)

    def _batch_shape(self):
        return self._points.shape[:-1]

    def _batch_shape_tensor(self):
        return tf.shape(self._points)[:-1]

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed)
        num = int(np.asarray(tf.get_static_value(n)))
        return self._encoder.sample(self._points, num=num, seed=seed)[0]

    def _log_prob(self, value: Any):
        return self._encoder.log_prob(tf.identity(value), self._points)

    def _default_event_space_bijector(self):
        return tfb.Identity()
