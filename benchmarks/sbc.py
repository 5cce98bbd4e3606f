"""Simulation-based calibration of the adaptive sampler.

    python benchmarks/sbc.py [--models conjugate decay] [--replications 500] [--resume]
        [--spoil 1.0]

Parameters drawn from the prior, data from the parameters, draws from the posterior: the
parameters' ranks among the draws are uniform if the sampler is right (Talts et al.
2018, arXiv:1804.06788); the log-likelihood is among the quantities (Modrak et al. 2022,
arXiv:2211.02383).  `--spoil 1.3` gives the sampler too wide a noise, and must fail.
Writes `benchmarks/results/sbc.json`.
"""

__all__ = ["Sampler", "main"]

import argparse
import json
import time
from dataclasses import asdict
from typing import Any

import numpy as np
from common import RESULTS, fingerprint, quiet_tensorflow

quiet_tensorflow()

from sbc_models import MODELS, Model, make_model  # noqa: E402
from scipy import stats  # noqa: E402

from flowmc.core.progress import make_progress  # noqa: E402
from flowmc.core.seeds import fold_in, root_seed  # noqa: E402
from flowmc.sampling.adaptive import run_adaptive  # noqa: E402
from flowmc.sampling.budget import Budget  # noqa: E402
from flowmc.sampling.engine import Engine  # noqa: E402
from flowmc.sampling.saver import Saver  # noqa: E402
from flowmc.sampling.settings import Schedule, TrainSettings  # noqa: E402
from flowmc.sampling.space import Space  # noqa: E402
from flowmc.sampling.state import RunState, join_chunks  # noqa: E402

NUM_CHAINS, NUM_DRAWS = 16, 192
NUM_RANKED = 127  # thinned draws: ranks from 0 to 127
NUM_BINS = 16
SCHEDULE = Schedule(
    windows=(4, 8),
    extra_windows=0,
    second_group=False,
    train=TrainSettings(max_steps=200, patience=200, capacity=1024),
)
ALPHA = 0.01
SAVE_EVERY = 10


class Sampler:
    """The adaptive sampler, compiled once and begun anew for each data set.

    Args:
        model: Whose data variable is assigned before each run.
        seed: Root seed.
    """

    def __init__(self, model: Model, *, seed: int) -> None:
        self._model = model
        self._seed = root_seed(seed)
        self._space = Space(model.target)
        self._engine = Engine(
            self._space,
            model="maf",
            kernel="t_pcn",
            schedule=SCHEDULE,
            num_chains=NUM_CHAINS,
            seed=self._seed,
            progress=False,
        )
        self._untrained = self._engine.learner.to_arrays()

    def draw(self, *, replication: int, random: np.random.Generator) -> np.ndarray:
        """Return thinned posterior draws `[127, D]` of the present data."""
        self._engine.learner.from_arrays(self._untrained)
        self._engine.seed = fold_in(self._seed, "replication", replication)
        state, _ = run_adaptive(
            self._engine,
            RunState(),
            initial=self._model.draw_prior(NUM_CHAINS, random=random),
            budget=Budget(NUM_DRAWS),
            saver=Saver(None, identity={}),
            progress=make_progress(False),
        )
        x = join_chunks(state.draws).position[:NUM_DRAWS]
        stride = NUM_DRAWS * NUM_CHAINS // (NUM_RANKED + 1)
        kept = x[stride - 1 :: stride].reshape(-1, x.shape[-1])[:NUM_RANKED]
        return self._space.to_theta(kept)[0]


def main() -> None:
    """Rank, test and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", choices=list(MODELS), default=None)
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--spoil", type=float, default=1.0)
    options = parser.parse_args()
    path = RESULTS / ("sbc.json" if options.spoil == 1.0 else "sbc_spoiled.json")
    document = json.loads(path.read_text()) if path.exists() else {}
    for name in options.models or MODELS:
        before = document.get(name, {}) if options.resume else {}
        if before.get("settings") != _settings():
            before = {}
        for entry in _calibrate(name, before, options):
            document[name] = entry
            path.write_text(json.dumps(document, indent=1) + "\n")
    _report(document, models=options.models or list(MODELS))


def _calibrate(name: str, before: dict, options: argparse.Namespace):
    """Yield the entry of one model, now and then and at the end."""
    model = make_model(name, spoiled=options.spoil)
    sampler = Sampler(model, seed=0)
    entry = {"ranks": {}, "seconds": 0.0, "sampled": 0, **before}
    entry |= {"settings": _settings(), "machine": fingerprint()}
    started = time.perf_counter() - entry["seconds"]
    for replication in range(entry["sampled"], options.replications):
        random = np.random.default_rng([7, replication])
        truth = model.draw_prior(1, random=random)
        model.data.assign(model.simulate(truth[0], random=random))
        theta = sampler.draw(replication=replication, random=random)
        for quantity, value in _quantities(model, truth).items():
            rank = int(np.sum(_quantities(model, theta)[quantity] < value[0]))
            entry["ranks"].setdefault(quantity, []).append(rank)
        entry["sampled"] = replication + 1
        entry["seconds"] = time.perf_counter() - started
        if entry["sampled"] % SAVE_EVERY == 0:
            pace = entry["seconds"] / entry["sampled"]
            print(f"{name}: {entry['sampled']}, {pace:.2f} s each", flush=True)
            yield entry
    entry["p"] = {q: _uniformity(ranks) for q, ranks in entry["ranks"].items()}
    yield entry


def _quantities(model: Model, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Return what is ranked, for parameters `[n, D]`."""
    columns = dict(zip(model.names, theta.T, strict=True))
    return {**columns, "log-likelihood": model.log_likelihood(theta)}


def _uniformity(ranks: list[int]) -> float:
    """Return the p-value of a chi-square test over equal bins of ranks."""
    counts = np.bincount(
        np.asarray(ranks) * NUM_BINS // (NUM_RANKED + 1), minlength=NUM_BINS
    )
    return float(stats.chisquare(counts).pvalue)


def _settings() -> dict[str, Any]:
    chosen = {
        "num_chains": NUM_CHAINS,
        "num_draws": NUM_DRAWS,
        "num_ranked": NUM_RANKED,
        "schedule": asdict(SCHEDULE),
    }
    return json.loads(json.dumps(chosen))


def _report(document: dict[str, Any], *, models: list[str]) -> None:
    found = {
        (name, quantity): p
        for name in models
        for quantity, p in document[name].get("p", {}).items()
    }
    for (name, quantity), p in found.items():
        corrected = min(1.0, p * len(found))
        verdict = "uniform" if corrected > ALPHA else "NOT UNIFORM"
        number = document[name]["sampled"]
        print(
            f"{name:>10} {quantity:>15}  n {number}  p {p:.3g}"
            f"  corrected {corrected:.3g}  {verdict}"
        )


if __name__ == "__main__":
    main()
