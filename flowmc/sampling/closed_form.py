"""What is fitted without a network: affine map, clusters and tails, to a reservoir.

Clusters are fitted to the rows that the next fit of the network trains on, and both are
compared and weighed on those that it holds out.
"""

__all__ = ["ClosedForms", "ENOUGH"]

from typing import Any

import numpy as np

from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.maps import Maps, spread
from flowmc.sampling.settings import Schedule
from flowmc.training.gate import MOST_DRAWS, jump_acceptance
from flowmc.training.replay import ReplayBuffer
from flowmc.training.split import held_rows

MOST_TAIL_DRAWS = 4096  # the t's scatter needs no more
ENOUGH = 0.9  # acceptance of the affine maps' jumps that no network has to better
LEAST_ROWS = 20  # of which some may be held out


class ClosedForms(Maps):
    """Maps, and the reservoir they are fitted to.

    Args:
        event_size: `D`.
        model: Family name, or a model instance to be trained.
        schedule: The run's settings.
        seed: Root seed.

    Attributes:
        replay: The reservoir.
        groups: Group of each of its rows, such as a walker: held out whole; or None.
    """

    groups: np.ndarray | None = None

    def __init__(
        self, event_size: int, *, model: Any, schedule: Schedule, seed: Any
    ) -> None:
        super().__init__(
            event_size,
            model=model,
            defensive_weight=schedule.defensive_weight,
            wide_share=schedule.wide_share,
            seed=seed,
            max_clusters=schedule.max_clusters,
        )
        self._schedule = schedule
        self.replay = ReplayBuffer(
            event_size, capacity=schedule.train.capacity, seed=fold_in(seed, "replay")
        )

    def fit_affine(self, labels: tuple = (), **options: Any) -> None:
        """Fit the affine map, the clusters and the heavy tails to the reservoir.

        Args:
            labels: Of the network's fit that follows, if any.
            **options: Of the clusters' fit.
        """
        draws = self.replay.draws
        self.affine.fit_whitening(draws)
        random = generator(fold_in(self._seed, "clusters"))
        is_split = bool(labels) and len(draws) > LEAST_ROWS
        held = self.held(labels) if is_split else np.empty(0, int)
        self.clusters.fit(np.delete(draws, held, axis=0), random=random, **options)
        first, *others = self.proposals.values()
        first.fit_tails(spread(draws, MOST_TAIL_DRAWS))
        for proposal in others:
            proposal.set_tails(*first.tails)

    def held(self, labels: tuple) -> np.ndarray:
        """Return the numbers of the rows that the fit of these labels holds out."""
        seed = self._fit_seed(labels)
        return held_rows(self.replay.draws, seed=seed, split_by=self.groups)

    @property
    def is_enough(self) -> bool:
        """Whether the affine maps' proposals are accepted nearly always."""
        draws = spread(self.replay.draws, MOST_DRAWS)
        log_q = self.proposals["affine"].log_prob(draws).numpy()
        log_weight = spread(self.replay.log_prob, MOST_DRAWS) - log_q
        return jump_acceptance(log_weight) >= ENOUGH

    def _fit_seed(self, labels: tuple) -> np.ndarray:
        return fold_in(self._seed, "fit", *labels)
