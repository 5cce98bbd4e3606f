"""Elliptical slice sampling: steps on ellipses through a normal, nothing to tune.

    pi(x) = N(x; mu, L L^T) * likelihood(x)

Each step draws an ellipse through the present point from the normal and a height under
the likelihood, then shrinks a bracket of angles until a point lies above the height: a
series of evaluations, of a length that depends on the chains.  Every step moves.  Run
in a flow's latent space, where the normal is the base density, it is transport
elliptical slice sampling.

Reference: Murray, Adams and MacKay (2010), arXiv:1001.0175; Cabezas and Nemeth (2023),
arXiv:2210.10644.
"""

__all__ = ["EllipticalSlice", "EllipticalSliceInfo"]

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.checks import check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import KERNELS
from flowmc.core.seeds import split
from flowmc.core.types import Array, Evaluation, LogProbFn, Request, Seed
from flowmc.kernels.arguments import check_position
from flowmc.kernels.drive import step_with
from flowmc.kernels.metropolis import MetropolisState, select
from flowmc.kernels.reference import Reference
from flowmc.kernels.starts import starting_log_prob
from flowmc.kernels.tally import SOUND

TURN = 2.0 * math.pi


class EllipticalSliceInfo(NamedTuple):
    """Whether each chain found a point, and how many it took."""

    is_accepted: Array  # [num_chains], False where `max_iterations` did not do
    log_accept_ratio: Array  # [num_chains], 0 for chains that moved, else -inf
    num_rounds: Array  # [num_chains], int32, points tried
    tally: Any = ()


class _Search(NamedTuple):
    """The ellipses, the brackets, and what was found."""

    state: MetropolisState  # the accepted point of chains that are done
    points: Array  # [n, D], asked for now
    start: Array  # [n, D], whitened; the ellipse is start cos + other sin
    other: Array  # [n, D], whitened
    log_height: Array  # [n]
    angle: Array  # [n]
    lower: Array  # [n], the bracket
    upper: Array  # [n]
    is_done: Array  # [n], bool
    num_rounds: Array  # [n], int32


