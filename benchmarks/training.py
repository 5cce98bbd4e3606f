"""Training: time to a useful proposal, against pocoMC's own training, and settings.

    python benchmarks/training.py [--quick] [--only FIGURE ...]

The peer comes with the extra `bench`; if it is not installed its figure is left out.
Writes `benchmarks/results/training.json`.
"""

__all__ = ["main"]

import argparse
import time
from typing import Any

from common import Table, fingerprint, quiet_tensorflow, save

quiet_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from training_peer import Curve, train_pocomc  # noqa: E402

from flowmc import fit, models  # noqa: E402
from flowmc.models.saving import get_arrays, set_arrays  # noqa: E402
from flowmc.targets import funnel, rosenbrock  # noqa: E402
from flowmc.training.trainer import Trainer  # noqa: E402

SIZE = 10
NUM_FRESH = 20_000
ACCEPTANCE = 0.75
FAMILIES = ("maf", "spline_autoregressive")
SETTINGS = [  # learning rate, batch, steps, weight decay, schedule
    (3e-3, 512, 2000, 0.0, "cosine"),
    (1e-2, 256, 2000, 0.0, "cosine"),
    (1e-2, 256, 2000, 0.1, "cosine"),
    (1e-2, 256, 2000, 1.0, "cosine"),
    (2e-2, 256, 2000, 0.1, "cosine"),
    (1e-2, 256, 1000, 0.1, "cosine"),
    (1e-2, 256, 4000, 0.1, "plateau"),
]


class Problem:
    """Exact draws to train on, and fresh ones to judge by.

    Args:
        name: "rosenbrock" or "funnel", in ten dimensions.
        num_draws: Draws to train on.
    """

    def __init__(self, name: str, num_draws: int) -> None:
        self.name = name
        self.target = (
            rosenbrock(SIZE, prior=None)
            if name == "rosenbrock"
            else funnel(SIZE, bounded=False)
        )
        self.draws = self.target.sample(num_draws, seed=1)
        self.fresh = self.target.sample(NUM_FRESH, seed=2)
        self.log_prob = self.target.log_prob(self.fresh).numpy()
        self.entropy = self.target.log_evidence - self.log_prob.mean()

    def divergence(self, model: Any) -> float:
        """Return KL(target, model) in nats, on the fresh draws."""
        return float(-model.log_prob(self.fresh).numpy().mean() - self.entropy)

    def acceptance(self, model: Any) -> float:
        """Return the acceptance of independence steps between exact draws."""
        x, log_q = model.sample_and_log_prob(NUM_FRESH, seed=tf.constant([1, 2]))
        proposed = self.target.log_prob(x).numpy() - log_q.numpy()
        current = self.log_prob - model.log_prob(self.fresh).numpy()
        return float(np.mean(np.exp(np.minimum(proposed - current, 0.0))))


def main() -> None:
    """Measure the figures asked for, show them and save them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few steps and draws")
    parser.add_argument("--only", nargs="*", choices=list(FIGURES), default=None)
    options = parser.parse_args()
    for figure in options.only or FIGURES:
        started = fingerprint()
        table = FIGURES[figure](options.quick)
        name = "training_quick" if options.quick else "training"
        save(name, {figure: table}, started)


def measure_proposal(quick: bool) -> Table:
    """Time `fit` from a fresh model, compilation included, to acceptance 0.75.

    The fit must end before its weights are used, so that its whole time counts.
    """
    table = Table(
        "From 10^4 exact draws of Rosenbrock-10 to a proposal, compilation included",
        (
            "family",
            "whole (s)",
            "cpu (s)",
            "to 0.75 (s)",
            "KL",
            "accepted",
            "defensive",
        ),
        goal="acceptance 0.75 in under 20 s",
    )
    problem = Problem("rosenbrock", 1000 if quick else 10_000)
    for family in FAMILIES[:1] if quick else FAMILIES:
        curve = train_flowmc(problem, family, quick=quick)
        model = curve.model
        mixture = models.defensive(model, weight=0.1)
        mixture.fit_tails(problem.draws)
        accepted = problem.acceptance(model)
        table.add(
            family,
            curve.seconds[-1],
            curve.processor,
            curve.seconds[-1] if accepted >= ACCEPTANCE else float("inf"),
            problem.divergence(model),
            accepted,
            problem.acceptance(mixture),
        )
    return table


def measure_sampler_training(quick: bool) -> Table:
    """Compare with the training that pocoMC's sampler does."""
    return _measure_pocomc("sampler defaults", quick)


