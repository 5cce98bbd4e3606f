"""Walks in codes and noise: step sizes, adaptation, and points that go wrong."""

import numpy as np
import pytest

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.kernels.adaptation import Adaptation
from tests.unit.kernels.latent_models import Blind, Broken, perfect, spoilt
from tests.unit.kernels.targets import Watched, log_prob, start


def make(model=None, **options):
    target = options.pop("target", log_prob)
    return kernels.make(
        "latent_walk",
        target_log_prob_fn=target,
        model=spoilt() if model is None else model,
        **options,
    )


@pytest.mark.parametrize("step_size", [0.0, -0.1, 1.1, np.nan])
def test_step_size_is_a_share(step_size):
    with pytest.raises(ConfigurationError, match=r"`step_size` must lie in \(0, 1\]"):
        make(step_size=step_size)


@pytest.mark.parametrize("step_size", [0.1, 1.0])
def test_a_perfect_model_is_always_accepted(step_size):
    kernel = make(perfect(), step_size=step_size)
    state, info = kernel.step(kernel.init(start()), seed=(1, 2))
    np.testing.assert_allclose(info.log_accept_ratio, 0.0, atol=1e-10)
    np.testing.assert_allclose(state.log_prob, log_prob(state.position), rtol=1e-12)


def test_moves_are_as_long_as_the_step():
    lengths = []
    for step_size in (0.01, 0.1):
        kernel = make(perfect(), step_size=step_size)
        state, _ = kernel.step(kernel.init(start()), seed=(1, 2))
        lengths.append(np.abs(state.position - start()).mean())
    assert 8.0 < lengths[1] / lengths[0] < 12.0


def test_one_step_is_one_evaluation():
    target = Watched()
    kernel = make(target=target)
    _, info = kernel.step(kernel.init(start(30)), seed=(1, 2))
    assert [len(points) for points in target.points] == [30, 30]
    assert info.tally.as_dict()["log_prob_calls"] == 30


def test_its_step_size_adapts_up_to_one():
    kernel = make(perfect(), step_size=0.3)
    adaptation = Adaptation(kernel)
    assert adaptation
    for _ in range(50):
        adaptation.update(np.array([1.0]))
    assert adaptation.freeze() == {"step_size": pytest.approx(1.0, rel=0.2)}
    assert float(kernel.step_size) <= 1.0


def test_broken_points_are_neither_evaluated_nor_accepted():
    target = Watched()
    kernel = make(Broken(), target=target)
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    assert all(np.isfinite(points).all() for points in target.points)
    is_broken = np.arange(40) % 4 != 0
    assert not np.any(info.is_accepted.numpy()[is_broken])
    assert np.all(info.is_accepted.numpy()[~is_broken])
    np.testing.assert_array_equal(state.position[1], start(40)[1])
    assert info.tally.as_dict()["bad_proposals"] == 30


def test_nothing_moves_where_the_model_is_blind():
    kernel = make(Blind())
    state, info = kernel.step(kernel.init(start(8)), seed=(1, 2))
    np.testing.assert_array_equal(state.position, start(8))
    assert info.tally.as_dict()["bad_proposals"] == 8
