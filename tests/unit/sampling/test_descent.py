"""Descents find the maxima, and their rows have the target's proportions."""

import numpy as np
import pytest
import tensorflow as tf

import flowmc
from flowmc import targets
from flowmc.core.errors import LogProbError
from flowmc.core.seeds import root_seed
from flowmc.sampling import descent
from flowmc.sampling.descent import descend
from flowmc.sampling.ladder import Ladder
from flowmc.sampling.metered import Metered
from flowmc.sampling.space import Space

SEED = root_seed(5)


def test_one_maximum_with_scales_a_thousandfold_apart():
    truth = targets.ill_conditioned_gaussian(12)
    target = truth.target("tensorflow", bounds=[(-100.0, 100.0)] * 12)
    space = Space(target)

    found = descend(space, 512, seed=SEED)

    assert found.num_maxima == 1
    assert found.log_evidence == pytest.approx(0.0, abs=0.15)
    theta, _ = space.to_theta(found.x)
    np.testing.assert_allclose(theta.std(axis=0), truth.standard_deviation, rtol=0.25)
    assert target.num_gradients > 0


def test_modes_come_with_their_weights():
    truth = targets.two_gaussians(5)
    found = descend(Space(truth.target("tensorflow")), 2000, seed=SEED)

    assert found.num_maxima == 2
    # 2000 rows of 4000 t draws: sd about 0.015.
    assert np.mean(found.x[:, 0] > 0.0) == pytest.approx(1.0 / 3.0, abs=0.06)
    assert found.log_evidence == pytest.approx(truth.log_evidence, abs=0.15)


def test_rows_are_where_their_log_prob_says():
    space = Space(targets.two_gaussians(3).target("tensorflow"))
    found = descend(space, 100, seed=SEED)
    np.testing.assert_allclose(space.log_prob(found.x), found.log_prob, rtol=1e-10)


def test_many_dimensions_do_without_the_curvature_on_the_way(monkeypatch):
    monkeypatch.setattr("flowmc.sampling.descent.MOST_CURVED", 2)
    found = descend(Space(targets.two_gaussians(4).target("tensorflow")), 64, seed=SEED)
    assert found.num_maxima == 2


def test_descents_that_fail_are_left_out(monkeypatch):
    """One start in three ends in an error of the target or of linear algebra."""
    space = Space(targets.two_gaussians(4).target("tensorflow"))
    climb, errors = descent._climb, [LogProbError("planted"), np.linalg.LinAlgError()]
    calls = []

    def shaky(space, start):
        calls.append(start)
        if len(calls) % 3 == 0:
            raise errors[len(calls) % 2]
        return climb(space, start)

    monkeypatch.setattr(descent, "_climb", shaky)
    assert descend(space, 64, seed=SEED).num_maxima == 2


def test_laws_that_are_no_likeness_are_not_used(monkeypatch):
    space = Space(targets.two_gaussians(4).target("tensorflow"))
    monkeypatch.setattr(descent, "_log_density", lambda laws, shares, x: 30.0 * x[:, 0])
    assert descend(space, 64, seed=SEED) is None


def test_no_descent_begins_beyond_the_limit(monkeypatch):
    target = targets.two_gaussians(4).target("tensorflow")
    descend(Space(target), 64, seed=SEED)
    all_of_them = target.num_gradients
    target = targets.two_gaussians(4).target("tensorflow")
    assert descend(Space(target), 64, seed=SEED, max_gradients=1).num_maxima == 1
    assert target.num_gradients < all_of_them / 4


def test_starts_without_a_density_are_drawn_anew():
    """Only a twentieth of the box has any density."""
    narrow = flowmc.Target(
        lambda x: tf.where(
            tf.abs(x[:, 0]) < 0.05,
            -tf.reduce_sum(tf.square(x), axis=-1),
            tf.constant(-np.inf, tf.float64),
        ),
        names=["a", "b"],
        bounds=[(-1.0, 1.0)] * 2,
        backend="tensorflow",
    )
    starts = descent._starts(Metered(Space(narrow), np.inf), np.random.default_rng(3))
    assert len(starts) == descent.NUM_STARTS


def test_no_start_with_a_density_finds_nothing():
    nowhere = flowmc.Target(
        lambda x: (
            tf.fill([tf.shape(x)[0]], tf.constant(-np.inf, tf.float64)) + 0 * x[:, 0]
        ),
        names=["a", "b"],
        bounds=[(-1.0, 1.0)] * 2,
        backend="tensorflow",
    )
    assert descend(Space(nowhere), 16, seed=SEED) is None


def test_the_pace_of_a_ladder_says_how_long_it_will_be():
    ladder = Ladder(1)
    assert ladder.levels_ahead() == 0.0
    for level, b in enumerate((0.0, 1e-4, 1e-3, 1e-2)):
        ladder.add(np.zeros((2, 1)), *np.zeros((2, 2)), b=b, log_evidence=float(level))
    assert ladder.levels_ahead() == pytest.approx(2.0)


def test_a_host_target_with_gradients_of_its_own():
    precision = np.array([1.0, 100.0, 1e4])

    def value_and_gradient(theta):
        return -0.5 * np.sum(precision * theta**2, axis=-1), -precision * theta

    target = flowmc.Target(
        lambda theta: value_and_gradient(theta)[0],
        names=["a", "b", "c"],
        value_and_gradient_fn=value_and_gradient,
        backend="numpy",
    )
    found = descend(Space(target), 500, seed=SEED)
    assert found.num_maxima == 1
    log_evidence = 1.5 * np.log(2.0 * np.pi) - 0.5 * np.log(precision).sum()
    assert found.log_evidence == pytest.approx(log_evidence, abs=0.1)
    np.testing.assert_allclose(found.x.std(axis=0), precision**-0.5, rtol=0.2)
