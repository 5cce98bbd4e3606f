"""What a run asks about its network: is it sound, is it better, is it out of date."""

__all__ = ["beats", "has_drifted", "make_judge"]

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from flowmc.sampling.latent import is_latent, make_view
from flowmc.sampling.parts import spread
from flowmc.training.gate import MOST_DRAWS, GateDecision, judge_refit
from flowmc.training.replay import ReplayBuffer


def make_judge(
    network: Any, proposal: Any, replay: ReplayBuffer, *, is_trained: bool, seed: Any
) -> Callable[[], GateDecision]:
    """Return the gate, which will compare the network with what it is now.

    Args:
        network: About to be fitted.
        proposal: Its defensive mixture: heavy tails are part of what is proposed from.
            A VAE's are in its kernel, and the gate looks at its bound.
        replay: The reservoir.
        is_trained: Whether the network is worth comparing with.
        seed: Of a VAE's codes.
    """
    view = make_view(network, seed=seed)
    proposed = None if is_latent(network) else proposal
    judged = spread(replay.draws, MOST_DRAWS)  # old and new: in order of arrival
    previous_log_q = None
    if is_trained:
        # As many as the gate looks at: a VAE's codes differ with the number.
        previous_log_q = (proposed or view).log_prob(judged).numpy()
    return partial(
        judge_refit,
        view,
        judged,
        log_prob=spread(replay.log_prob, MOST_DRAWS),
        previous_log_q=previous_log_q,
        proposal=proposed,
    )


def beats(network: Any, affine: Any, draws: np.ndarray, *, by: float) -> bool:
    """Whether a network gives draws more density than the affine map, in nats."""
    kept = spread(draws, MOST_DRAWS)
    score, other = (
        float(np.mean(model.log_prob(kept).numpy())) for model in (network, affine)
    )
    return score > other + by


def has_drifted(network: Any, draws: np.ndarray) -> bool:
    """Whether the draws left the region that the network was whitened for."""
    if getattr(network, "has_given_base", False):
        return False
    z = network.whiten(draws)
    shift, scale = np.abs(z.mean(axis=0)).max(), z.std(axis=0)
    return bool(shift > 1.0 or scale.max() > 2.0 or scale.min() < 0.5)
