"""Small made-up posteriors with every field filled, from fixed seeds."""

__all__ = ["NAMES", "draws", "history", "make_posterior"]

import numpy as np

from flowmc.core.records import (
    Cost,
    History,
    SavedModel,
    WeightedDraws,
    WindowRecord,
)
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.posterior import Posterior, WarmupDraws
from flowmc.results.verdict import judge

NAMES = ("logk1", "logk2", "jit")
KERNELS = ("independence", "random_walk")


def draws(seed=0, *, num_draws=300, num_chains=8, event_size=3):
    """Independent normal draws with means 1, 2, ... and sds 1, 1/2, ..."""
    generator = np.random.default_rng(seed)
    scale = 1.0 / np.arange(1, event_size + 1)
    noise = generator.standard_normal((num_draws, num_chains, event_size))
    return noise * scale + np.arange(1, event_size + 1)


def fit_history(seed, *, steps=400, floor=3.0):
    """A loss curve that falls, flattens and overfits a little."""
    generator = np.random.default_rng(seed)
    at = np.arange(20, steps + 1, 20)
    train = floor + 4.0 * np.exp(-at / 60.0) + 0.03 * generator.standard_normal(at.size)
    held_out = train + 0.05 + 0.0004 * at
    best = int(np.argmin(held_out))
    return History(
        steps=at,
        train_loss=train,
        validation_loss=held_out,
        best_step=int(at[best]),
        best_loss=float(held_out[best]),
        stop_reason="No improvement for 200 steps.",
        baseline_loss=floor + 0.4,
        events=("Learning rate halved at step 120 after a non-finite loss.",),
        seconds=1.25,
    )


def history():
    """Five windows as a run would leave them."""
    gate = "Refit accepted: held-out loss 3.31 -> 3.12, Pareto k 0.44 -> 0.31."
    back = "Refit rolled back: held-out loss 3.12 -> 3.19."
    return (
        WindowRecord("anneal", "gaussian", 200, {"random_walk": 0.31}),
        WindowRecord(
            "warmup 1",
            "gaussian",
            100,
            {"random_walk": 0.27, "independence": 0.41},
            {"step_size": 0.9},
            (gate,),
            fit_history(1),
        ),
        WindowRecord(
            "warmup 2",
            "maf",
            100,
            {"random_walk": 0.28, "independence": 0.66},
            {"step_size": 0.8},
            (back,),
            fit_history(2, floor=2.9),
        ),
        WindowRecord("production", "maf", 300, {"random_walk": 0.3}),
    )


def make_posterior(theta=None, *, names=NAMES, verdict_options=None, **fields):
    """A posterior with everything in it; `fields` replace what is given here."""
    theta = draws() if theta is None else theta
    generator = np.random.default_rng(9)
    num_draws, num_chains, event_size = theta.shape
    log_prob = -0.5 * np.sum(theta**2, axis=-1)
    kernel = np.arange(num_draws) % 2
    is_accepted = generator.random((num_draws, num_chains)) < 0.6
    log_weight = 0.4 * generator.standard_normal(500)
    evidence = {"importance": (-103.345, 0.004), "bridge": (-103.348, 0.006)}
    diagnostics = compute_diagnostics(
        theta,
        log_prob,
        names=names,
        weighted_log_weight=log_weight,
        is_accepted=is_accepted,
        kernel=kernel,
        kernel_names=KERNELS,
        mode_report={"groups": 4, "notes": ["Groups agree."], "log_ratio": -np.inf},
    )
    values = {
        "theta": theta,
        "log_prob": log_prob,
        "names": names,
        "diagnostics": diagnostics,
        "verdict": judge(diagnostics, evidence=evidence, **(verdict_options or {})),
        "log_likelihood": log_prob + 1.0,
        "weighted": WeightedDraws(
            generator.standard_normal((500, event_size)), log_weight, 520
        ),
        "warmup": WarmupDraws(
            theta[:20] + 3.0, log_prob[:20], np.repeat([1, 2], [10, 10])
        ),
        "labels": (r"\ln K_1", r"$\ln K_2$", "jitter")[:event_size],
        "derived": {"k1": np.tanh(theta[:, :, 0])},
        "stats": {
            "kernel": np.array(KERNELS)[kernel],
            "is_accepted": is_accepted,
            "step": np.arange(num_draws),
        },
        "log_evidence": -103.345,
        "log_evidence_error": 0.004,
        "evidence": evidence,
        "config": {"seed": 3, "sample": {"num_draws": num_draws, "bounds": [-np.inf]}},
        "history": history(),
        "cost": Cost(81_234, 12_345, {"compile": 8.5, "train": 20.25, "total": 61.5}),
        "saved_model": SavedModel(
            {"family": "maf", "options": {"num_layers": 5, "widths": [32, 32]}},
            {
                "layer/0/weight": generator.standard_normal((4, 5)).astype(np.float32),
                "layer/0": np.arange(3),
                "mask": np.eye(3, dtype=bool),
            },
        ),
    }
    return Posterior(**{**values, **fields})
