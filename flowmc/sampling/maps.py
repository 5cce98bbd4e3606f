"""The maps of a run, the proposals made of them, and which of them is in force.

The affine map is always there, and proposes as one normal law for each cluster of the
draws.  The network takes over where it is better, in a mixture with these laws; beside
it a second one may stand.
"""

__all__ = ["Maps", "RULES"]

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowmc import models
from flowmc.core.seeds import fold_in
from flowmc.models.clusters import MOST_LAWS, NormalClusters
from flowmc.models.mixture import MixtureDensity
from flowmc.models.saving import from_saved, get_arrays, set_arrays, to_saved
from flowmc.models.widened import widened
from flowmc.sampling.latent import is_latent, make_proposal
from flowmc.sampling.parts import part_of, spread
from flowmc.sampling.shares import GIVEN_SHARES, NO_CLUSTERS, fit_shares, share_out

AFFINE = "gaussian"
RULES = ("affine", "network", "mixture", "several")
MOST_WEIGHED = 2048  # draws that shares are fitted to


class Maps:
    """Affine map, network, and their proposals.

    Args:
        event_size: `D`.
        model: Family name, or a model instance to be trained.
        defensive_weight: Share of the heavy tails of each proposal.
        seed: Of the networks' first weights.
        max_clusters: Most normal laws; with one, the affine map stands alone.
        wide_share: Part of each cluster's law, and of a network, that is a wider copy.

    Attributes:
        affine: One affine map for all draws: coordinates for local steps.
        clusters: A normal law for each cluster of the draws: what is proposed from.
        rules: "affine", "network", "mixture" or "several".
        is_mixed: Whether the second network takes part.
    """

    def __init__(
        self,
        event_size: int,
        *,
        model: Any,
        defensive_weight: float,
        seed: Any,
        max_clusters: int = MOST_LAWS,
        wide_share: float = 0.0,
    ) -> None:
        self._seed, self._defensive_weight = seed, defensive_weight
        self._wide_share = wide_share
        self.event_size = event_size
        self.affine = models.make(AFFINE, event_size=event_size)
        self.clusters = NormalClusters(
            event_size, most=max_clusters, wide_share=wide_share
        )
        first = make_proposal(self.clusters, weight=defensive_weight)
        self.proposals = {"affine": first}
        self.rules, self.is_mixed = "affine", False
        self.second: Any = None
        self._installed: dict[str, tuple] = {}  # networks by family: sweeps hold them
        self.install(model)

    def install(self, model: Any) -> None:
        """Put a network in place: a family by name, or a copy of the user's own."""
        if isinstance(model, str) and model in self._installed:
            self._take_out(model)
            return
        self.network = (
            models.make(
                model, event_size=self.event_size, seed=fold_in(self._seed, "model")
            )
            if isinstance(model, str)
            else from_saved(to_saved(model))  # the caller's own is left as it is
        )
        self.initial = get_arrays(self.network)
        self.proposals = {"affine": self.proposals["affine"]}
        self.proposals["network"] = self._proposal_of([self.network])
        self.second, self.is_mixed = None, False
        if self.has_given_base:
            # What the user knows of the target beforehand is never given up: training
            # on one mode would lose the others for good.
            self.mix_with(self.initial, weights=GIVEN_SHARES)
        self._installed[self.family] = self.network, self.initial, self.proposals

    def _take_out(self, family: str) -> None:
        """Put a network of before in place again, untrained."""
        self.network, self.initial, self.proposals = self._installed[family]
        set_arrays(self.network, self.initial)
        self.is_mixed = False
        mixture = self.proposals.get("mixture")
        second = None if mixture is None else mixture.model.parts[1]
        self.second = getattr(second, "flow", second)
        if self._has_clusters:
            self._set_shares("network", [1.0])

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
    def density(self) -> Any:
        """What the map in force knows, without heavy tails."""
        if self.rules == "affine" or is_latent(self.network):
            return self.clusters
        return self.proposal.model

    @property
    def affine_name(self) -> str:
        """How the affine map is told of: one for each cluster."""
        count = self.clusters.num_laws
        return "the affine map" if count == 1 else f"{count} affine maps of clusters"

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
            self.proposals["mixture"] = self._proposal_of([self.network, self.second])
            self.proposals["mixture"].set_tails(*self.proposals["network"].tails)
        set_arrays(self.second, arrays)
        self._set_shares("mixture", weights)
        self.rules, self.is_mixed = "mixture", True

    def weigh(self, draws: np.ndarray) -> str:
        """Fit the shares of network and clusters to draws; say what the clusters get.

        A base that the user gave keeps its share among the networks.
        """
        name = "mixture" if self.is_mixed else "network"
        if not self._has_clusters:
            return ""
        density = self.proposals[name].model
        is_given = self.has_given_base and self.is_mixed
        of_networks, of_clusters = fit_shares(
            density, spread(draws, MOST_WEIGHED), is_given=is_given
        )
        self._set_shares(name, of_networks, of_clusters=of_clusters)
        if of_clusters == NO_CLUSTERS:
            return ""
        return f"{of_clusters:.0%} of the proposals are of {self.affine_name}"

    @property
    def _has_clusters(self) -> bool:
        """Whether the networks' proposals have a part of the clusters' laws.

        A VAE's do not: it has no density; nor do those with circle coordinates, on
        which a normal law is none.
        """
        is_round = bool(getattr(self.network, "periodic", ()))
        return self.clusters.room > 1 and not (is_round or is_latent(self.network))

    def _proposal_of(self, networks: list[Any]) -> Any:
        parts = [widened(network, share=self._wide_share) for network in networks]
        parts += [self.clusters] if self._has_clusters else []
        density = parts[0]
        if len(parts) > 1:
            density = MixtureDensity(parts, weights=np.ones(len(parts)))
        proposal = make_proposal(density, weight=self._defensive_weight)
        if self._has_clusters:
            share_out(density, np.ones(len(networks)), NO_CLUSTERS)
        return proposal

    def _set_shares(
        self, name: str, networks: Any, *, of_clusters: float = NO_CLUSTERS
    ) -> None:
        if self._has_clusters:
            share_out(self.proposals[name].model, networks, of_clusters)
        else:
            self.proposals[name].model.set_weights(networks)

    def unmix(self) -> None:
        """Propose from the network alone."""
        self.rules, self.is_mixed = "network", False

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return weights, tails and which map rules, for checkpoints."""
        names = ("affine", "clusters", "network")
        parts = {name: get_arrays(getattr(self, name)) for name in names}
        # A model of the user's own may be trained already when the run is resumed.
        parts["initial"] = self.initial
        if self.is_mixed:
            parts["second"] = get_arrays(self.second)
        for name, proposal in self.proposals.items():
            density = getattr(proposal, "model", None)
            if isinstance(density, MixtureDensity):
                parts[f"shares_{name}"] = {"log": density.log_share}
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
        for name in ("affine", "clusters", "network"):
            set_arrays(getattr(self, name), part_of(arrays, name))
        self.initial = part_of(arrays, "initial")
        self.is_mixed = False
        if second := part_of(arrays, "second"):
            self.mix_with(second, weights=GIVEN_SHARES)
        for name, proposal in self.proposals.items():
            if shares := part_of(arrays, f"shares_{name}"):
                proposal.model.log_share = shares["log"]
            if tails := part_of(arrays, f"tails_{name}"):
                proposal.set_tails(**tails)
        self.rules = RULES[int(arrays["rules"])]
