"""A trainable density of two weights: fits in milliseconds, known in closed form."""

import math

import numpy as np
import tensorflow as tf


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