@KERNELS.register("elliptical_slice")
class EllipticalSlice:
    """Move along random ellipses of the normal `N(location, scale_tril)`.

    Exact for any target; quick where target and normal are alike, as in the latent
    space of a fitted flow.  Tails heavier than the normal's make it slow.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`; None if the caller evaluates.
        location: mu `[d]`; 0 if None.  Given together with `scale_tril`.
        scale_tril: L `[d, d]`, lower triangular; the identity if None.
        circular: Which coordinates are angles, `[D]` of bool.  They stay where they
            are (`d` counts the others): compose this kernel with a walk that moves
            them.
        max_iterations: Points tried in one step before a chain stays where it is.

    Raises:
        ConfigurationError: All coordinates are angles, or the sizes disagree.
    """

    name = "elliptical_slice"

    def __init__(
        self,
        *,
        target_log_prob_fn: LogProbFn | None = None,
        location: Any = None,
        scale_tril: Any = None,
        circular: Any = None,
        max_iterations: int = 100,
    ) -> None:
        self._target_log_prob_fn = target_log_prob_fn
        self._reference = Reference(
            location=location, scale_tril=scale_tril, circular=circular
        )
        is_circle = self._reference.is_circle
        if is_circle is not None and is_circle.all():
            raise ConfigurationError(
                "`elliptical_slice` must have an ordinary coordinate to move; all "
                f"{len(is_circle)} are circular. Use `random_walk`."
            )
        self.max_iterations = check_positive_integer(
            max_iterations, name="max_iterations"
        )

    @property
    def max_evaluations(self) -> int:
        """Most evaluations of one step, for each chain."""
        return self.max_iterations

    @property
    def has_shape(self) -> bool:
        """Whether there is a reference that `adapt_shape` can replace."""
        return self._reference.is_shaped

    def adapt_shape(self, location: np.ndarray, scale_tril: np.ndarray) -> None:
        """Take over centre and shape of the draws so far."""
        self.fit(location=location, scale_tril=scale_tril)

    def fit(self, *, location: Any, scale_tril: Any) -> None:
        """Replace `location` `[d]` and `scale_tril` `[d, d]`, without a new trace.

        Raises:
            ConfigurationError: The kernel was built without, or they do not fit.
        """
        self._reference.fit(location, scale_tril)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        check_position(position, event_size=self._reference.event_size)
        return MetropolisState(position, log_prob, payload)

    def propose(self, state: MetropolisState, *, seed: Seed) -> Request:
        """Draw ellipses, heights and first angles; ask for the first points."""
        x = state.position
        normal_seed, uniform_seed = split(seed, n=2)
        normal = tf.random.stateless_normal(x.shape, normal_seed, dtype=x.dtype)
        uniform = tf.random.stateless_uniform(
            [2, x.shape[0]], uniform_seed, dtype=x.dtype
        )
        start = self._reference.whiten(x)
        angle = TURN * uniform[1]
        # At zero density the height is -inf: any point of positive density is above.
        log_height = _log_likelihood(state.log_prob, start) + tf.math.log(uniform[0])
        nobody = tf.zeros([x.shape[0]], tf.bool)
        search = _Search(
            state=state,
            points=x,
            start=start,
            other=self._reference.only_ordinary(normal),
            log_height=log_height,
            angle=angle,
            lower=angle - TURN,
            upper=angle,
            is_done=nobody,
            num_rounds=tf.zeros([x.shape[0]], tf.int32),
        )
        return self._ask(search)

    def complete(self, carry: Any, evaluation: Evaluation, *, seed: Seed) -> Request:
        """Keep points above the height; shrink the other brackets, and ask again."""
        search: _Search = carry
        white = _on_ellipse(search)
        log_likelihood = _log_likelihood(evaluation.log_prob, white)
        is_found = ~search.is_done & (log_likelihood > search.log_height)
        found = MetropolisState(search.points, evaluation.log_prob, evaluation.payload)
        # Brackets shrink towards the present point. That is no place to look for chains
        # of zero density, whose height is -inf: they go on trying the whole ellipse.
        shrinks = search.log_height > -np.inf
        is_below = search.angle < 0.0
        lower = tf.where(shrinks & is_below, search.angle, search.lower)
        upper = tf.where(shrinks & ~is_below, search.angle, search.upper)
        uniform = tf.random.stateless_uniform(
            search.angle.shape, seed, dtype=search.angle.dtype
        )
        return self._ask(
            search._replace(
                state=select(is_found, found, search.state),
                angle=lower + uniform * (upper - lower),
                lower=lower,
                upper=upper,
                is_done=search.is_done | is_found,
                num_rounds=search.num_rounds + tf.cast(~search.is_done, tf.int32),
            )
        )

    def finish(self, carry: Any) -> tuple[MetropolisState, EllipticalSliceInfo]:
        """Return what was found."""
        search: _Search = carry
        log_ratio = tf.where(search.is_done, np.float64(0.0), np.float64(-np.inf))
        info = EllipticalSliceInfo(search.is_done, log_ratio, search.num_rounds)
        return search.state, info

    def step(
        self, state: MetropolisState, *, seed: Seed
    ) -> tuple[MetropolisState, EllipticalSliceInfo]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    def _ask(self, search: _Search) -> Request:
        """Ask for the points at the angles; for chains that are done, those found."""
        x = search.state.position
        points = self._reference.restore(_on_ellipse(search), angles=x)
        points = select(search.is_done, x, points)
        search = search._replace(points=points)
        num_rounds = tf.reduce_max(search.num_rounds)
        is_wanted = tf.reduce_any(~search.is_done) & (num_rounds < self.max_iterations)
        return Request(
            points,
            needs_gradient=False,
            carry=search,
            # All are sound: said in full, since None cannot be part of a loop's state.
            defect=tf.fill(search.angle.shape, SOUND),
            is_wanted=is_wanted,
        )


def _on_ellipse(search: _Search) -> tf.Tensor:
    """Return the whitened points at the present angles."""
    cos, sin = tf.cos(search.angle)[:, None], tf.sin(search.angle)[:, None]
    return search.start * cos + search.other * sin


def _log_likelihood(log_prob: tf.Tensor, white: tf.Tensor) -> tf.Tensor:
    """Return the target over the normal, up to a constant."""
    return log_prob + 0.5 * tf.reduce_sum(tf.square(white), axis=-1)
