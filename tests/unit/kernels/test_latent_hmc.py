"""HMC in codes and noise: the inner kernel, gradients counted, points that go wrong."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError, TargetError
from flowmc.kernels.adaptation import Adaptation
from flowmc.sampling.host_stepper import HostStepper
from tests.unit.kernels.latent_models import Blind, Broken, perfect, spoilt
from tests.unit.kernels.targets import log_prob, start


def make(model=None, **options):
    target = options.pop("target", log_prob)
    return kernels.make(
        "latent_hmc",
        target_log_prob_fn=target,
        model=spoilt() if model is None else model,
        **options,
    )


def short(**options):
    return kernels.make(
        "hmc", **{"step_size": 0.3, "trajectory_length": 0.8, **options}
    )


@pytest.mark.parametrize("inner", ["random_walk", "t_pcn"])
def test_inner_must_use_gradients(inner):
    with pytest.raises(ConfigurationError, match="Without gradients use `latent_walk`"):
        make(inner=inner)


def test_inner_by_name_and_what_adapts():
    assert make().inner.name == "hmc"
    assert make(inner="nuts").inner.name == "nuts"
    kernel = make(inner=short())
    adaptation = Adaptation(kernel)
    adaptation.update(np.array([0.99]), slope=0.1)
    assert set(adaptation.freeze()) == {"step_size", "trajectory_length"}
    assert float(kernel.inner.step_size) > 0.3


def test_a_perfect_model_is_nearly_always_accepted():
    kernel = make(perfect(), inner=short(step_size=0.2))
    state, info = kernel.step(kernel.init(start()), seed=(1, 2))
    assert np.mean(info.is_accepted) > 0.98
    np.testing.assert_allclose(state.log_prob, log_prob(state.position), rtol=1e-9)
    assert info.length_slope.shape == ()


def test_every_gradient_is_counted_with_the_one_after_the_codes():
    calls = []

    def value_and_gradient(x):
        calls.append(len(x))
        return -0.5 * np.sum(x**2, axis=1), -x

    def value(x):
        return value_and_gradient(x)[0], ()

    kernel, position = make(target=None, inner=short()), tf.constant(start(30))
    stepper = HostStepper(value, value_and_gradient)
    state = stepper.init(kernel, position, tf.constant(value(start(30))[0]))
    calls.clear()
    _, info = stepper(kernel, state, seed=tf.constant([1, 2]))
    counts = info.tally.as_dict()
    assert counts["gradient_calls"] == sum(calls)
    assert counts["gradient_calls"] == 30 * (1 + int(info.num_leapfrog_steps[0]))
    assert counts["log_prob_calls"] == 0


def test_chains_that_stay_do_so_to_the_last_digit():
    kernel = make(inner=short(step_size=1.5, trajectory_length=3.0))
    before = start()
    state, info = kernel.step(kernel.init(before), seed=(1, 2))
    stays = ~info.is_accepted.numpy()
    assert 0.05 < stays.mean() < 0.95
    np.testing.assert_array_equal(state.position[stays], before[stays])
    np.testing.assert_array_equal(state.log_prob[stays], log_prob(before)[stays])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_densities_are_counted_where_they_are_in_x(bad):
    def spiked(x):
        return tf.where(x[:, 1] > 1.0, tf.constant(bad, tf.float64), log_prob(x))

    position = np.minimum(start(), 0.9)
    kernel = make(perfect(), target=spiked, inner=short())
    state, info = kernel.step(kernel.init(position), seed=(1, 2))
    counts = info.tally.as_dict()
    assert counts["nan_log_prob" if np.isnan(bad) else "infinite_log_prob"] > 0
    assert info.tally.x.shape == (2,)
    assert info.tally.x[1] > 1.0
    assert np.isfinite(state.log_prob).all()


def test_broken_points_end_nowhere():
    kernel = make(Broken(), inner=short())
    state, info = kernel.step(kernel.init(start(40)), seed=(1, 2))
    assert np.isfinite(state.position).all()
    is_broken = np.arange(40) % 4 != 0
    assert not np.any(info.is_accepted.numpy()[is_broken])
    assert np.any(info.is_accepted)


def test_nothing_moves_where_the_model_is_blind():
    for inner in (short(), kernels.make("mala")):
        kernel = make(Blind(), inner=inner)
        state, info = kernel.step(kernel.init(start(8)), seed=(1, 2))
        np.testing.assert_array_equal(state.position, start(8))
        assert info.tally.as_dict()["bad_proposals"] == 8


def test_hmc_leaves_zero_density_and_nuts_says_that_it_cannot():
    position = start(10)
    density = np.where(np.arange(10) < 5, -np.inf, 0.0) + log_prob(position)
    kernel = make(perfect(), inner=short())
    _, info = kernel.step(kernel.init(position, density), seed=(1, 2))
    assert np.all(info.is_accepted[:5])
    with pytest.raises(TargetError, match="NUTS must start.*zero for 5 chains"):
        make(inner="nuts").init(position, density)
