"""Models in eager mode, in a graph and under XLA: one program a family."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.models import saving
from tests.conformance.compilations import count_compilations
from tests.conformance.families import (
    FAMILIES,
    assert_draws_follow,
    build,
    points,
    trained,
)


class Program:
    """Everything a sampler does with a model, in one function."""

    def __init__(self, family):
        self.model = trained(build(family, 3), strength=0.1)

    def __call__(self, x, seed):
        model = self.model
        z, inverse_log_det = model.inverse_and_log_det(x)
        back, forward_log_det = model.forward_and_log_det(z)
        draws, draw_log_prob = model.sample_and_log_prob(2000, seed=seed)
        maps = (z, inverse_log_det, back, forward_log_det, model.log_prob(x))
        return maps, (draws, draw_log_prob)


@pytest.fixture(scope="module", params=FAMILIES)
def all_programs(request):
    eager = Program(request.param)
    compiled = tf.function(eager, jit_compile=True, autograph=False)
    return eager, tf.function(eager, autograph=False), compiled


@pytest.fixture
def programs(all_programs):
    """The programs; the weights are put back after each test."""
    arrays = saving.get_arrays(all_programs[0].model)
    yield all_programs
    saving.set_arrays(all_programs[0].model, arrays)


def test_eager_graph_and_xla_agree(programs):
    eager, graph, compiled = programs
    x, seed = tf.constant(points(eager.model, 40)), tf.constant([1, 2])
    maps = [program(x, seed)[0] for program in (eager, graph, compiled)]
    for values in zip(*maps, strict=True):
        np.testing.assert_allclose(values[1], values[0], atol=1e-10, rtol=1e-10)
        np.testing.assert_allclose(values[2], values[0], atol=1e-10, rtol=1e-10)


def test_xla_draws_follow_the_density(programs):
    eager, _, compiled = programs
    x = tf.constant(points(eager.model, 40))
    parts = [compiled(x, tf.constant([7, i]))[1] for i in range(10)]
    draws, log_prob = (np.concatenate(part) for part in zip(*parts, strict=True))
    np.testing.assert_allclose(eager.model.log_prob(draws), log_prob, atol=1e-9)
    assert_draws_follow(draws, log_prob)


def test_one_trace_and_one_compilation(programs):
    eager, _, compiled = programs

    def call_again():
        for index in range(3):
            x = tf.constant(points(eager.model, 40, seed=index))
            compiled(x, tf.constant([index, 5]))
            trained(eager.model, seed=index, strength=0.01)

    call_again()
    assert compiled.experimental_get_tracing_count() == 1
    assert count_compilations(call_again)[1] == 0


def test_compiled_programs_see_new_weights(programs):
    eager, _, compiled = programs
    x, seed = tf.constant(points(eager.model, 40)), tf.constant([1, 2])
    before = compiled(x, seed)[0][-1]
    trained(eager.model, seed=9)
    after = compiled(x, seed)[0][-1]
    assert np.all(after != before)
    np.testing.assert_allclose(after, eager.model.log_prob(x), rtol=1e-10)


def test_control_slicing_at_a_tensor_compiles_anew():
    sliced = tf.function(lambda x, i: x[i], jit_compile=True)
    gathered = tf.function(tf.gather, jit_compile=True)
    x = tf.range(5.0)

    def counted(function):
        calls = [lambda i=i: function(x, tf.constant(i)) for i in range(3)]
        return [count_compilations(call)[1] for call in calls]

    assert counted(sliced) == [1, 1, 1]
    assert counted(gathered) == [1, 0, 0]
    assert sliced.experimental_get_tracing_count() == 1
