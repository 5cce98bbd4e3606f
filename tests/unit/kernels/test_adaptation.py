"""Step sizes and trajectory lengths: found in warm-up, frozen after."""

import numpy as np
import pytest

from flowmc import kernels, models
from flowmc.kernels.adaptation import Adaptation, DualAveraging, TrajectoryLength


def acceptance(step_size):
    """A falling curve: 0.8 at step size 0.5."""
    return 0.64 ** (step_size / 0.5) / 0.8


@pytest.mark.parametrize("first", [1e-3, 0.5, 50.0])
def test_dual_averaging_finds_the_step_size_from_anywhere(first):
    tuner = DualAveraging(first, target_acceptance=0.8)
    random = np.random.default_rng(0)
    for _ in range(500):
        noise = 0.05 * random.normal()
        tuner.update(float(np.clip(acceptance(tuner.step_size) + noise, 0.0, 1.0)))
    assert tuner.average == pytest.approx(0.5, rel=0.15)


def test_dual_averaging_respects_the_largest_step_size():
    tuner = DualAveraging(0.5, target_acceptance=0.25, max_step_size=1.0)
    for _ in range(100):
        tuner.update(1.0)
    assert tuner.step_size == pytest.approx(1.0)
    assert tuner.average <= 1.0 + 1e-12


def test_trajectory_length_climbs_to_where_the_slope_changes_sign():
    tuner = TrajectoryLength(0.1)
    for _ in range(600):
        tuner.update(3.0 - tuner.length, shortest=0.01)
    assert tuner.average == pytest.approx(3.0, rel=0.1)


def test_trajectory_length_ignores_slopes_that_say_nothing():
    tuner = TrajectoryLength(2.0)
    for slope in (0.0, np.nan, np.inf):
        assert tuner.update(slope, shortest=0.1) == 2.0


def test_a_preconditioned_kernel_is_tuned_inside():
    inner = kernels.make("hmc", step_size=0.3)
    model = models.make("gaussian", event_size=2, seed=0)
    kernel = kernels.make("preconditioned", model=model, inner=inner)
    adaptation = Adaptation(kernel)
    for _ in range(20):
        adaptation.update(np.array([0.1]), slope=-1.0)
    found = adaptation.freeze()
    assert found["step_size"] < 0.3
    assert found["trajectory_length"] < np.pi
    assert inner.step_size.numpy() == found["step_size"]
    assert inner.trajectory_length.numpy() == found["trajectory_length"]


def test_the_length_can_be_left_alone():
    kernel = kernels.make("hmc", step_size=0.3, trajectory_length=2.0)
    adaptation = Adaptation(kernel, adapt_length=False)
    adaptation.update(np.array([0.9]), slope=5.0)
    assert "trajectory_length" not in adaptation.freeze()
    assert kernel.trajectory_length.numpy() == 2.0


def test_parts_of_a_mixture_learn_from_their_own_steps():
    walks = [kernels.make("random_walk", step_size=1.0) for _ in range(2)]
    kernel = kernels.make("mixture", kernels=walks)
    adaptation = Adaptation(kernel)
    for _ in range(10):
        adaptation.update(np.array([0.99, np.nan]))
    found = adaptation.freeze()
    assert found["0.step_size"] > 1.0
    assert found["1.step_size"] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["random_walk", "t_pcn", "elliptical_slice"])
def test_the_shape_of_the_draws_is_learned(name):
    options = {"scale_tril": np.eye(2)}
    if name != "random_walk":
        options["location"] = np.zeros(2)
    kernel = kernels.make(name, **options)
    tril = np.array([[3.0, 0.0], [2.0, 0.5]])
    random = np.random.default_rng(0)
    adaptation = Adaptation(kernel)
    assert adaptation
    for _ in range(80):
        draws = 10.0 + random.normal(size=(64, 2)) @ tril.T
        adaptation.update(np.array([0.3]), position=draws)
    adaptation.freeze()
    if name == "random_walk":
        found = kernel.scale_tril.numpy()
    else:
        location, found, _ = kernel._reference._variables
        np.testing.assert_allclose(location, [10.0, 10.0], atol=0.3)
    np.testing.assert_allclose(found, tril, atol=0.2)


def test_a_kernel_listed_twice_is_tuned_once():
    walk = kernels.make("random_walk", step_size=1.0)
    adaptation = Adaptation(kernels.make("cycle", kernels=[walk, walk]))
    adaptation.update(np.array([0.9, 0.9]))
    assert list(adaptation.freeze()) == ["0.step_size"]


def test_a_kernel_without_step_size_needs_no_adaptation():
    assert not Adaptation(kernels.make("elliptical_slice"))
