from types import SimpleNamespace

import numpy as np
import pytest
from emcee.model import Model

from flowmc.core.errors import LogProbError
from flowmc.moves.evaluation import (
    draw_seed,
    evaluate_where,
    guarded,
    num_stored_steps,
)

POINTS = np.array([[1.0, 2.0], [np.nan, 0.0], [3.0, 4.0], [np.inf, 0.0]])
USABLE = np.array([True, False, True, False])


def compute(points):
    assert np.isfinite(points).all()
    log_prob = -points.sum(axis=1)
    blobs = np.array([f"blob {value}" for value in log_prob], dtype=object)
    points[:] = 0.0
    return log_prob, blobs


def test_only_usable_rows_reach_the_function():
    points = POINTS.copy()
    log_prob, blobs = evaluate_where(compute, points, USABLE)
    np.testing.assert_array_equal(log_prob, [-3.0, -np.inf, -7.0, -np.inf])
    assert list(blobs[USABLE]) == ["blob -3.0", "blob -7.0"]
    assert len(blobs) == 4
    np.testing.assert_array_equal(points, POINTS)  # it wrote to a copy


def test_function_is_not_called_for_nothing():
    log_prob, blobs = evaluate_where(pytest.fail, POINTS, np.zeros(4, dtype=bool))
    assert np.isneginf(log_prob).all()
    assert blobs is None


def test_no_blobs():
    result = evaluate_where(lambda p: (np.zeros(len(p)), None), POINTS, USABLE)
    assert result[1] is None


def test_structured_blobs():
    kind = np.dtype([("a", float), ("b", int, (2,))])
    _, blobs = evaluate_where(
        lambda p: (np.zeros(len(p)), np.array([(1.0, 2), (3.0, 4)], dtype=kind)),
        POINTS,
        USABLE,
    )
    np.testing.assert_array_equal(blobs["a"][USABLE], [1.0, 3.0])
    assert blobs["b"].shape == (4, 2)


def test_plus_infinity_is_refused_with_its_place():
    def unbounded(points):
        return np.array([0.0, np.inf]), None

    with pytest.raises(LogProbError, match=r"\[3\.0, 4\.0\]") as caught:
        evaluate_where(unbounded, POINTS, USABLE)
    np.testing.assert_array_equal(caught.value.theta, [3.0, 4.0])


def test_guarded_model_hides_what_is_not_allowed():
    model = Model(None, compute, map, None)
    safe = guarded(model, lambda points: np.isfinite(points).all(axis=1))
    log_prob, _ = safe.compute_log_prob_fn(POINTS.copy())
    np.testing.assert_array_equal(np.isneginf(log_prob), ~USABLE)
    assert safe.map_fn is map


def test_seed_is_an_int32_pair_from_the_generator():
    first, second = np.random.RandomState(3), np.random.RandomState(3)
    seed = draw_seed(first)
    assert seed.dtype == np.int32
    assert seed.shape == (2,)
    np.testing.assert_array_equal(seed, draw_seed(second))
    assert not np.array_equal(seed, draw_seed(first))


class Sampler:
    backend = SimpleNamespace(iteration=7)

    def compute(self, points):
        return points


def test_stored_steps_are_the_samplers_where_there_is_one():
    model = Model(None, Sampler().compute, map, None)
    assert num_stored_steps(model, default=3) == 7
    assert num_stored_steps(Model(None, compute, map, None), default=3) == 3
