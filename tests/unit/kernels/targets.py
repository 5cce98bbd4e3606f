"""Small log-densities and models for tests of kernels."""

import math

import numpy as np
import tensorflow as tf


def log_prob(x):
    """A normal with unequal scales, normalized."""
    scaled = x / tf.constant([1.0, 2.0], tf.float64)
    norm = math.log(2.0 * math.pi * 2.0)
    return -0.5 * tf.reduce_sum(tf.square(scaled), axis=-1) - norm


def start(n=200, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 2)) * [1.0, 2.0]


class Perfect:
    """The target itself, as a model and an exact map."""

    event_size = 2
    scale = tf.constant([1.0, 2.0], tf.float64)

    def log_prob(self, x):
        return log_prob(x)

    def sample_and_log_prob(self, n, *, seed):
        z = tf.random.stateless_normal([n, 2], seed, dtype=tf.float64)
        return z * self.scale, log_prob(z * self.scale)

    def forward_and_log_det(self, z):
        return z * self.scale, tf.zeros_like(z[:, 0]) + math.log(2.0)

    def inverse_and_log_det(self, x):
        return x / self.scale, tf.zeros_like(x[:, 0]) - math.log(2.0)


class Flawed(Perfect):
    """Gives NaN points, infinite points and NaN densities now and then."""

    def sample_and_log_prob(self, n, *, seed):
        x, log_q = super().sample_and_log_prob(n, seed=seed)
        kind = tf.range(n) % 4
        x = tf.where((kind == 1)[:, None], tf.constant(np.nan, tf.float64), x)
        x = tf.where((kind == 2)[:, None], tf.constant(np.inf, tf.float64), x)
        return x, tf.where(kind == 3, tf.constant(np.nan, tf.float64), log_q)

    def forward_and_log_det(self, z):
        x, log_det = super().forward_and_log_det(z)
        kind = tf.range(tf.shape(z)[0]) % 4
        x = tf.where((kind == 1)[:, None], tf.constant(np.nan, tf.float64), x)
        x = tf.where((kind == 2)[:, None], tf.constant(np.inf, tf.float64), x)
        return x, tf.where(kind == 3, tf.constant(np.nan, tf.float64), log_det)


class Watched:
    """A log-density that remembers what it was asked."""

    def __init__(self, function=log_prob):
        self.function, self.points = function, []

    def __call__(self, x):
        self.points.append(x.numpy())
        return self.function(x)
