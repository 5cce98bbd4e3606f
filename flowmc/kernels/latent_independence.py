"""Independence jumps of a latent-variable model, exact for any number of codes.

    log ratio = [log pi(x') - log qhat(x', z')] - [log pi(x) - log qhat(x, z)]

qhat weighs K codes a point (`kernels.latent_proposal`).  K = 1 is the plain move on
points and codes together; with K it tends to independence by the model's marginal
density, which nobody can evaluate.  What the bound `iwae` maximizes is the mean of the
same log qhat: train with it, accept with it.

Codes of the point where a chain is are drawn anew before each block of jumps, a Gibbs
step, and kept within the block.
"""

__all__ = ["LatentIndependence"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_positive_integer
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, DensityModel, LogProbFn, Request, Seed
from flowmc.kernels.independence import Independence, IndependenceState
from flowmc.kernels.latent_proposal import LatentProposal
from flowmc.kernels.latent_support import CodedModel, check_latent_model
from flowmc.kernels.starts import starting_log_prob
from flowmc.kernels.tally import replace_bad


@KERNELS.register("latent_independence")
class LatentIndependence(Independence):
    """Accept or reject draws of a VAE.

    `info.path` is that of `independence`; its `proposal_log_weight` is unbiased on
    average over codes, so that evidence and weighted draws need nothing else.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        model: A latent-variable model.
        num_importance: Codes a point, `K`.
        num_steps: Successive accept/reject steps made by one call of `step`.
        defensive: A density that takes a share of the proposals, such as
            `models.heavy_tails.HeavyTails`; None for none.
        defensive_weight: That share.

    Raises:
        ConfigurationError: The model has no codes, or a setting is out of range.
    """

    name = "latent_independence"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        model: CodedModel,
        num_importance: int = 8,
        num_steps: int = 1,
        defensive: DensityModel | None = None,
        defensive_weight: float = 0.1,
    ) -> None:
        check_latent_model(model, kernel=self.name, flow_kernel="independence")
        self._target_log_prob_fn = target_log_prob_fn
        self._proposal = LatentProposal(
            model,
            num_importance=num_importance,
            defensive=defensive,
            defensive_weight=defensive_weight,
        )
        self.num_steps = check_positive_integer(num_steps, name="num_steps")

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> IndependenceState:
        """Build the state at `position`; its codes are drawn when a block begins."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        return IndependenceState(position, log_prob, payload, tf.zeros_like(log_prob))

    def propose(self, state: IndependenceState, *, seed: Seed) -> Request:
        """Draw proposals of all sub-steps, and codes for both ends of each jump."""
        draw_seed, code_seed = split(seed, n=2)
        num = self.num_steps * state.position.shape[0]
        drawn = self._proposal.draw(num, seed=draw_seed)
        # In one call, because random operations are what takes long to compile.
        both = drawn.and_points(state.position)
        log_q = self._proposal.log_density(both, seed=code_seed)
        state = state._replace(log_weight=_log_weight(state, log_q[num:]))
        safe = tf.tile(state.position, [self.num_steps, 1])
        points, log_q, defect = replace_bad(drawn.x, log_q[:num], safe=safe)
        return Request(points, False, carry=(state, points, log_q), defect=defect)


def _log_weight(state: IndependenceState, log_q: tf.Tensor) -> tf.Tensor:
    """Return the weight where the chains are; NaN, which stays, if there is none.

    Where a proposal would be refused a chain may not leave either.
    """
    none = tf.constant(np.nan, tf.float64)
    return tf.where(tf.math.is_finite(log_q), state.log_prob - log_q, none)
