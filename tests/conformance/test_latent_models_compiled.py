"""Latent-variable models in eager mode, in a graph and under XLA."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.models import saving
from tests.conformance.compilations import count_compilations
from tests.conformance.families import trained
from tests.conformance.latent_families import joint_points, latent_cases, make_case


class LatentProgram:
    """Everything a kernel does with a latent-variable model, in one function."""

    def __init__(self, family, size, variant):
        self.model = make_case(family, size, variant)

    def __call__(self, z, x, seed):
        model = self.model
        u, prior_log_det = model.prior_inverse_and_log_det(z)
        e, log_det = model.x_to_noise(x, z)
        scored = (
            u,
            prior_log_det,
            *model.prior_forward_and_log_det(u),
            e,
            log_det,
            *model.noise_to_x(e, z),
            model.log_prior(z),
            model.log_decoder(x, z),
            model.log_encoder(z, x),
        )
        codes, log_r = model.sample_encoder(x, seed=seed, num=3)
        return scored, (codes, log_r, model.sample_prior(5, seed=seed))


@pytest.fixture(
    scope="module",
    params=[pytest.param(case.values, id=case.id) for case in latent_cases(3)],
)
def all_programs(request):
    eager = LatentProgram(*request.param)
    compiled = tf.function(eager, jit_compile=True, autograph=False)
    return eager, tf.function(eager, autograph=False), compiled


@pytest.fixture
def programs(all_programs):
    """The programs; the weights are put back after each test."""
    arrays = saving.get_arrays(all_programs[0].model)
    yield all_programs
    saving.set_arrays(all_programs[0].model, arrays)


def test_eager_graph_and_xla_agree(programs):
    points, seed = joint_points(programs[0].model, 40), tf.constant([1, 2])
    results = [program(*points, seed) for program in programs]
    for values in zip(*(scored for scored, _ in results), strict=True):
        np.testing.assert_allclose(values[1], values[0], atol=1e-10, rtol=1e-10)
        np.testing.assert_allclose(values[2], values[0], atol=1e-10, rtol=1e-10)
    for _, (codes, log_r, _) in results:
        again = programs[0].model.log_encoder(codes, points[1])
        np.testing.assert_allclose(log_r, again, atol=1e-9)


def test_one_trace_one_compilation_and_new_weights_are_seen(programs):
    eager, _, compiled = programs

    def call_again():
        for index in range(3):
            points = joint_points(eager.model, 40, seed=index)
            compiled(*points, tf.constant([index, 5]))
            trained(eager.model, seed=index, strength=0.01)

    call_again()
    assert compiled.experimental_get_tracing_count() == 1
    assert count_compilations(call_again)[1] == 0
    points = joint_points(eager.model, 40)
    after = compiled(*points, tf.constant([1, 2]))[0][-1]
    np.testing.assert_allclose(after, eager.model.log_encoder(*points), atol=1e-10)
