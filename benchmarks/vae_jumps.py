"""Acceptance and ESS of `latent_independence` against the number of codes.

First a linear-Gaussian VAE with a wrong encoder, whose density is known, so that
independence by the density itself shows the limit; the target is the same law with half
the variance.  Then a VAE trained on the ring, where many codes stand in for it.
"""

__all__ = ["measure_jumps"]

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from vae_measure import measure_mixing

from flowmc import fit, kernels, models, targets
from flowmc.sampling.chains import run_chains
from flowmc.targets import Target

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.unit.models.linear_vae import LinearVae  # noqa: E402

COUNTS = (1, 2, 4, 8, 16, 64)
LIMIT = 256  # codes that stand in for the density of the trained VAE
NARROWER = 0.5  # the target's variance, of the linear VAE's
NUM_CHAINS = 64


def measure_jumps(quick: bool, *, seeds: Iterable[int]) -> Iterator[tuple]:
    """Yield a row for each VAE, number of codes and seed."""
    for seed in seeds:
        linear = LinearVae(scale=1.4, shift=0.6)
        narrow = _Marginal(linear, variance=NARROWER)
        problem = Target(narrow.log_prob, names=list("abcd"), backend="tensorflow")
        start = narrow.draw(NUM_CHAINS, seed=seed)
        for label, kernel in _linear_kernels(linear):
            yield (
                "linear, wrong encoder",
                label,
                *_row(
                    kernel, problem, start, seed=seed, num_steps=100 if quick else 4000
                ),
            )
        ring = targets.noisy_ring()
        vae = models.make("vae", event_size=20, latent_size=1, seed=seed)
        exact = ring.sample(20_000, seed=100 + seed)
        fit(vae, exact, seed=seed, whiten=False, max_steps=100 if quick else 1000)
        for num in COUNTS[:3] if quick else (*COUNTS, LIMIT):
            kernel = kernels.make("latent_independence", model=vae, num_importance=num)
            steps = 100 if quick else (200 if num == LIMIT else 1000)
            yield (
                "ring, trained",
                num,
                *_row(
                    kernel,
                    ring.target(),
                    exact[:NUM_CHAINS],
                    seed=seed,
                    num_steps=steps,
                ),
            )


def _linear_kernels(linear: LinearVae) -> Iterator[tuple]:
    for num in COUNTS:
        yield (
            num,
            kernels.make("latent_independence", model=linear.model, num_importance=num),
        )
    yield "density", kernels.make("independence", model=_Marginal(linear))


def _row(kernel: Any, target: Any, start: Any, *, seed: int, num_steps: int) -> tuple:
    chains = run_chains(kernel, target, start, num_steps=num_steps, seed=seed)
    found = measure_mixing(chains)
    return seed, found.acceptance, found.per_draw, found.worst


class _Marginal:
    """The normal law that a linear VAE is when its codes are integrated out.

    Args:
        linear: The VAE.
        variance: Factor on the covariance.
    """

    def __init__(self, linear: LinearVae, *, variance: float = 1.0) -> None:
        covariance = variance * linear._marginal().cov
        self._factor = np.linalg.cholesky(covariance)
        self._inverse = np.linalg.inv(self._factor).T
        self.event_size = len(covariance)

    def log_prob(self, x: Any) -> tf.Tensor:
        z = tf.linalg.matmul(tf.convert_to_tensor(x, tf.float64), self._inverse)
        constant = 0.5 * self.event_size * np.log(2.0 * np.pi)
        constant += np.log(np.diag(self._factor)).sum()
        return -0.5 * tf.reduce_sum(tf.square(z), axis=-1) - constant

    def sample_and_log_prob(self, n: int, *, seed: Any) -> tuple[tf.Tensor, tf.Tensor]:
        z = tf.random.stateless_normal([n, self.event_size], seed, dtype=tf.float64)
        x = tf.linalg.matmul(z, self._factor, transpose_b=True)
        return x, self.log_prob(x)

    def draw(self, n: int, *, seed: int) -> np.ndarray:
        z = np.random.default_rng(seed).standard_normal((n, self.event_size))
        return z @ self._factor.T