def measure_more_draws(quick: bool) -> Table:
    """Give pocoMC the nine tenths to train on that ours has, instead of half."""
    return _measure_pocomc("sampler defaults, 90 % to train on", quick)


def measure_fit_training(quick: bool) -> Table:
    """Compare with the defaults of pocoMC's `Flow.fit`; takes long."""
    return _measure_pocomc("fit defaults", quick)


def _measure_pocomc(style: str, quick: bool) -> Table:
    """Time both to the larger of the two smallest held-out losses.

    Losses are on each one's own held-out draws, less the entropy of the target. Times
    of ours include compilation; those of pocoMC are shares of its whole time, by
    epochs.
    """
    table = Table(
        f"Rosenbrock-10, 10^4 draws, against pocoMC's own training ({style})",
        (
            *("contestant", "whole (s)", "cpu (s)", "smallest KL"),
            *("common KL", "to common (s)", "speed-up"),
        ),
        goal="at least 5 times less than pocoMC to the same held-out loss",
    )
    problem = Problem("rosenbrock", 1000 if quick else 10_000)
    ours = train_flowmc(problem, "maf", quick=quick)
    peer = train_pocomc(problem, style, quick=quick)
    common = max(min(ours.losses), min(peer.losses))
    theirs = peer.seconds_to(common)
    for name, curve in (("flowmc maf", ours), ("pocoMC nsf6", peer)):
        reached = curve.seconds_to(common)
        table.add(
            name,
            curve.seconds[-1],
            curve.processor,
            min(curve.losses),
            common,
            reached,
            theirs / reached,
        )
    return table


def measure_settings(quick: bool) -> Table:
    """Compare settings of `fit`; steps are timed without compilation."""
    table = Table(
        "Settings of fit (maf, D = 10): KL on fresh draws",
        (
            *("target", "draws", "rate", "batch", "steps", "decay", "schedule"),
            *("KL", "best step", "last step", "seconds", "cpu s"),
        ),
    )
    for name in ("rosenbrock", "funnel"):
        for num_draws in (1000,) if quick else (1000, 10_000):
            problem = Problem(name, num_draws)
            for setting in SETTINGS[:2] if quick else SETTINGS:
                table.add(name, num_draws, *setting, *_fit_with(problem, *setting))
    return table


def train_flowmc(problem: Problem, family: str, *, quick: bool) -> Curve:
    """Fit a fresh model with the defaults; return its held-out losses over time."""
    seconds, losses = [], []
    started, processor = time.perf_counter(), time.process_time()

    def note(phase: str, done: int, total: int, stats: Any) -> None:
        seconds.append(time.perf_counter() - started)
        losses.append(stats["held out"] - problem.entropy)

    model = models.make(family, event_size=SIZE, seed=0)
    options = {"max_steps": 200} if quick else {}
    fit(model, problem.draws, progress=note, **options)
    seconds[-1] = time.perf_counter() - started
    return Curve(seconds, losses, time.process_time() - processor, model)


def _fit_with(problem, rate, batch, steps, decay, schedule) -> tuple:
    model = models.make("maf", event_size=SIZE, seed=0)
    start = get_arrays(model)
    trainer = Trainer(model, batch_size=batch, weight_decay=decay)
    options = {"learning_rate": rate, "schedule": schedule, "trainer": trainer}
    fit(model, problem.draws, max_steps=1, **options)
    set_arrays(model, start)
    trainer.adam.reset()
    wall, cpu = time.perf_counter(), time.process_time()
    history = fit(model, problem.draws, max_steps=steps, **options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    last = int(history.steps[-1])
    return problem.divergence(model), history.best_step, last, wall, cpu


FIGURES = {
    "proposal": measure_proposal,
    "pocomc": measure_sampler_training,
    "pocomc_90": measure_more_draws,
    "settings": measure_settings,
    "pocomc_fit": measure_fit_training,
}

if __name__ == "__main__":
    main()
