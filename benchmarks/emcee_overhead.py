"""What a step of a move costs beside the user's function: 64 walkers in 10 dimensions.

Frozen moves on a normal target that costs next to nothing, whose own time is taken off;
contestants take turns.
"""

__all__ = ["overhead"]

from collections.abc import Iterator
from typing import Any

import emcee
import numpy as np
from common import interleave

from flowmc.moves import FlowMove, GlobalLocalMove, PreconditionedMove
from flowmc.sampling.settings import TrainSettings

WALKERS, SIZE, STEPS = 64, 10, 200
TRAIN = TrainSettings(max_steps=300)


def _log_prob(theta: np.ndarray) -> np.ndarray:
    return -0.5 * np.sum(theta**2, axis=1)


def _sampler(move: Any) -> tuple[Any, Any]:
    start = np.random.default_rng(0).normal(size=(WALKERS, SIZE))
    sampler = emcee.EnsembleSampler(
        WALKERS, SIZE, _log_prob, moves=move, vectorize=True
    )
    return sampler, sampler.run_mcmc(start, 64)


def _maf(kind: Any, **options: Any) -> tuple[Any, Any]:
    """Return a sampler whose frozen move has the network in force, mixed or alone."""
    move = kind("maf", 64, train=TRAIN, train_every=32, **options)
    sampler, state = _sampler(move)
    adaptation = move._adaptation
    adaptation._learner.rules = "network"
    if hasattr(adaptation, "_walks_in_network"):
        adaptation._walks_in_network = True
    return sampler, state


def overhead() -> Iterator[tuple[Any, ...]]:
    """Yield (move, milliseconds a step: median and smallest)."""
    made = {
        "emcee StretchMove": _sampler(emcee.moves.StretchMove()),
        "FlowMove": _maf(FlowMove),
        "FlowMove, complement": _sampler(FlowMove("gaussian", learn_from="complement")),
        "PreconditionedMove, t_pcn": _maf(PreconditionedMove),
        "PreconditionedMove, stretch": _maf(PreconditionedMove, kernel="stretch"),
        "GlobalLocalMove": _maf(GlobalLocalMove),
    }

    def steps(sampler: Any, state: Any) -> Any:
        return lambda: sampler.run_mcmc(state, STEPS, store=False)

    found = interleave({n: steps(*pair) for n, pair in made.items()}, repeats=9)
    for name, timing in found.items():
        yield name, timing.median / STEPS, timing.minimum / STEPS
