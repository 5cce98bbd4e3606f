"""What tests of training share: a density of two weights, and a bench for fits."""

import math

import numpy as np
import tensorflow as tf

from flowmc.models.saving import get_arrays, set_arrays
from flowmc.training.fit import fit
from flowmc.training.trainer import Trainer

CAPACITY = 1024


class Shifted(tf.Module):
    """A unit normal around a trainable mean."""

    event_size = 2

    def __init__(self, mean=(0.0, 0.0)):
        super().__init__(name="shifted")
        self.mean = tf.Variable(np.array(mean), dtype=tf.float64)

    def log_prob(self, x):
        return -0.5 * tf.reduce_sum(tf.square(x - self.mean), -1) - math.log(
            2 * math.pi
        )

    def sample_and_log_prob(self, n, *, seed):
        z = tf.random.stateless_normal([n, 2], seed, dtype=tf.float64)
        return z + self.mean, self.log_prob(z + self.mean)


def normal_draws(n=1000, mean=(3.0, -2.0), seed=0):
    return np.random.default_rng(seed).standard_normal((n, 2)) + mean


class Bench:
    """A model with its trainer, put back to the start before each fit."""

    def __init__(self, model, **options):
        self.model = model
        self.trainer = Trainer(model, **{"batch_size": 64, **options})
        self.start = get_arrays(model)

    def fit(self, draws, **options):
        set_arrays(self.model, self.start)
        self.trainer.adam.reset()
        settings = {
            "trainer": self.trainer,
            "loss": self.trainer.loss,
            "capacity": CAPACITY,
            "max_steps": 200,
            **options,
        }
        return fit(self.model, draws, **settings)
