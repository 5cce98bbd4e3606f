"""Several networks in place of one: a proposal that hangs less on which one was drawn.

    q(x) = (1 / K) sum_k q_k(x)

Networks that are fitted to the same draws, from other first weights and with other
draws held out, err in different places.  The mean of their densities errs less than
most of them do alone, and its weights pi/q are bounded wherever one of them is right.
That costs time, and no evaluation: it is for targets whose evaluations are dear.

All of them end where their draws end.  So the network of an earlier temperature joins
them with a small share: its density was wider along every arm, and pi/q stays bounded
there by what the target has lost since.

Reference: Breiman (1996), doi:10.1007/BF00058655 (bagging).
"""

__all__ = ["Several"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowmc import models
from flowmc.core.seeds import fold_in
from flowmc.models.saving import from_saved, get_arrays, set_arrays, to_saved
from flowmc.sampling.latent import is_latent
from flowmc.sampling.learner import Learner
from flowmc.sampling.parts import part_of

NAME = "several"
FAMILY_GAIN = 0.1  # nats for which another family is taken
WARM, WARM_SHARE = 0.7, 0.15  # last inverse temperature of the network that joins
WORSE = 0.5  # nats of held-out loss by which a network may be worse than the first


class Several(Learner):
    """A learner that can try further networks: of another family, or of its own.

    Attributes:
        members: The networks beside the first one, empty before `convene`.
        warm: Weights of the network of an earlier temperature, empty without one.
    """

    members: tuple = ()
    warm: Mapping[str, np.ndarray] = {}

    def keep_warm(self, b: float) -> None:
        """Remember the network that rules at inverse temperature `b`, below `WARM`."""
        is_for_later = b <= WARM and self._schedule.num_networks > 1
        if is_for_later and self.rules == "network" and not is_latent(self.network):
            self.warm = get_arrays(self.network)

    def try_family(self, family: str, *, window: int, progress: Any) -> str:
        """Train another family on the same draws; keep the better one."""
        former = dict(vars(self))  # the very objects: sweeps are compiled with them
        name, loss, laws = self.family, self._best_loss, self.clusters.mixture
        self.install(family)
        self._trainer, self._is_trained = self._make_trainer(), False
        history, _ = self.refit(window=window, progress=progress)
        gain = -np.inf if history is None else loss - history.best_loss
        if self._is_trained and gain > FAMILY_GAIN:  # and the gate let it pass
            return f"{family} replaces {name}: better by {gain:.2f} nats"
        vars(self).update(former, train_seconds=self.train_seconds)
        self.clusters.set(laws)
        return f"{family} was tried and is no better than {name}"

    def convene(self, count: int, *, window: int, progress: Any) -> str:
        """Fit further networks to the reservoir, and propose from all of them.

        Args:
            count: Networks in all.
            window: Number of the fit, for its seeds.
            progress: Where the fits are shown.

        Returns:
            What came of it; empty where the network is one that stands alone.
        """
        network = self.network
        if self.rules != "network" or self._trainer is None or is_latent(network):
            return ""
        first = get_arrays(network)
        found: list[Mapping[str, np.ndarray]] = []
        for index in range(1, count):
            set_arrays(network, self._first_weights(index))
            self._trainer.adam.reset()
            labels = (NAME, window, index)
            history = self._train(labels, progress, whiten=True)
            if history.best_loss < self._best_loss + WORSE:
                found.append(get_arrays(network))
        set_arrays(network, first)
        self._trainer.adam.reset()
        if not (found or self.warm):
            return "further networks were fitted and are worse: the first one stays"
        shares = np.ones(1 + len(found))
        note = f"{len(shares)} networks propose together"
        if self.warm:
            warm = WARM_SHARE / (1.0 - WARM_SHARE) * shares.sum()
            found, shares = [*found, self.warm], np.append(shares, warm)
            note += f", {WARM_SHARE:.0%} from that of an earlier temperature"
        self._propose_from(found, shares)
        return note

    def dissolve(self) -> None:
        """Go back to the first network alone, to be learned further."""
        if self.rules == NAME:
            self.rules = "network"
        self.members = ()
        self.proposals.pop(NAME, None)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that was learned, for checkpoints."""
        arrays = super().to_arrays()
        for index, member in enumerate(self.members):
            kept = get_arrays(member).items()
            arrays |= {f"member_{index}/{name}": array for name, array in kept}
        arrays |= {f"warm/{name}": array for name, array in self.warm.items()}
        return arrays

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `to_arrays` returned."""
        self.dissolve()
        super().from_arrays(arrays)
        self.warm = part_of(arrays, "warm")
        found: list[Mapping[str, np.ndarray]] = []
        while member := part_of(arrays, f"member_{len(found)}"):
            found.append(member)
        if not found:
            return
        self._propose_from(found, np.ones(1 + len(found)))
        proposal = self.proposals[NAME]
        if shares := part_of(arrays, f"shares_{NAME}"):
            proposal.model.log_share = shares["log"]
        proposal.set_tails(**part_of(arrays, f"tails_{NAME}"))

    def _first_weights(self, index: int) -> Mapping[str, np.ndarray]:
        """Return other first weights; a network that the user built has but its own."""
        if self._is_given:
            return self.initial
        seed = fold_in(self._seed, "model", index)
        family, size = self.family, self.event_size
        return get_arrays(models.make(family, event_size=size, seed=seed))

    def _propose_from(
        self, found: Sequence[Mapping[str, np.ndarray]], shares: np.ndarray
    ) -> None:
        """Let the first network and these share what was the first one's."""
        members = []
        for arrays in found:
            members.append(from_saved(to_saved(self.network)))
            set_arrays(members[-1], arrays)
        self.members = tuple(members)
        proposal = self._proposal_of([self.network, *members])
        alone = self.proposals["network"]
        proposal.set_tails(*alone.tails)
        self.proposals[NAME] = proposal
        of_clusters = alone.model.weights[-1] if self._has_clusters else 0.0
        self._set_shares(NAME, shares, of_clusters=of_clusters)
        self.rules = NAME
