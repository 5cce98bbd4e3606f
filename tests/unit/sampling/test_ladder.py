"""The ladder against a Gaussian path, where every temperature is known in closed form.

Reference N(0, 3^2), target N(1, 0.5^2) times exp(LOG_EVIDENCE): at `b` the normal of
precision (1 - b) / 9 + 4 b, and the evidence the integral of a Gaussian.
"""

import numpy as np
import pytest
from scipy import stats

from flowmc.sampling.ladder import MOST_LEVELS, Ladder
from flowmc.sampling.temper import effective_sample_size

WIDE, NARROW, CENTER, LOG_EVIDENCE = 3.0, 0.5, 1.0, -7.0
SIZE = 2


def log_reference(x):
    return stats.norm.logpdf(x, scale=WIDE).sum(axis=-1)


def log_target(x):
    return stats.norm.logpdf(x, CENTER, NARROW).sum(axis=-1) + LOG_EVIDENCE


def moments(b):
    """Mean and standard deviation at `b`."""
    precision = (1.0 - b) / WIDE**2 + b / NARROW**2
    return b * CENTER / NARROW**2 / precision, precision**-0.5


def log_evidence(b):
    """Log of the integral of reference^(1 - b) target^b: at any x, over the normal."""
    mean, sd = moments(b)
    x = np.zeros((1, SIZE))
    joint = (1.0 - b) * log_reference(x) + b * log_target(x)
    return float((joint - stats.norm.logpdf(x, mean, sd).sum(axis=-1))[0])


def draw(b, n, *, seed=0):
    mean, sd = moments(b)
    return mean + sd * np.random.default_rng(seed).normal(size=(n, SIZE))


def climb(temperatures, *, n=4000, known=True):
    """A ladder with exact draws at each temperature."""
    ladder = Ladder(SIZE)
    for level, b in enumerate(temperatures):
        x = draw(b, n, seed=level)
        if known or not level:
            value = log_evidence(b)
        else:
            value = float(np.logaddexp.reduce(ladder.log_weight(b)))
        ladder.add(x, log_target(x), log_reference(x), b=b, log_evidence=value)
    return ladder


STEPS = (0.0, 0.01, 0.05, 0.2, 0.6)


def test_one_level_is_plain_importance_sampling():
    ladder = climb((0.0,), n=50)
    x = draw(0.0, 50, seed=0)
    expected = 0.3 * (log_target(x) - log_reference(x)) - np.log(50)
    np.testing.assert_allclose(ladder.log_weight(0.3), expected)


@pytest.mark.parametrize("b", [0.05, 0.3, 1.0])
def test_weights_give_moments_and_evidence_of_any_temperature(b):
    ladder = climb(STEPS)
    log_weight = ladder.log_weight(b)
    total = np.exp(log_weight - log_evidence(b))
    effective = effective_sample_size(log_weight)
    assert effective > 2000
    error = 4.0 / np.sqrt(effective)
    assert abs(np.log(total.sum())) < error
    x = ladder.to_arrays()["x"]
    mean, sd = moments(b)
    share = total / total.sum()
    assert np.all(np.abs(share @ x - mean) < error * sd)
    assert np.all(np.abs(share @ (x - mean) ** 2 / sd**2 - 1.0) < 2.0 * error)


def test_evidences_estimated_on_the_way_add_up():
    ladder = climb((*STEPS, 1.0), known=False)
    found = ladder.to_arrays()["log_evidence"]
    expected = [log_evidence(b) for b in (*STEPS, 1.0)]
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert expected[-1] == pytest.approx(LOG_EVIDENCE)


def test_all_levels_together_are_worth_more_than_the_last():
    ladder, alone = climb(STEPS), Ladder(SIZE)
    x = draw(STEPS[-1], 4000, seed=len(STEPS) - 1)
    evidence = log_evidence(STEPS[-1])
    alone.add(x, log_target(x), log_reference(x), b=STEPS[-1], log_evidence=evidence)
    one, many = (
        effective_sample_size(each.log_weight(0.9)) for each in (alone, ladder)
    )
    assert many > 1.1 * one


def test_rows_of_the_same_temperature_join_their_level():
    ladder = climb((0.0, 0.1), n=500)
    x = draw(0.1, 700, seed=9)
    ladder.add(
        x, log_target(x), log_reference(x), b=0.1, log_evidence=0.0, is_new=False
    )
    assert (len(ladder), ladder.num_levels) == (1700, 2)
    np.testing.assert_array_equal(ladder.to_arrays()["count"], [500, 1200])
    total = np.logaddexp.reduce(ladder.log_weight(0.1))
    assert total == pytest.approx(log_evidence(0.1), abs=0.02)


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.9])
def test_the_next_temperature_keeps_the_share_asked_for(fraction):
    ladder = climb((0.0, 0.01), n=2000)
    b = ladder.next_temperature(fraction=fraction)
    assert 0.01 < b < 1.0
    now = effective_sample_size(ladder.log_weight(0.01))
    kept = effective_sample_size(ladder.log_weight(b)) / now
    assert kept == pytest.approx(fraction, rel=1e-3)


