"""The maps of a run, the proposals made of them, and which of them is in force.

The affine map is always there.  The network takes over where it is better; beside it a
second one may stand, in a mixture that proposes what either knows.
"""

__all__ = ["Maps", "RULES", "part_of", "spread"]

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowmc import models
from flowmc.core.seeds import fold_in
from flowmc.models.mixture import MixtureDensity
from flowmc.models.saving import from_saved, get_arrays, set_arrays, to_saved
from flowmc.sampling.latent import make_proposal

AFFINE = "gaussian"
RULES = ("affine", "network", "mixture")
GIVEN_SHARES = (0.8, 0.2)  # of the network, and of the base it began with


class Maps:
    """Affine map, network, and their proposals.

    Args:
        event_size: `D`.
        model: Family name, or a model instance to be trained.
        defensive_weight: Share of the heavy tails of each proposal.
        seed: Of the networks' first weights.

    Attributes:
        rules: "affine", "network" or "mixture".
        is_mixed: Whether the second network takes part.
    """

    def __init__(
        self, event_size: int, *, model: Any, defensive_weight: float, seed: Any
    ) -> None:
        self._seed, self._defensive_weight = seed, defensive_weight
        self.event_size = event_size
        self.affine = models.make(AFFINE, event_size=event_size)
        self.proposals = {"affine": make_proposal(self.affine, weight=defensive_weight)}
        self.rules, self.is_mixed = "affine", False
        self.second: Any = None
        self.install(model)

    def install(self, model: Any) -> None:
        """Put a network in place: a family by name, or a copy of the user's own."""
        self.network = (
            models.make(
                model, event_size=self.event_size, seed=fold_in(self._seed, "model")
            )
            if isinstance(model, str)
            else from_saved(to_saved(model))  # the caller's own is left as it is
        )
        self.initial = get_arrays(self.network)
        self.proposals = {"affine": self.proposals["affine"]}
        self.proposals["network"] = make_proposal(
            self.network, weight=self._defensive_weight
        )
        self.second, self.is_mixed = None, False
        if self.has_given_base:
            # What the user knows of the target beforehand is never given up: training
            # on one mode would lose the others for good.
            self.mix_with(self.initial, weights=GIVEN_SHARES)

    @property
    def family(self) -> str:
        """Name of the network's family."""
        return self.network.name

    @property
    def has_given_base(self) -> bool:
        """Whether the user gave the network a base of his own."""
        return bool(getattr(self.network, "has_given_base", False))

    @property
    def model(self) -> Any:
        """The map in force."""
        return self.affine if self.rules == "affine" else self.network

    @property
    def proposal(self) -> Any:
        """What is proposed from, heavy tails included."""
        return self.proposals[self.rules]

    def let_rule(self, rules: str) -> None:
        """Put a map in force; a mixture, once made, stays."""
        self.rules = "mixture" if self.is_mixed else rules

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
                mixture, weight=self._defensive_weight
            )
            self.proposals["mixture"].set_tails(*self.proposals["network"].tails)
        set_arrays(self.second, arrays)
        self.proposals["mixture"].model.set_weights(weights)
        self.rules, self.is_mixed = "mixture", True

    def unmix(self) -> None:
        """Propose from the network alone."""
        self.rules, self.is_mixed = "network", False

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return weights, tails and which map rules, for checkpoints."""
        parts = {"affine": get_arrays(self.affine), "network": get_arrays(self.network)}
        # A model of the user's own may be trained already when the run is resumed.
        parts["initial"] = self.initial
        if self.is_mixed:
            parts["second"] = get_arrays(self.second)
            parts["shares"] = {"both": self.proposals["mixture"].model.weights}
        for name, proposal in self.proposals.items():
            location, scale_tril = proposal.tails
            parts[f"tails_{name}"] = {"location": location, "scale_tril": scale_tril}
        flat = {f"{k}/{n}": a for k, arrays in parts.items() for n, a in arrays.items()}
        family = np.frombuffer(self.family.encode(), np.uint8)
        return {**flat, "rules": np.array(RULES.index(self.rules)), "family": family}

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore what `to_arrays` returned."""
        family = bytes(np.asarray(arrays["family"], np.uint8)).decode()
        if family != self.family:
            self.install(family)
        set_arrays(self.affine, part_of(arrays, "affine"))
        set_arrays(self.network, part_of(arrays, "network"))
        self.initial = part_of(arrays, "initial")
        self.is_mixed = False
        if second := part_of(arrays, "second"):
            self.mix_with(second, weights=arrays["shares/both"])
        for name, proposal in self.proposals.items():
            if tails := part_of(arrays, f"tails_{name}"):
                proposal.set_tails(**tails)
        self.rules = RULES[int(arrays["rules"])]


def part_of(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays below `name/`, without that prefix."""
    prefix = f"{name}/"
    return {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` rows, evenly spaced: a reservoir is in order of arrival."""
    return rows[:: max(1, -(-len(rows) // most))]
