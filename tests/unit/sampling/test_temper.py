"""Effective sizes and resampling."""

import numpy as np
import pytest

from flowmc.sampling.temper import (
    effective_sample_size,
    expected_acceptance,
    systematic_resample,
    truncate,
)

INF = float("inf")


def test_effective_sample_size():
    assert effective_sample_size(np.zeros(10)) == pytest.approx(10.0)
    assert effective_sample_size(np.array([0.0, -INF, -INF])) == pytest.approx(1.0)
    assert effective_sample_size(np.full(5, -INF)) == 0.0
    assert effective_sample_size(np.full(5, 1e5)) == pytest.approx(5.0)
    weight = np.array([1.0, 2.0, 3.0])
    expected = weight.sum() ** 2 / np.sum(weight**2)
    assert effective_sample_size(np.log(weight)) == pytest.approx(expected)


def resampled(weight, *, n=None, seed=0):
    with np.errstate(divide="ignore"):
        log_weight = np.log(weight)
    random = np.random.default_rng(seed)
    return systematic_resample(log_weight, random=random, n=n)


def test_resampling_is_unbiased_and_counts_differ_by_less_than_one():
    weight = np.array([0.05, 0.25, 0.0, 0.31, 0.39])
    counts = np.array(
        [np.bincount(resampled(weight, n=7, seed=s), minlength=5) for s in range(4000)]
    )
    assert np.all(np.abs(counts - 7 * weight) < 1.0)
    error = counts.std(axis=0) / np.sqrt(len(counts))
    assert np.all(np.abs(counts.mean(axis=0) - 7 * weight) <= 4.0 * error)


def test_equal_weights_keep_everyone():
    np.testing.assert_array_equal(resampled(np.full(50, 3.0)), np.arange(50))


def test_more_or_fewer_may_be_asked_for():
    assert len(resampled(np.ones(10), n=25)) == 25
    assert len(resampled(np.ones(10))) == 10
    only = resampled(np.array([0.0, 1.0, 0.0]), n=4)
    np.testing.assert_array_equal(only, [1, 1, 1, 1])


def test_resampling_at_any_scale_of_the_logarithm():
    log_weight = np.log([1.0, 2.0, 3.0])
    plain = systematic_resample(log_weight, random=np.random.default_rng(3), n=100)
    for shift in (-1e5, 1e5):
        moved = systematic_resample(
            log_weight + shift, random=np.random.default_rng(3), n=100
        )
        np.testing.assert_array_equal(moved, plain)


def test_truncation_holds_heavy_weights_back_and_leaves_ordinary_ones():
    ordinary = np.log(np.random.default_rng(0).uniform(0.5, 1.0, size=400))
    np.testing.assert_array_equal(truncate(ordinary), ordinary)
    heavy = np.append(ordinary, np.log(100.0))
    mean = np.exp(heavy).mean()
    assert np.exp(truncate(heavy)).max() == pytest.approx(mean * np.sqrt(len(heavy)))
    assert effective_sample_size(truncate(heavy)) > 2.0 * effective_sample_size(heavy)


def test_expected_acceptance_is_that_of_all_pairs():
    log_weight = np.append(np.random.default_rng(0).normal(size=50), -INF)
    weight = np.exp(log_weight)
    ratio = np.minimum(1.0, weight[None, :] / np.maximum(weight[:, None], 1e-300))
    pairs = (weight[:, None] * ratio).sum() / (len(weight) * weight.sum())
    assert expected_acceptance(log_weight) == pytest.approx(pairs)
    assert expected_acceptance(np.zeros(7)) == pytest.approx(1.0)
    assert expected_acceptance(np.full(7, -INF)) == 0.0


def test_truncation_of_no_weight_at_all_changes_nothing():
    nothing = np.full(5, -np.inf)
    np.testing.assert_array_equal(truncate(nothing), nothing)
