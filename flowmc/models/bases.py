"""Base densities of flows: standard normal, or a multivariate Student-t.

The t base keeps polynomial tails through the flow's linear tails.  Both compile under
XLA; the t is drawn as a normal over the root of a Gamma variate.
"""

__all__ = ["NormalBase", "StudentTBase", "make_base"]

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from flowmc.core.checks import check_choice
from flowmc.core.seeds import split

BASES = ("normal", "student_t")


class NormalBase:
    """Standard normal on `R^D`."""

    def __init__(self, event_size: int) -> None:
        self._event_size = event_size

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Return the log-density `[..., D] -> [...]`."""
        constant = 0.5 * self._event_size * math.log(2.0 * math.pi)
        return -0.5 * tf.reduce_sum(tf.square(z), axis=-1) - constant

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `[n, D]`."""
        shape = [n, self._event_size]
        return tf.random.stateless_normal(shape, seed=seed, dtype=tf.float64)


class StudentTBase:
    """Multivariate Student-t with unit scatter on `R^D`."""

    def __init__(self, event_size: int, *, degrees_of_freedom: float = 4.0) -> None:
        self._event_size = event_size
        self._nu = degrees_of_freedom

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Return the log-density `[..., D] -> [...]`."""
        return student_t_log_prob(
            tf.reduce_sum(tf.square(z), axis=-1), self._event_size, self._nu
        )

    def sample(self, n: int, *, seed: Any) -> tf.Tensor:
        """Draw `[n, D]`."""
        normal_seed, uniform_seed, gamma_seed = split(seed, n=3)
        shape = [n, self._event_size]
        normal = tf.random.stateless_normal(shape, seed=normal_seed, dtype=tf.float64)
        uniform = tf.random.stateless_uniform([n], uniform_seed, dtype=tf.float64)
        return normal / root_gamma(uniform, self._nu, seed=gamma_seed)[:, None]


def make_base(name: str, *, event_size: int) -> NormalBase | StudentTBase:
    """Build the base density `name`."""
    check_choice(name, name="base", choices=BASES)
    return NormalBase(event_size) if name == "normal" else StudentTBase(event_size)


def student_t_log_prob(squared_distance: tf.Tensor, size: int, nu: float) -> tf.Tensor:
    """Log-density of a unit-scatter multivariate t at a squared distance."""
    constant = (
        math.lgamma(0.5 * (nu + size))
        - math.lgamma(0.5 * nu)
        - 0.5 * size * math.log(nu * math.pi)
    )
    return constant - 0.5 * (nu + size) * tf.math.log1p(squared_distance / nu)


def root_gamma(uniform: tf.Tensor, nu: float, *, seed: Any) -> tf.Tensor:
    """Draw sqrt(w), w ~ Gamma(nu/2, rate nu/2): a t is a normal divided by it.

    Args:
        uniform: Uniform numbers `[n]`; for nu = 2 they are all that is needed.
        nu: Degrees of freedom.
        seed: For any other nu, whose rejection sampler compiles ten times longer.
    """
    if nu == 2.0:
        # 1 - u lies in (0, 1]: its logarithm is finite.
        return tf.sqrt(-tf.math.log1p(-uniform))
    half = np.float64(0.5 * nu)
    gamma = tfp.distributions.Gamma(half, rate=half)
    return tf.sqrt(gamma.sample(tf.shape(uniform)[0], seed=seed))
