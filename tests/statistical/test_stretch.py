"""Small ensembles: where the stretch move is exact, and where it would not be.

Ensembles of four are small enough for each mistake of the halves to be seen: with
thousands of chains the other half is as good as the target itself.
"""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.core.types import Request
from flowmc.kernels.stretch import Stretch
from tests.statistical.invariance import FAIL, PASS, TARGET

ENSEMBLE, NUM_ENSEMBLES, NUM_STEPS = 4, 12_000, 3


class NoFactor(Stretch):
    """Leaves out that stretching changes volumes."""

    def propose(self, state, *, seed):
        return self._flat(super().propose(state, seed=seed))

    def complete(self, carry, evaluation, *, seed):
        outcome = super().complete(carry, evaluation, seed=seed)
        return self._flat(outcome) if isinstance(outcome, Request) else outcome

    def _flat(self, request):
        carry = request.carry._replace(log_factor=0.0 * request.carry.log_factor)
        return request._replace(carry=carry)


class AroundTheMean(Stretch):
    """Stretches the distance to the mean of all chains, the moving one among them."""

    def propose(self, state, *, seed):
        return self._centred(super().propose(state, seed=seed), seed)

    def complete(self, carry, evaluation, *, seed):
        outcome = super().complete(carry, evaluation, seed=seed)
        return self._centred(outcome, seed) if isinstance(outcome, Request) else outcome

    def _centred(self, request, seed):
        half = request.carry
        z = tf.exp(half.log_factor)  # D = 2
        is_first = isinstance(half.first, tuple) and not half.first
        mine = half.state.position[: ENSEMBLE // 2]
        mine = mine if is_first else half.state.position[ENSEMBLE // 2 :]
        center = tf.reduce_mean(half.state.position, axis=0)
        points = center + z[:, None] * (mine - center)
        return request._replace(points=points, carry=half._replace(points=points))


def largest_z(kernel):
    """Move ensembles of exact draws; compare their moments before and after."""
    start = TARGET.sample(ENSEMBLE * NUM_ENSEMBLES, seed=0)
    start = start.reshape(NUM_ENSEMBLES, ENSEMBLE, 2)

    @tf.function(autograph=False)
    def run(position, index):
        state = kernel.init(position)
        for step in range(NUM_STEPS):
            state, _ = kernel.step(state, seed=tf.stack([index, step]))
        return state.position

    number = tf.range(NUM_ENSEMBLES, dtype=tf.int32)
    end = tf.map_fn(
        lambda pair: run(*pair),
        (tf.constant(start), number),
        fn_output_signature=tf.float64,
    ).numpy()
    # Chains of one ensemble are not independent: compare the means of ensembles.
    change = (_functions(end) - _functions(start)).mean(axis=1)
    error = change.std(axis=0, ddof=1) / np.sqrt(NUM_ENSEMBLES)
    return float(np.abs(change.mean(axis=0) / error).max())


def _functions(x):
    """Means, squares and the product: `[..., 2] -> [..., 5]`."""
    first, second = x[..., 0], x[..., 1]
    columns = [first, second, first**2, second**2, first * second]
    return np.stack(columns, axis=-1)


def test_small_ensembles_stay_where_they_are():
    assert largest_z(Stretch(target_log_prob_fn=TARGET.graph_fn)) < PASS


@pytest.mark.parametrize("mistake", [NoFactor, AroundTheMean])
def test_mistakes_are_seen(mistake):
    assert largest_z(mistake(target_log_prob_fn=TARGET.graph_fn)) > FAIL
