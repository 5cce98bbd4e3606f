"""One peer without gradients on one problem; run by `samplers_peers`, file to file.

    PYTHON benchmarks/samplers_peer.py INPUT.npz OUTPUT.npz

Documented defaults; ensembles get 400,000 evaluations, of which a fifth is left out.
Densities are NumPy, vectorized; priors are uniform on a box, or normal (not for
ensembles).
"""

__all__ = ["main"]

import json
import sys
import time
from typing import Any

import numpy as np
from samplers_densities import DENSITIES, Density
from scipy import stats

ENSEMBLE_EVALUATIONS = 400_000
LEFT_OUT = 0.2


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


class Prior:
    """Independent priors, uniform or normal, as each peer wants them.

    Args:
        laws: Ends of the boxes, or means and standard deviations, `[D, 2]`.
        is_normal: Which of the two they are.
    """

    def __init__(self, laws: np.ndarray, *, is_normal: bool) -> None:
        first, second = laws.T
        self.bounds = laws
        self._laws = (
            stats.norm(first, second)
            if is_normal
            else stats.uniform(first, second - first)
        )
        self.marginals = [
            stats.norm(a, b) if is_normal else stats.uniform(a, b - a) for a, b in laws
        ]

    def transform(self, unit: np.ndarray) -> np.ndarray:
        """Return the parameters of points `[..., D]` of the unit cube."""
        return self._laws.ppf(unit)


def main(source: str, destination: str) -> None:
    """Sample as the settings in `source` say; write draws, counts and seconds."""
    stored = dict(np.load(source))
    settings = json.loads(str(stored["settings"]))
    density = DENSITIES[settings["density"]](stored)
    run = PEERS[settings["contestant"]]
    started, before = time.perf_counter(), time.process_time()
    prior = Prior(stored["prior"], is_normal=settings["prior"] == "normal")
    result = run(density, prior, stored["initial"], settings["seed"])
    wall, cpu = time.perf_counter() - started, time.process_time() - before
    np.savez(destination, wall=wall, cpu=cpu, **result)


def run_emcee(density, prior, initial, seed) -> dict[str, Any]:
    """Run the stretch move."""
    import emcee

    counted = Counted(Boxed(density, prior.bounds))
    walkers, num_steps = _ensemble(initial, seed)
    sampler = emcee.EnsembleSampler(
        len(walkers), walkers.shape[1], counted, vectorize=True
    )
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(walkers, num_steps)
    chain = sampler.get_chain(discard=int(LEFT_OUT * num_steps))
    return {"theta": chain, "evaluations": counted.count}


def run_zeus(density, prior, initial, seed) -> dict[str, Any]:
    """Run ensemble slice sampling; about five evaluations a step and walker."""
    import zeus

    counted = Counted(Boxed(density, prior.bounds))
    walkers, num_steps = _ensemble(initial, seed)
    np.random.seed(seed)  # noqa: NPY002 - its only way to be seeded
    sampler = zeus.EnsembleSampler(
        len(walkers), walkers.shape[1], counted, vectorize=True, verbose=False
    )
    sampler.run_mcmc(walkers, num_steps // 5, progress=False)
    chain = sampler.get_chain(discard=int(LEFT_OUT * num_steps / 5))
    return {"theta": chain, "evaluations": counted.count}


def run_pocomc(density, prior, initial, seed) -> dict[str, Any]:
    """Run preconditioned Monte Carlo."""
    import pocomc

    counted = Counted(density)
    laws = pocomc.Prior(prior.marginals)
    sampler = pocomc.Sampler(laws, counted, vectorize=True, random_state=seed)
    sampler.run(progress=False)
    samples, weights, *_ = sampler.posterior()
    evidence, error = sampler.evidence()
    return _weighted(samples, np.log(weights), counted.count, evidence, error)


def run_nautilus(density, prior, initial, seed) -> dict[str, Any]:
    """Run importance nested sampling with neural networks."""
    import nautilus

    counted = Counted(density)
    sampler = nautilus.Sampler(
        prior.transform,
        counted,
        n_dim=len(prior.marginals),
        vectorized=True,
        pass_dict=False,
        seed=seed,
    )
    sampler.run(verbose=False, timeout=900.0)
    points, log_weight, _ = sampler.posterior()
    error = 1.0 / np.sqrt(sampler.n_eff)
    return _weighted(points, log_weight, counted.count, sampler.log_z, error)


def run_dynesty(density, prior, initial, seed) -> dict[str, Any]:
    """Run static nested sampling."""
    import dynesty

    counted = Counted(density)
    sampler = dynesty.NestedSampler(
        counted,
        prior.transform,
        len(prior.marginals),
        rstate=np.random.default_rng(seed),
    )
    sampler.run_nested(print_progress=False)
    found = sampler.results
    values = (found.logwt, counted.count, found.logz[-1], found.logzerr[-1])
    return _weighted(found.samples, *values)


def _ensemble(initial, seed) -> tuple[np.ndarray, int]:
    """Return walkers, four a dimension and at least 40, and how many steps to make."""
    size = initial.shape[1]
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


PEERS = {
    "emcee": run_emcee,
    "zeus": run_zeus,
    "pocomc": run_pocomc,
    "nautilus": run_nautilus,
    "dynesty": run_dynesty,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
