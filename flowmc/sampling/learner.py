"""What a run learns: maps fitted to a reservoir of draws, and when which map rules.

The affine map is always fitted; the network takes over only when it beats the affine
map on held-out draws, and a refit of it stays only if the gate lets it.
"""

__all__ = ["Learner"]

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowmc.core.records import History
from flowmc.core.seeds import fold_in
from flowmc.models.saving import get_arrays, set_arrays
from flowmc.sampling.closed_form import ClosedForms
from flowmc.sampling.judging import beats, has_drifted, make_judge
from flowmc.sampling.latent import is_latent
from flowmc.sampling.parts import part_of, spread
from flowmc.sampling.settings import Schedule
from flowmc.training.fit import fit
from flowmc.training.gate import MOST_DRAWS
from flowmc.training.trainer import Trainer

FITS_PER_GAP = 4  # of the network while annealing
MIN_GAIN = 0.01  # nats by which a network must beat the affine map
QUICK_ROWS = 2048  # that clusters are looked for in while annealing


class Learner(ClosedForms):
    """Maps, reservoir and optimizer of one run.

    Args:
        event_size: `D`.
        model: Family name, or a model instance to be trained.
        schedule: The run's settings.
        seed: Root seed.
        is_free: Whether a network may be left out where it is not needed.

    Attributes:
        train_seconds: Time spent in fits, compilation included.
    """

    def __init__(
        self,
        event_size: int,
        *,
        model: Any,
        schedule: Schedule,
        seed: Any,
        is_free: bool = False,
    ) -> None:
        self.is_free = is_free
        super().__init__(event_size, model=model, schedule=schedule, seed=seed)
        self._trainers: dict[str, Trainer] = {}
        self._trainer = self._make_trainer()
        self._is_trained, self._is_given = False, not isinstance(model, str)
        self._num_followed = self._next_level = 0  # fits while annealing, and the next
        self.train_seconds = 0.0
        self._best_loss = np.inf  # of the last fit, on its held-out draws

    def refit(
        self, *, window: int, progress: Any, anew: bool = False
    ) -> tuple[History | None, list[str]]:
        """Fit everything to the reservoir; decide which map rules from here on.

        Args:
            window: Number of the fit, for its seeds.
            progress: Where the fit is shown.
            anew: Whether the network begins with its first weights: where draws were in
                an earlier fit, those held out now would flatter what that fit learned.

        Returns:
            The network's training history (None if it was not tried) and notes.
        """
        self.fit_affine((window,))
        draws, train = self.replay.draws, self._schedule.train
        needed = train.min_draws_per_parameter * self.replay.event_size
        if self._trainer is None:
            return None, [self._fit_closed_form(draws)]
        if len(np.unique(draws, axis=0)) < needed:
            self.let_rule("affine")
            return None, [f"fewer than {needed} distinct draws: the affine map is kept"]
        if self.is_free and self.is_enough:
            self.let_rule("affine")
            return None, [f"{self.affine_name}: good enough, no network was trained"]
        network = self.network
        before = get_arrays(network)
        if self._is_given and not self._is_trained and not is_latent(network):
            # Trained by the user on something like these draws: to be gone on with.
            self._is_trained = beats(network, self.clusters, draws, by=MIN_GAIN)
        if self._is_trained and has_drifted(network, draws):
            self.restart()
        judge = make_judge(
            network,
            self.proposals["network"],
            self.replay,
            is_trained=self._is_trained,
            seed=fold_in(self._seed, "judge", window),
        )
        begins = anew or not self._is_trained
        if anew:
            set_arrays(network, self.initial)
            self._trainer.adam.reset()
        history = self._train((window,), progress, whiten=begins)
        gate = judge()
        if not gate.is_accepted:
            set_arrays(network, before)
            return history, [f"refit rolled back: {gate.reason}"]
        self._is_trained = True
        notes = [gate.reason, self._choose(history)]
        note = self.weigh(draws[self.held((window,))])
        return history, notes + ([note] if note else [])

    def follow(self, *, level: int, is_poor: bool) -> None:
        """Fit the maps to the reservoir at one temperature of the annealing.

        The affine map costs nothing; the network is tried where jumps from the map in
        force fared badly.

        Args:
            level: Number of the temperature.
            is_poor: Whether few jumps were accepted at the last temperature.
        """
        # Twice the time for each temperature: only where all that is visited counts.
        splits = self._schedule.anneal.recycles
        self.fit_affine(("level", level), most_rows=QUICK_ROWS, splits=splits)
        draws, network = self.replay.draws, self.network
        needed = self._schedule.train.min_draws_per_parameter * draws.shape[1]
        may_try = self._trainer is not None and not is_latent(network)
        is_due = is_poor and level >= self._next_level
        if not may_try or not is_due or len(np.unique(draws[:, 0])) < needed:
            self._fall_back(draws)
            return
        before = get_arrays(network)
        steps = self._schedule.anneal.train_steps
        history = self._train(("level", level), False, whiten=True, max_steps=steps)
        log_q = network.log_prob(spread(draws, MOST_DRAWS)).numpy()
        if not np.isfinite(log_q).all():  # the gate proper waits for the target itself
            set_arrays(network, before)
            self.let_rule("affine")
            return
        self._is_trained = True
        self._choose(history)
        self.weigh(draws[self.held(("level", level))])
        # Fits become rarer as the temperatures go on, and rarer still if they fail; not
        # where all that is visited counts: what poor jumps lose there never comes back.
        self._num_followed += 1
        is_better = self.rules != "affine"
        gap = (1 + self._num_followed // FITS_PER_GAP) * (1 if is_better else 2)
        self._next_level = level + (1 if splits else gap)

    def _fall_back(self, draws: np.ndarray) -> None:
        """Let the affine map rule where the network no longer fits the draws."""
        if self.rules == "network" and not is_latent(self.network):
            self.let_rule(
                "network"
                if beats(self.network, self.clusters, draws, by=MIN_GAIN)
                else "affine"
            )

    def begin(self) -> None:
        """Begin the windows: a network that the user trained is as it was given."""
        if self._is_given and not is_latent(self.network):
            self.restart()
            self.let_rule("affine")

    def restart(self) -> None:
        """Forget what the network has learned: the draws are of another kind now."""
        set_arrays(self.network, self.initial)
        if self._trainer is not None:
            self._trainer.adam.reset()
        self._is_trained = False

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned, for checkpoints."""
        parts = {"adam": self._adam_arrays(), "replay": self.replay.to_arrays()}
        flat = {f"{k}/{n}": a for k, arrays in parts.items() for n, a in arrays.items()}
        counts = self._num_followed, self._next_level
        scalars = [self._is_trained, self._best_loss, *counts]
        return {**super().to_arrays(), **flat, "fit": np.array(scalars, np.float64)}

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `to_arrays` returned."""
        network = self.network
        super().from_arrays(arrays)
        if self.network is not network:
            self._trainer = self._make_trainer()
        if self._trainer is not None:
            set_arrays(self._trainer.adam, part_of(arrays, "adam"))
        self.replay.from_arrays(part_of(arrays, "replay"))
        is_trained, self._best_loss, followed, next_level = map(float, arrays["fit"])
        self._is_trained = bool(is_trained)
        self._num_followed, self._next_level = int(followed), int(next_level)

    def _make_trainer(self) -> Trainer | None:
        network = self.network
        if not network.trainable_variables:
            return None
        if self.family not in self._trainers:  # one a network: each compiles
            size = self._schedule.train.batch_size
            self._trainers[self.family] = Trainer(network, batch_size=size)
        trainer = self._trainers[self.family]
        trainer.adam.reset()
        return trainer

    def _adam_arrays(self) -> dict[str, np.ndarray]:
        return {} if self._trainer is None else get_arrays(self._trainer.adam)

    def _fit_closed_form(self, draws: np.ndarray) -> str:
        """Fit a model without weights to train, such as a Student-t."""
        if self.network.description != self.affine.description:
            self.network.fit_whitening(draws)
            self.let_rule("network")
        return "the model is affine: fitted in closed form"

    def _train(
        self, labels: tuple, progress: Any, *, whiten: bool, max_steps: int = 0
    ) -> History:
        train = self._schedule.train
        history = fit(
            self.network,
            self.replay.draws,
            max_steps=max_steps or train.max_steps,
            learning_rate=train.learning_rate,
            patience=train.patience,
            seed=self._fit_seed(labels),
            progress=progress,
            whiten=whiten,
            baseline=self.clusters,
            trainer=self._trainer,
            capacity=train.capacity,
            split_by=self.groups,
        )
        self.train_seconds += history.seconds
        return history

    def _choose(self, history: History) -> str:
        """Let the better map on held-out draws rule; ties go to the affine one."""
        loss = self._best_loss = history.best_loss
        gain = (loss if history.baseline_loss is None else history.baseline_loss) - loss
        self.let_rule("network" if gain > MIN_GAIN else "affine")
        better = "beats" if gain > MIN_GAIN else "does not beat"
        return f"{self.family} {better} {self.affine_name}, by {gain:+.3f} nats"
