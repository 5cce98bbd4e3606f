"""Draws of a VAE, scored together with the walkers they may replace.

In the place of log q stands the estimate that is exact on points and codes together;
walkers get fresh codes of the encoder at every step, which is a Gibbs step.
"""

__all__ = ["CompiledLatentProposal"]

from typing import Any, cast

import tensorflow as tf

from flowmc.core.seeds import split
from flowmc.kernels.latent_proposal import LatentProposal
from flowmc.moves.compiled_proposal import CompiledProposal
from flowmc.transforms.bounds import BoundsTransform


class CompiledLatentProposal(CompiledProposal):
    """Draws from a latent-variable model for all walkers at once.

    Args:
        proposal: Draws of `x` and their densities on the joint space.
        transform: The map `x -> theta`, or None where they are the same.
        device: TensorFlow device that holds the model's variables.
    """

    def __init__(
        self,
        proposal: LatentProposal,
        *,
        transform: BoundsTransform | None,
        device: str,
    ) -> None:
        # It has no density of `x` alone: what the base does with one is replaced.
        super().__init__(cast(Any, proposal), transform=transform, device=device)
        self._proposal = proposal

    def _draw_and_score(self, current: tf.Tensor, seed: tf.Tensor) -> tuple:
        num_walkers = current.shape[0]
        draw_seed, code_seed = split(seed, n=2)
        drawn = self._proposal.draw(num_walkers, seed=draw_seed)
        points = drawn.x
        if self._transform is not None:
            points, _ = self._transform.forward_and_log_det(points)
        both = drawn.and_points(current)._replace(x=tf.concat([points, current], 0))
        log_det = tf.zeros([], tf.float64)
        if self._transform is not None:
            # Proposals and walkers by the same path, as everywhere: theta -> x.
            x = self._transform.inverse(both.x)
            both = both._replace(x=x)
            _, log_det = self._transform.forward_and_log_det(x)
        log_q = self._proposal.log_density(both, seed=code_seed) - log_det
        return points, log_q[:num_walkers], log_q[num_walkers:]
