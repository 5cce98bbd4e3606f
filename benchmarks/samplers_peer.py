"""One peer without gradients on one problem; run by `samplers_peers`, file to file.

    PYTHON benchmarks/samplers_peer.py INPUT.npz OUTPUT.npz

Documented defaults; ensembles get 400,000 evaluations, of which a fifth is left out.
Densities are NumPy, vectorized, under a uniform prior on the box.
"""

__all__ = ["main"]

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ENSEMBLE_EVALUATIONS = 400_000
LEFT_OUT = 0.2
Density = Callable[[np.ndarray], np.ndarray]


class Counted:
    """Counts the points at which a density was evaluated."""

    def __init__(self, density: Density) -> None:
        self._density = density
        self.count = 0

    def __call__(self, theta: Any) -> Any:
        theta = np.asarray(theta, np.float64)
        values = self._density(np.atleast_2d(theta))
        self.count += len(values)
        return values if theta.ndim > 1 else float(values[0])


class Boxed:
    """A density with its uniform prior: -inf outside the box."""

    def __init__(self, density: Density, bounds: np.ndarray) -> None:
        self._density = density
        self._low, self._high = bounds.T

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        inside = np.all((theta >= self._low) & (theta <= self._high), axis=-1)
        safe = np.clip(theta, self._low, self._high)
        return np.where(inside, self._density(safe), -np.inf)


def main(source: str, destination: str) -> None:
    """Sample as the settings in `source` say; write draws, counts and seconds."""
    stored = dict(np.load(source))
    settings = json.loads(str(stored["settings"]))
    density = DENSITIES[settings["density"]](stored)
    run = PEERS[settings["contestant"]]
    started, before = time.perf_counter(), time.process_time()
    result = run(density, stored["bounds"], stored["initial"], settings["seed"])
    wall, cpu = time.perf_counter() - started, time.process_time() - before
    np.savez(destination, wall=wall, cpu=cpu, **result)


def run_emcee(density, bounds, initial, seed) -> dict[str, Any]:
    """Run the stretch move."""
    import emcee

    counted = Counted(Boxed(density, bounds))
    walkers, num_steps = _ensemble(initial, bounds, seed)
    sampler = emcee.EnsembleSampler(
        len(walkers), walkers.shape[1], counted, vectorize=True
    )
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(walkers, num_steps)
    chain = sampler.get_chain(discard=int(LEFT_OUT * num_steps))
    return {"theta": chain, "evaluations": counted.count}


