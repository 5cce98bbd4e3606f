"""pocoMC's own training of its own flow, as a curve of held-out loss over time."""

__all__ = ["Curve", "train_pocomc"]

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

# What `Flow.fit` does by itself; a tenth is held out for early stopping, as ours does
# (the whole share given is what pocoMC trains on).
FIT_DEFAULTS = {"validation_split": 0.9}
# What the sampler passes to it, for ten dimensions and 512 effective particles.
SAMPLER_DEFAULTS = {
    "validation_split": 0.5,
    "epochs": 5000,
    "batch_size": 256,
    "patience": 10,
    "learning_rate": 1e-3,
    "annealing": False,
    "clip_grad_norm": 1.0,
}
STYLES = {
    "sampler defaults": SAMPLER_DEFAULTS,
    "sampler defaults, 90 % to train on": {**SAMPLER_DEFAULTS, "validation_split": 0.9},
    "fit defaults": FIT_DEFAULTS,
}


@dataclass
class Curve:
    """Held-out losses, less the entropy of the target, and when they were reached."""

    seconds: list[float]
    losses: list[float]
    processor: float  # seconds of all threads, over the whole training
    model: Any = None

    def seconds_to(self, loss: float) -> float:
        """Return when the held-out loss first was at most `loss`."""
        reached = np.flatnonzero(np.asarray(self.losses) <= loss)
        return self.seconds[int(reached[0])] if len(reached) else float("inf")


def train_pocomc(problem: Any, style: str, *, quick: bool) -> Curve:
    """Train pocoMC's default flow on standardized draws, as its sampler does.

    Args:
        problem: Draws and entropy.
        style: One of `STYLES`.
        quick: Two epochs only.
    """
    import pocomc
    import torch

    torch.manual_seed(0)
    mean, deviation = problem.draws.mean(axis=0), problem.draws.std(axis=0)
    x = torch.tensor((problem.draws - mean) / deviation, dtype=torch.float32)
    flow = pocomc.Flow(x.shape[1], flow="nsf6")
    options = dict(STYLES[style])
    if quick:
        options["epochs"] = 2
    started, processor = time.perf_counter(), time.process_time()
    history = flow.fit(x, **options)
    total = time.perf_counter() - started
    processor = time.process_time() - processor
    num_epochs = len(history["val_loss"])
    seconds = [total * (epoch + 1) / num_epochs for epoch in range(num_epochs)]
    shift = np.log(deviation).sum() - problem.entropy
    losses = [loss + shift for loss in history["val_loss"]]
    return Curve(seconds, losses, processor)
