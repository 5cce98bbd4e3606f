"""Hamiltonian Monte Carlo in the codes and noise of a VAE.

    log pi(x(y)) + log r(z(y) | x(y)) + log-determinants,    y = (u, e)

is a smooth density on L + D coordinates whose marginal in x is the target; if the model
is perfect it is N(0, I), the easiest target there is.  Each step draws fresh codes of
the encoder first, so that the gradient where it starts is evaluated anew.

Reference: Hoffman et al. (2019), arXiv:1903.03704, for flows in the model's place.
"""

__all__ = ["LatentHMC"]

from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError, TargetError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, Evaluate, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.drive import step_with
from flowmc.kernels.gradient_kernel import GradientKernel
from flowmc.kernels.latent_support import CodedModel, JointSpace, check_latent_model
from flowmc.kernels.metropolis import MetropolisState, select
from flowmc.kernels.nuts import NUTS
from flowmc.kernels.starts import starting_log_prob
from flowmc.kernels.tally import SOUND, Tally, add, counted, replace_bad


@KERNELS.register("latent_hmc")
class LatentHMC:
    """The steps of a kernel with gradients on codes and noise, reported in `x`.

    Its `step_size` and `trajectory_length` are variables of `inner`.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        model: A latent-variable model.
        inner: "hmc" or "nuts" with their defaults, or such a kernel, built without a
            target of its own.

    Raises:
        ConfigurationError: The model has no codes, or `inner` uses no gradients.
    """

    name = "latent_hmc"
    gradients_at_step = 1  # for each chain, where a trajectory begins

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        model: CodedModel,
        inner: Any = "hmc",
    ) -> None:
        check_latent_model(model, kernel=self.name, flow_kernel="preconditioned")
        self._target_log_prob_fn = target_log_prob_fn
        self._space = JointSpace(model)
        self.inner: Any = KERNELS.get(inner)() if isinstance(inner, str) else inner
        if not isinstance(self.inner, GradientKernel):
            raise ConfigurationError(
                '`inner` must be "hmc", "nuts" or a kernel with gradients; got '
                f"{type(self.inner).__name__}. Without gradients use `latent_walk`."
            )

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`.

        Raises:
            TargetError: A chain starts at zero density, and `inner` is NUTS, which
                cannot leave it.
        """
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        if isinstance(self.inner, NUTS) and tf.executing_eagerly():
            _check_inside(log_prob.numpy())
        return MetropolisState(position, log_prob, payload)

    def start(
        self, position: Array, log_prob: Array, *, payload: Any, evaluate: Evaluate
    ) -> MetropolisState:
        """Build the state; there is nothing to evaluate before the codes are drawn."""
        return MetropolisState(position, log_prob, payload)

    def whole_step(
        self, state: MetropolisState, *, evaluate: Evaluate, seed: Seed
    ) -> tuple[MetropolisState, Any]:
        """Draw codes, step in the joint space, come back to `x`."""
        code_seed, step_seed = split(seed, n=2)
        num_chains, event_size = state.position.shape
        y, correction = self._space.draw(state.position, seed=code_seed)
        evaluate_y = self._evaluator(evaluate, safe=state.position)
        log_prob_y = state.log_prob + correction
        inner = self.inner.start(y, log_prob_y, payload=(), evaluate=evaluate_y)
        inner, info = self.inner.whole_step(inner, evaluate=evaluate_y, seed=step_seed)
        x, last_correction = self._space.to_x(inner.position)
        x, last_correction, defect = replace_bad(
            x, last_correction, safe=state.position
        )
        is_sound = tf.equal(defect, SOUND) & tf.math.is_finite(correction)
        is_accepted = info.is_accepted & is_sound
        # Chains that stay do so to the last digit, not by way of the joint space.
        moved = state._replace(position=x, log_prob=inner.log_prob - last_correction)
        state = select(is_accepted, moved, state)
        extra = counted(
            event_size,
            gradient_calls=num_chains,
            bad_proposals=tf.reduce_sum(tf.cast(~is_sound, tf.int32)),
        )
        tally = add(extra, self._in_x(info.tally))
        dead = tf.constant(-np.inf, tf.float64)
        ratio = tf.where(is_sound, info.log_accept_ratio, dead)
        return state, info._replace(
            is_accepted=is_accepted, log_accept_ratio=ratio, tally=tally
        )

    def step(self, state: MetropolisState, *, seed: Seed) -> tuple[Any, Any]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _evaluator(self, evaluate: Evaluate, *, safe: Array) -> Evaluate:
        """Return an evaluator of `y`; `safe` stands in for points without an image."""

        def evaluate_y(request: Request) -> Evaluation:
            y = request.points
            with tf.GradientTape() as tape:
                tape.watch(y)
                image, image_correction = self._space.to_x(y)
            x, correction, defect = replace_bad(image, image_correction, safe=safe)
            answer = evaluate(Request(x, True, ()))
            dead = tf.constant(-np.inf, tf.float64)
            log_prob = tf.where(defect == SOUND, answer.log_prob + correction, dead)
            gradient = tape.gradient(
                [image, image_correction],
                y,
                output_gradients=[answer.gradient, tf.ones_like(correction)],
            )
            # The safe point's would depend on where the trajectory began.
            nowhere = tf.constant(np.nan, tf.float64)
            gradient = tf.where((defect == SOUND)[:, None], gradient, nowhere)
            return Evaluation(log_prob, gradient)

        return evaluate_y

    def _in_x(self, tally: Tally) -> Tally:
        """Say of the first bad point where it is in `x`."""
        x, _ = self._space.to_x(tally.x[None])
        has_one = tf.not_equal(tally.value, 0.0)  # NaN is not 0 either
        return tally._replace(x=tf.where(has_one, x[0], 0.0))


def _check_inside(log_prob: np.ndarray) -> None:
    outside = np.flatnonzero(np.isneginf(log_prob))
    if outside.size:
        raise TargetError(
            "NUTS must start where the density is positive; it is zero for "
            f"{outside.size} chains, first for chain {outside[0]}. Start inside, or "
            'use `inner="hmc"`, which can leave such a point.'
        )
