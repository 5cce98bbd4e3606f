"""What a VAE move learns from its first steps: as `Adaptation`, with a VAE."""

__all__ = ["VAEAdaptation", "VAESettings", "with_importance"]

from dataclasses import dataclass, fields
from typing import Any

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import MODELS
from flowmc.kernels.latent_proposal import LatentProposal
from flowmc.kernels.latent_support import check_latent_model
from flowmc.moves.adaptation import DEVICE, Adaptation
from flowmc.moves.compiled_proposal import CompiledProposal
from flowmc.moves.settings import MoveSettings
from flowmc.moves.vae_proposal import CompiledLatentProposal
from flowmc.sampling.learner import Learner


@dataclass(frozen=True)
class VAESettings(MoveSettings):
    """What a VAE move was asked to do.

    Attributes:
        num_importance: Codes a point in the acceptance ratio.
    """

    num_importance: int = 8


class VAEAdaptation(Adaptation):
    """The learning half of a VAE move; `settings` are `VAESettings`."""

    settings: VAESettings

    def _make_learner(self, model: Any) -> Learner:
        check_latent_model(model, kernel="VAEMove", flow_kernel="FlowMove")
        return Learner(
            self.event_size,
            model=model,
            schedule=self.settings.schedule,
            seed=self.seed,
        )

    def _make_proposal(self, rules: str) -> CompiledProposal:
        if rules == "affine":
            return super()._make_proposal(rules)
        proposal = LatentProposal(
            self._learner.network,
            num_importance=self.settings.num_importance,
            defensive=self._learner.proposals[rules],
            defensive_weight=self.settings.schedule.defensive_weight,
        )
        return CompiledLatentProposal(
            proposal, transform=self._transform, device=DEVICE
        )


def with_importance(settings: MoveSettings, num_importance: Any) -> VAESettings:
    """Return the settings of a VAE move.

    Raises:
        ConfigurationError: The model has no codes, or `num_importance` is below 1.
    """
    num = check_positive_integer(num_importance, name="num_importance")
    name = settings.model
    if not isinstance(name, str):
        name = name.description["family"]
    if not hasattr(MODELS.get(name), "sample_encoder"):
        raise ConfigurationError(
            '`model` of `VAEMove` must be a latent-variable model, such as "vae"; '
            f"got {name!r}. Use `FlowMove` for a flow."
        )
    known = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return VAESettings(**known, num_importance=num)