def test_the_target_is_reached_in_the_end():
    assert climb((0.0, 0.2, 0.9)).next_temperature(fraction=0.5) == 1.0
    ladder, b, num_steps = climb((0.0,), n=1000), 0.0, 0
    while b < 1.0:
        last, b = b, ladder.next_temperature(fraction=0.5)
        assert b > last
        x, num_steps = draw(b, 1000, seed=num_steps), num_steps + 1
        evidence = log_evidence(b)
        ladder.add(x, log_target(x), log_reference(x), b=b, log_evidence=evidence)
    assert num_steps < 12


@pytest.mark.parametrize("scale", [1e3, 1e8, 1e17])
def test_steps_at_every_scale_a_prior_may_have(scale):
    x = np.zeros((2000, SIZE))
    ratio = -scale * np.random.default_rng(0).chisquare(3, size=2000)
    ladder = Ladder(SIZE)
    ladder.add(x, ratio, np.zeros(2000), b=0.0, log_evidence=0.0)
    b = ladder.next_temperature(fraction=0.5)
    assert 0.0 < b < 10.0 / scale
    assert effective_sample_size(b * ratio) == pytest.approx(1000, rel=1e-3)


def test_a_step_below_the_resolution_still_rises():
    ratio = -1e17 * np.random.default_rng(0).chisquare(3, size=2000)
    ladder = Ladder(SIZE)
    ladder.add(np.zeros((2000, SIZE)), ratio, 0 * ratio, b=0.3, log_evidence=0.0)
    assert ladder.next_temperature(fraction=0.5) == np.nextafter(0.3, 1.0)


def test_points_of_zero_density_do_not_count():
    ladder, inside = Ladder(SIZE), np.arange(1000) < 400
    x = draw(0.0, 1000)
    log_prob = np.where(inside, log_target(x), -np.inf)
    ladder.add(x, log_prob, log_reference(x), b=0.0, log_evidence=0.0)
    for b in (1e-9, 0.5, 1.0):
        assert np.isneginf(ladder.log_weight(b)[~inside]).all()
        assert np.isfinite(ladder.log_weight(b)[inside]).all()
    # At the smallest b the evidence is the share of the reference inside.
    total = np.exp(np.logaddexp.reduce(ladder.log_weight(1e-12)))
    assert total == pytest.approx(0.4, rel=1e-6)
    random = np.random.default_rng(0)
    _, found, _ = ladder.resample(0.5, 300, random=random)
    assert np.isfinite(found).all()
    b = ladder.next_temperature(fraction=0.5)
    effective = effective_sample_size(ladder.log_weight(b))
    assert effective == pytest.approx(0.5 * 400, rel=1e-3)


def test_points_where_the_reference_is_zero_do_no_harm():
    ladder, x = climb((0.0, 0.1), n=300), draw(0.1, 2)
    outside = np.array([-np.inf, log_reference(x)[1]])
    ladder.add(x, log_target(x), outside, b=0.2, log_evidence=log_evidence(0.2))
    for b in (0.2, 0.7):
        assert not np.isnan(ladder.log_weight(b)).any()


def test_resampled_rows_follow_the_weights():
    ladder = climb(STEPS)
    random = np.random.default_rng(3)
    x, log_prob, reference = ladder.resample(0.6, 8000, random=random)
    np.testing.assert_allclose(log_prob, log_target(x))
    np.testing.assert_allclose(reference, log_reference(x))
    mean, sd = moments(0.6)
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=0.08 * sd)
    np.testing.assert_allclose(x.std(axis=0), sd, rtol=0.06)


def test_old_levels_are_forgotten():
    temperatures = np.concatenate([[0.0], np.geomspace(0.01, 1.0, MOST_LEVELS + 3)])
    ladder = climb(temperatures, n=200)
    assert ladder.num_levels == MOST_LEVELS
    assert len(ladder) == 200 * MOST_LEVELS
    arrays = ladder.to_arrays()
    np.testing.assert_array_equal(arrays["b"], temperatures[-MOST_LEVELS:])
    for name in ("x", "log_prob", "log_reference"):
        assert len(arrays[name]) == len(ladder)
    np.testing.assert_array_equal(arrays["log_prob"], log_target(arrays["x"]))
    total = np.logaddexp.reduce(ladder.log_weight(1.0))
    assert total == pytest.approx(LOG_EVIDENCE, abs=0.3)


def test_stored_and_restored_it_goes_on_identically():
    ladder, other = climb(STEPS, n=100), Ladder(SIZE)
    other.from_arrays({k: a.copy() for k, a in ladder.to_arrays().items()})
    assert (len(other), other.num_levels) == (len(ladder), ladder.num_levels)
    np.testing.assert_array_equal(other.log_weight(0.8), ladder.log_weight(0.8))
    x = draw(0.8, 30, seed=7)
    for each in (ladder, other):
        each.add(x, log_target(x), log_reference(x), b=0.8, log_evidence=0.5)
    rows = [
        each.resample(1.0, 9, random=np.random.default_rng(1))
        for each in (ladder, other)
    ]
    for ours, theirs in zip(*rows, strict=True):
        np.testing.assert_array_equal(ours, theirs)