def run_zeus(density, bounds, initial, seed) -> dict[str, Any]:
    """Run ensemble slice sampling; about five evaluations a step and walker."""
    import zeus

    counted = Counted(Boxed(density, bounds))
    walkers, num_steps = _ensemble(initial, bounds, seed)
    np.random.seed(seed)  # noqa: NPY002 - its only way to be seeded
    sampler = zeus.EnsembleSampler(
        len(walkers), walkers.shape[1], counted, vectorize=True, verbose=False
    )
    sampler.run_mcmc(walkers, num_steps // 5, progress=False)
    chain = sampler.get_chain(discard=int(LEFT_OUT * num_steps / 5))
    return {"theta": chain, "evaluations": counted.count}


def run_pocomc(density, bounds, initial, seed) -> dict[str, Any]:
    """Run preconditioned Monte Carlo."""
    import pocomc
    from scipy import stats

    counted = Counted(density)
    prior = pocomc.Prior([stats.uniform(low, high - low) for low, high in bounds])
    sampler = pocomc.Sampler(prior, counted, vectorize=True, random_state=seed)
    sampler.run(progress=False)
    samples, weights, *_ = sampler.posterior()
    evidence, error = sampler.evidence()
    return _weighted(samples, np.log(weights), counted.count, evidence, error)


def run_nautilus(density, bounds, initial, seed) -> dict[str, Any]:
    """Run importance nested sampling with neural networks."""
    import nautilus

    counted = Counted(density)
    low, high = bounds.T
    sampler = nautilus.Sampler(
        lambda unit: low + (high - low) * unit,
        counted,
        n_dim=len(bounds),
        vectorized=True,
        pass_dict=False,
        seed=seed,
    )
    sampler.run(verbose=False, timeout=900.0)
    points, log_weight, _ = sampler.posterior()
    error = 1.0 / np.sqrt(sampler.n_eff)
    return _weighted(points, log_weight, counted.count, sampler.log_z, error)


def run_dynesty(density, bounds, initial, seed) -> dict[str, Any]:
    """Run static nested sampling."""
    import dynesty

    counted = Counted(density)
    low, high = bounds.T
    sampler = dynesty.NestedSampler(
        counted,
        lambda unit: low + (high - low) * unit,
        len(bounds),
        rstate=np.random.default_rng(seed),
    )
    sampler.run_nested(print_progress=False)
    found = sampler.results
    values = (found.logwt, counted.count, found.logz[-1], found.logzerr[-1])
    return _weighted(found.samples, *values)


def rosenbrock(stored: Any) -> Density:
    """Return the log-likelihood of five pairs."""

    def density(theta):
        a, b = theta[:, ::2], theta[:, 1::2]
        return -np.sum(10.0 * (a**2 - b) ** 2 + (a - 1.0) ** 2, axis=-1)

    return density


def mixture(stored: Any) -> Density:
    """Return the log-density of two normals at +5 and -5."""

    def density(theta):
        upper = np.log(1.0 / 3.0) - 0.5 * np.sum((theta - 5.0) ** 2, axis=-1)
        lower = np.log(2.0 / 3.0) - 0.5 * np.sum((theta + 5.0) ** 2, axis=-1)
        size = theta.shape[-1]
        return np.logaddexp(upper, lower) - 0.5 * size * np.log(2.0 * np.pi)

    return density


def funnel(stored: Any) -> Density:
    """Return the log-density of the funnel, sd 3 of its neck."""

    def density(theta):
        v, body = theta[:, 0], theta[:, 1:]
        size = theta.shape[-1]
        neck = (v / 3.0) ** 2 + 2.0 * np.log(3.0) + (size - 1) * v
        squares = np.sum(body**2, axis=-1) * np.exp(-v)
        return -0.5 * (neck + squares + size * np.log(2.0 * np.pi))

    return density


def eggbox(stored: Any) -> Density:
    """Return the log-likelihood of the eggbox."""

    def density(theta):
        return (2.0 + np.cos(theta[:, 0] / 2.0) * np.cos(theta[:, 1] / 2.0)) ** 5

    return density


def gaussian(stored: Any) -> Density:
    """Return the log-density of a centred normal law from its precision."""
    precision = stored["precision"]
    return lambda theta: -0.5 * np.einsum("ni,ij,nj->n", theta, precision, theta)


def _ensemble(initial, bounds, seed) -> tuple[np.ndarray, int]:
    """Return walkers, four a dimension and at least 40, and how many steps to make."""
    size = len(bounds)
    number = max(40, 4 * size)
    random = np.random.default_rng([seed, 4])
    rows = np.arange(number) % len(initial)
    walkers = initial[rows] + 1e-6 * random.normal(size=(number, size))
    return walkers, ENSEMBLE_EVALUATIONS // number


def _weighted(samples, log_weight, count, evidence, error) -> dict[str, Any]:
    """Return an importance sample as one long chain with weights."""
    return {
        "theta": np.asarray(samples)[:, None, :],
        "log_weight": np.asarray(log_weight),
        "evaluations": count,
        "log_evidence": evidence,
        "log_evidence_error": error,
    }


DENSITIES = {
    "rosenbrock10": rosenbrock,
    "mixture10": mixture,
    "funnel10": funnel,
    "eggbox": eggbox,
    "illcond50": gaussian,
}
PEERS = {
    "emcee": run_emcee,
    "zeus": run_zeus,
    "pocomc": run_pocomc,
    "nautilus": run_nautilus,
    "dynesty": run_dynesty,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
