"""The learner of a VAE: affine map, reservoir and gate as for flows, bounds for log q.

A VAE takes over from the affine map when its held-out bound beats the density of that
map, in spite of being a bound.
"""

__all__ = ["VAELearner"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc import models
from flowmc.core.records import History
from flowmc.core.seeds import fold_in
from flowmc.models.heavy_tails import HeavyTails
from flowmc.models.saving import from_saved, get_arrays, set_arrays, to_saved
from flowmc.sampling.learner import AFFINE, Learner
from flowmc.sampling.settings import Schedule
from flowmc.training.gate import judge_refit
from flowmc.training.replay import ReplayBuffer
from flowmc.training.trainer import Trainer


class VAELearner(Learner):
    """Models and reservoir of one move; `proposals["network"]` are its tails alone.

    Args:
        event_size: `D`.
        model: The VAE to be trained; the caller's own is left as it is.
        schedule: The move's settings.
        seed: Root seed.
    """

    _trainer: Trainer

    # The base would defend the network by its density, which a VAE has not.
    def __init__(self, event_size: int, *, model: Any, schedule: Schedule, seed: Any):
        self._seed = seed
        self._schedule = schedule
        train, weight = schedule.train, schedule.defensive_weight
        self.affine = models.make(AFFINE, event_size=event_size)
        self.network = from_saved(to_saved(model))
        self.proposals = {
            "affine": models.defensive(self.affine, weight=weight),
            "network": HeavyTails(event_size),
        }
        self._initial = get_arrays(self.network)
        self._trainer = Trainer(self.network, batch_size=train.batch_size)
        self.replay = ReplayBuffer(
            event_size, capacity=train.capacity, seed=fold_in(seed, "replay")
        )
        self.rules = "affine"
        self._is_trained = False

    def refit(self, *, window: int, progress: Any) -> tuple[History | None, list[str]]:
        """Fit everything to the reservoir; decide which map rules from here on.

        Returns:
            The VAE's training history (None if it was not tried) and notes.
        """
        self.fit_affine()
        draws = self.replay.draws
        needed = self._schedule.train.min_draws_per_parameter * draws.shape[1]
        if len(np.unique(draws, axis=0)) < needed:
            self.rules = "affine"
            return None, [f"fewer than {needed} distinct draws: the affine map is kept"]
        before = get_arrays(self.network)
        if self._is_trained and self._has_drifted(draws):
            set_arrays(self.network, self._initial)
            self._trainer.adam.reset()
            self._is_trained = False
        judged: Any = _Judged(self.network, seed=fold_in(self._seed, "judge", window))
        previous = judged.log_prob(draws).numpy() if self._is_trained else None
        history = self._train(draws, window, progress)
        gate = judge_refit(
            judged, draws, log_prob=self.replay.log_prob, previous_log_q=previous
        )
        if not gate.is_accepted:
            set_arrays(self.network, before)
            return history, [f"refit rolled back: {gate.reason}"]
        self._is_trained = True
        return history, [gate.reason, self._choose(history)]


class _Judged:
    """A VAE as the gate looks at it: a map of points to noise and back, and a bound."""

    def __init__(self, model: Any, *, seed: Any) -> None:
        self._model = model
        self._seed = seed
        self.event_size = model.event_size

    def log_prob(self, x: Any) -> tf.Tensor:
        return self._model.iwae_bound(x, seed=self._seed)

    def inverse_and_log_det(self, x: Any) -> tuple[tf.Tensor, tf.Tensor]:
        z, _ = self._model.sample_encoder(x, seed=self._seed)
        e, log_det = self._model.x_to_noise(x, z[0])
        return tf.concat([z[0], e], axis=-1), log_det

    def forward_and_log_det(self, z: Any) -> tuple[tf.Tensor, tf.Tensor]:
        codes, noise = tf.split(z, [self._model.latent_size, self.event_size], axis=-1)
        return self._model.noise_to_x(noise, codes)
