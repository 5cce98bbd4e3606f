"""Independence move from a VAE that trains on the ensemble, then freezes itself.

    log ratio = [log pi(x') - log qhat(x', z')] - [log pi(x) - log qhat(x, z)]

A VAE has no density of its own.  The ratio weighs K codes a point instead, fresh ones
where the walkers are, and is exact for every K (`kernels.latent_independence`).

Reference: Burda, Grosse and Salakhutdinov (2016), arXiv:1509.00519.
"""

__all__ = ["VAEMove"]

from typing import Any

from flowmc.moves.flow_move import ADAPTING, FROZEN, FlowMove
from flowmc.moves.learning_move import LearningMove
from flowmc.moves.settings import check_settings
from flowmc.moves.vae_adaptation import VAEAdaptation, with_importance
from flowmc.sampling.settings import TrainSettings


class VAEMove(FlowMove):
    """Propose from a VAE, for all walkers at once; otherwise as `FlowMove`.

    It learns in its first `num_adapt` steps and then freezes; until the VAE beats the
    affine map on held-out draws, that map proposes.  Draws count from `frozen_at` on.

    Args:
        model: Name of a family of latent-variable models, or a model; a model is
            copied, and trained anew.
        num_adapt: Own steps after which it freezes.
        num_importance: Codes a point in the ratio, at least 1: more are accepted more
            often, and cost that many passes of the networks but none of the target.
            (In training the model uses its own number, by default 8.)
        defensive_weight: Share of heavy-tailed proposals beside the VAE's.
        train_every: Own steps before the first fit; the intervals double from there.
        bounds: D pairs `(low, high)`, infinite where there is none.
        state_path: File to keep what was learned in, as of `FlowMove`.
        seed: Seed of the training; by default drawn from emcee's generator.
        progress: Show the fits: False, True, or a callable.
        train: Settings of the fits.
        **model_options: The family's own settings, such as `latent_size`.

    Raises:
        ConfigurationError: A setting is out of range, an option unknown, or the model
            has no codes.

    Example:
        >>> moves = [(VAEMove("vae", 500), 0.5), (emcee.moves.StretchMove(), 0.5)]
        >>> sampler = emcee.EnsembleSampler(32, 2, log_prob, moves=moves)
    """

    _adaptation_kind = VAEAdaptation

    def __init__(
        self,
        model: Any = "vae",
        num_adapt: int = 1000,
        *,
        num_importance: int = 8,
        defensive_weight: float = 0.1,
        train_every: int | None = None,
        bounds: Any = None,
        state_path: Any = None,
        seed: Any = None,
        progress: Any = False,
        train: TrainSettings | None = None,
        **model_options: Any,
    ) -> None:
        settings = check_settings(
            model=model,
            options=model_options,
            num_adapt=num_adapt,
            defensive_weight=defensive_weight,
            train_every=train_every,
            bounds=bounds,
            train=train,
        )
        LearningMove.__init__(
            self,
            with_importance(settings, num_importance),
            names=(ADAPTING, FROZEN),
            seed=seed,
            progress=progress,
            state_path=state_path,
        )
