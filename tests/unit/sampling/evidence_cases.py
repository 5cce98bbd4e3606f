"""Laws of known mass, and chains on them whose proposals are scored and kept."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LOG_EVIDENCE = -4.0
NUM_DRAWS, NUM_CHAINS = 150, 16


class Case(NamedTuple):
    """A law, exact draws of it, a density to propose from, and a map for phi."""

    log_prob: Callable
    sample: Callable  # (n, generator) -> [n, D]
    proposal: Any  # of SciPy
    model: Any = None


class Chains(NamedTuple):
    """Draws `[n, C, D]` of independence chains and all that they proposed."""

    x: np.ndarray
    log_prob: np.ndarray
    log_ratio: np.ndarray  # [n, C]
    proposal_x: np.ndarray  # [n, C, D]
    log_weight: np.ndarray  # [n, C]


class BentMap:
    """x -> z of the banana, a little off."""

    def inverse_and_log_det(self, x):
        z = np.stack([x[:, 0], (x[:, 1] - 0.48 * x[:, 0] ** 2) / 0.5], axis=-1)
        return z, np.full(len(x), np.log(2.0))


FACTOR = np.linalg.cholesky(0.7 + 0.3 * np.eye(3))
GAUSSIAN = stats.multivariate_normal(np.zeros(3), FACTOR @ FACTOR.T)
HALF_WIDTH = 2.0
BOX_MASS = float(np.diff(stats.t.cdf([-HALF_WIDTH, HALF_WIDTH], df=5))[0]) ** 2


def gaussian() -> Case:
    return Case(
        lambda x: GAUSSIAN.logpdf(x) + LOG_EVIDENCE,
        lambda n, rng: rng.normal(size=(n, 3)) @ FACTOR.T,
        stats.multivariate_t(np.zeros(3), FACTOR @ FACTOR.T, df=3),
    )


def boxed_student() -> Case:
    """Student-t, cut by a box that the coordinates know nothing of."""

    def log_prob(x):
        value = stats.t.logpdf(x, df=5).sum(axis=-1) - np.log(BOX_MASS) + LOG_EVIDENCE
        return np.where((np.abs(x) < HALF_WIDTH).all(axis=-1), value, -np.inf)

    def sample(n, rng):
        edge = stats.t.cdf(HALF_WIDTH, df=5)
        return stats.t.ppf(rng.uniform(1.0 - edge, edge, size=(n, 2)), df=5)

    return Case(log_prob, sample, stats.multivariate_t(np.zeros(2), np.eye(2), df=3))


def banana() -> Case:
    def log_prob(x):
        second = stats.norm.logpdf(x[..., 1], loc=0.5 * x[..., 0] ** 2, scale=0.5)
        return stats.norm.logpdf(x[..., 0]) + second + LOG_EVIDENCE

    def sample(n, rng):
        first, second = rng.normal(size=(2, n))
        return np.stack([first, 0.5 * first**2 + 0.5 * second], axis=-1)

    proposal = stats.multivariate_t([0.0, 0.5], np.diag([1.0, 0.8]), df=4)
    return Case(log_prob, sample, proposal, BentMap())


CASES = {"gaussian": gaussian(), "boxed_student": boxed_student(), "banana": banana()}


def run_chains(case: Case, *, seed: int, shift: float = 0.0) -> Chains:
    """Run independence chains; `shift` is a mistake in the log-density."""
    rng = np.random.default_rng(seed)
    shape = (NUM_DRAWS, NUM_CHAINS)
    proposed = case.proposal.rvs(NUM_DRAWS * NUM_CHAINS, random_state=rng)
    proposed = proposed.reshape(*shape, -1)
    log_weight = case.log_prob(proposed) + shift - case.proposal.logpdf(proposed)
    x = case.sample(NUM_CHAINS, rng)
    ratio = case.log_prob(x) + shift - case.proposal.logpdf(x)
    uniform = np.log(rng.uniform(size=shape))
    draws, ratios = np.empty_like(proposed), np.empty(shape)
    for i in range(NUM_DRAWS):
        accepted = uniform[i] < log_weight[i] - ratio
        x = np.where(accepted[:, None], proposed[i], x)
        ratio = np.where(accepted, log_weight[i], ratio)
        draws[i], ratios[i] = x, ratio
    log_prob = ratios + case.proposal.logpdf(draws)
    return Chains(draws, log_prob, ratios, proposed, log_weight)


def z_scores(estimate: Callable, case: Case, *, shift: float = 0.0) -> np.ndarray:
    """Return (estimate - truth) / error of 20 runs of `estimate(chains)`."""
    runs = [estimate(run_chains(case, seed=seed, shift=shift)) for seed in range(20)]
    values, errors = np.array(runs).T
    return (values - LOG_EVIDENCE) / errors


def are_calibrated(z: np.ndarray) -> bool:
    """Whether z scores of 20 runs look like standard normal numbers.

    The mean of 20 scatters by 0.22, their sd by 0.16.
    """
    return bool(abs(np.mean(z)) < 0.6 and 0.6 < np.std(z, ddof=1) < 1.5)
