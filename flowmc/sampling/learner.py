"""What a run learns: the affine map, the network, the reservoir, and which map rules.

The affine map is always fitted and always available; the network takes over only when
it beats the affine map on held-out draws, and a refit of it stays only if the gate
lets it.
"""

__all__ = ["Learner", "part_of"]

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowmc import models
from flowmc.core.records import History
from flowmc.core.seeds import fold_in
from flowmc.models.mixture import MixtureDensity
from flowmc.models.saving import from_saved, get_arrays, set_arrays, to_saved
from flowmc.sampling.latent import is_latent, make_proposal, make_view
from flowmc.sampling.settings import Schedule
from flowmc.training.fit import fit
from flowmc.training.gate import MOST_DRAWS, judge_refit
from flowmc.training.replay import ReplayBuffer
from flowmc.training.trainer import Trainer

AFFINE = "gaussian"
RULES = ("affine", "network", "mixture")
GIVEN_SHARES = (0.8, 0.2)  # of the network, and of the base it began with
MIN_GAIN = 0.01  # nats by which a network must beat the affine map


class Learner:
    """Models and reservoir of one run.

    Args:
        event_size: `D`.
        model: Family name, or a model instance to be trained.
        schedule: The run's settings.
        seed: Root seed.
    """

    def __init__(self, event_size: int, *, model: Any, schedule: Schedule, seed: Any):
        self._seed = seed
        self._schedule = schedule
        make_seed = fold_in(seed, "model")
        self.affine = models.make(AFFINE, event_size=event_size)
        self.network = (
            models.make(model, event_size=event_size, seed=make_seed)
            if isinstance(model, str)
            else from_saved(to_saved(model))  # the caller's own is left as it is
        )
        weight = schedule.defensive_weight
        self.proposals = {
            "affine": make_proposal(self.affine, weight=weight),
            "network": make_proposal(self.network, weight=weight),
        }
        self._initial = get_arrays(self.network)
        self.second: Any = None  # beside the network in a mixture, if anything is
        self._trainer: Trainer | None = None
        if self.network.trainable_variables:
            train = schedule.train
            self._trainer = Trainer(self.network, batch_size=train.batch_size)
        self.replay = ReplayBuffer(
            event_size, capacity=schedule.train.capacity, seed=fold_in(seed, "replay")
        )
        self.rules = "affine"
        self._is_trained = False
        if getattr(self.network, "has_given_base", False):
            # What the user knows of the target beforehand is never given up: training
            # on one mode would lose the others for good.
            self.mix_with(get_arrays(self.network), weights=GIVEN_SHARES)

    @property
    def model(self) -> Any:
        """The map in force."""
        return self.affine if self.rules == "affine" else self.network

    def mix_with(self, arrays: Mapping[str, np.ndarray], *, weights: Any) -> None:
        """Propose from a mixture of the network and of itself with other weights.

        Args:
            arrays: The second network's, as `models.saving.get_arrays` gives them.
            weights: Shares of the two.
        """
        if self.second is None:
            self.second = from_saved(to_saved(self.network))
            mixture = MixtureDensity([self.network, self.second], weights=weights)
            self.proposals["mixture"] = make_proposal(
                mixture, weight=self._schedule.defensive_weight
            )
        set_arrays(self.second, arrays)
        self.proposals["mixture"].model.set_weights(weights)
        self.rules = "mixture"

    def unmix(self) -> None:
        """Propose from the network alone."""
        self.second, self.rules = None, "network"
        del self.proposals["mixture"]

    def fit_affine(self) -> None:
        """Fit the affine map and the heavy tails to the reservoir."""
        draws = self.replay.draws
        self.affine.fit_whitening(draws)
        for proposal in self.proposals.values():
            proposal.fit_tails(draws)

    def refit(self, *, window: int, progress: Any) -> tuple[History | None, list[str]]:
        """Fit everything to the reservoir; decide which map rules from here on.

        Returns:
            The network's training history (None if it was not tried) and notes.
        """
        self.fit_affine()
        draws, train = self.replay.draws, self._schedule.train
        needed = train.min_draws_per_parameter * self.replay.event_size
        if self._trainer is None:
            return None, [self._fit_closed_form(draws)]
        if len(np.unique(draws, axis=0)) < needed:
            self._let_rule("affine")
            return None, [f"fewer than {needed} distinct draws: the affine map is kept"]
        before, previous_log_q = get_arrays(self.network), None
        if self._is_trained and self._has_drifted(draws):
            self.restart()
        view = make_view(self.network, seed=fold_in(self._seed, "judge", window))
        if self._is_trained:
            # As many as the gate looks at: a VAE's codes differ with the number.
            previous_log_q = view.log_prob(draws[:MOST_DRAWS]).numpy()
        history = self._train(
            draws,
            (window,),
            progress,
            max_steps=train.max_steps,
            whiten=not self._is_trained,
        )
        gate = judge_refit(
            view,
            draws,
            log_prob=self.replay.log_prob,
            previous_log_q=previous_log_q,
        )
        if not gate.is_accepted:
            set_arrays(self.network, before)
            return history, [f"refit rolled back: {gate.reason}"]
        self._is_trained = True
        return history, [gate.reason, self._choose(history)]

    def follow(self, *, level: int, is_poor: bool) -> None:
        """Fit the maps to the reservoir at one temperature of the annealing.

        The affine map costs nothing; the network is tried where jumps from the map in
        force fared badly, or if it rules already.

        Args:
            level: Number of the temperature.
            is_poor: Whether few jumps were accepted at the last temperature.
        """
        self.fit_affine()
        draws, train = self.replay.draws, self._schedule.train
        needed = train.min_draws_per_parameter * self.replay.event_size
        num_distinct = len(np.unique(draws[:, 0]))
        may_try = self._trainer is not None and not is_latent(self.network)
        if not may_try or num_distinct < needed or not is_poor:
            return
        before = get_arrays(self.network)
        history = self._train(
            draws,
            ("level", level),
            False,
            max_steps=self._schedule.anneal.train_steps,
            whiten=True,
        )
        log_q = self.network.log_prob(draws[:MOST_DRAWS]).numpy()
        if not np.isfinite(log_q).all():  # the gate proper waits for the target itself
            set_arrays(self.network, before)
            self._let_rule("affine")
            return
        self._is_trained = True
        self._choose(history)

    def restart(self) -> None:
        """Forget what the network has learned: the draws are of another kind now."""
        set_arrays(self.network, self._initial)
        if self._trainer is not None:
            self._trainer.adam.reset()
        self._is_trained = False

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned, for checkpoints."""
        parts = {"affine": get_arrays(self.affine), "network": get_arrays(self.network)}
        # A model of the user's own may be trained already when the run is resumed.
        parts["initial"] = self._initial
        for name, proposal in self.proposals.items():
            location, scale_tril = proposal.tails
            parts[f"tails_{name}"] = {"location": location, "scale_tril": scale_tril}
        if self._trainer is not None:
            parts["adam"] = get_arrays(self._trainer.adam)
        parts["replay"] = self.replay.to_arrays()
        if self.second is not None:
            parts["second"] = get_arrays(self.second)
            parts["shares"] = {"0": self.proposals["mixture"].model.weights}
        flags = np.array([RULES.index(self.rules), self._is_trained])
        flat = {f"{k}/{n}": a for k, arrays in parts.items() for n, a in arrays.items()}
        return {**flat, "flags": flags}

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `to_arrays` returned."""
        set_arrays(self.affine, part_of(arrays, "affine"))
        set_arrays(self.network, part_of(arrays, "network"))
        self._initial = part_of(arrays, "initial")
        if second := part_of(arrays, "second"):
            self.mix_with(second, weights=arrays["shares/0"])
        for name, proposal in self.proposals.items():
            proposal.set_tails(**part_of(arrays, f"tails_{name}"))
        if self._trainer is not None:
            set_arrays(self._trainer.adam, part_of(arrays, "adam"))
        self.replay.from_arrays(part_of(arrays, "replay"))
        self.rules = RULES[int(arrays["flags"][0])]
        self._is_trained = bool(arrays["flags"][1])

    def _fit_closed_form(self, draws: np.ndarray) -> str:
        """Fit a model without weights to train, such as a Student-t."""
        if self.network.description != self.affine.description:
            self.network.fit_whitening(draws)
            self.rules = "network"
        return "the model is affine: fitted in closed form"

    def _train(
        self,
        draws: np.ndarray,
        labels: tuple,
        progress: Any,
        *,
        max_steps: int,
        whiten: bool,
    ) -> History:
        train = self._schedule.train
        return fit(
            self.network,
            draws,
            max_steps=max_steps,
            learning_rate=train.learning_rate,
            patience=train.patience,
            seed=fold_in(self._seed, "fit", *labels),
            progress=progress,
            whiten=whiten,
            baseline=self.affine,
            trainer=self._trainer,
            capacity=train.capacity,
        )

    def _choose(self, history: History) -> str:
        """Let the better map on held-out draws rule; ties go to the affine one."""
        baseline = (
            history.best_loss
            if history.baseline_loss is None
            else history.baseline_loss
        )
        gain = baseline - history.best_loss
        self._let_rule("network" if gain > MIN_GAIN else "affine")
        better = "beats" if gain > MIN_GAIN else "does not beat"
        return f"{self.network.name} {better} the affine map, by {gain:+.3f} nats"

    def _let_rule(self, rules: str) -> None:
        """Put a map in force; a mixture, once made, stays."""
        self.rules = rules if self.second is None else "mixture"

    def _has_drifted(self, draws: np.ndarray) -> bool:
        """Whether the draws left the region the network was whitened for."""
        if getattr(self.network, "has_given_base", False):
            return False
        z = self.network.whiten(draws)
        shift = np.abs(z.mean(axis=0)).max()
        spread = z.std(axis=0)
        return bool(shift > 1.0 or spread.max() > 2.0 or spread.min() < 0.5)


def part_of(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays below `name/`, without that prefix."""
    prefix = f"{name}/"
    return {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}
