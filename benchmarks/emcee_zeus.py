"""Ensemble slice sampling by zeus, in an interpreter that has it, file to file.

PYTHON benchmarks/emcee_zeus.py INPUT.npz OUTPUT.npz
"""

__all__ = ["main"]

import json
import sys
import time

import numpy as np
from emcee_problems import log_prob_of

EVALUATIONS_A_STEP = 5  # of each walker, or so; the count tells


def main(source: str, destination: str) -> None:
    """Run as the settings in `source` say; write chain, evaluations and seconds."""
    import zeus

    stored = dict(np.load(source))
    settings = json.loads(str(stored["settings"]))
    log_prob, count = log_prob_of(settings["problem"], stored), [0]

    def counted(theta: np.ndarray) -> np.ndarray:
        count[0] += len(theta)
        return log_prob(theta)

    start = stored["start"]
    steps = settings["most"] // len(start) // EVALUATIONS_A_STEP
    np.random.seed(settings["seed"])  # noqa: NPY002 - its only way to be seeded
    sampler = zeus.EnsembleSampler(*start.shape, counted, vectorize=True, verbose=False)
    started = time.perf_counter()
    sampler.run_mcmc(start, steps, progress=False)
    seconds = time.perf_counter() - started
    chain = sampler.get_chain()
    np.savez(destination, chain=chain, evaluations=count[0], seconds=seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
