"""A check passes for what its error explains, and for nothing else."""

import math

import numpy as np
import pytest

from flowmc.core.errors import FlowmcError
from flowmc.validation.check import Check, z_limit
from flowmc.validation.estimates import (
    chain_checks,
    change_checks,
    evidence_checks,
    weighted_checks,
)
from flowmc.validation.report import Failure, Report

PLACE = ("sample", "made up")
FIRST = {"E[x]": lambda theta: theta[..., 0]}


def check(z, *, error=0.01, **options):
    return Check("kernels", "walk", "E[x]", z * error, error, 0.0, 1.0, **options)


def test_limit_grows_with_the_number_of_checks():
    assert z_limit(1) == pytest.approx(3.29, abs=0.01)
    assert 4.0 < z_limit(100) < z_limit(1000) < 5.0


def test_limits_on_both_sides():
    assert check(3.9).passes(4.0)
    assert not check(4.1).passes(4.0)
    assert not check(-4.1).passes(4.0)


@pytest.mark.parametrize("error", [0.0, math.nan, math.inf, 0.06])
def test_no_error_or_a_large_one_is_no_answer(error):
    found = Check("smc", "x", "y", 1.0, error, 1.0, 1.0)
    assert not found.passes(4.0)


def test_what_nothing_varies_in_fails():
    assert not Check("smc", "x", "y", 1.0, 0.01, 1.0, 0.0).passes(4.0)


def test_controls_pass_when_they_stand_out():
    assert check(20.0, is_control=True).passes(4.0)
    assert not check(5.0, is_control=True).passes(4.0)
    assert not check(math.nan, is_control=True).passes(4.0)


@pytest.mark.parametrize("shift", [0.0, 0.03])
def test_a_bias_of_three_per_cent_of_a_width_fails(shift):
    theta = np.random.default_rng(0).normal(size=(4000, 16, 1))
    (found,) = chain_checks(PLACE, theta + shift, FIRST, {"E[x]": 0.0})
    assert found.error == pytest.approx(1.0 / np.sqrt(64_000), rel=0.1)
    assert found.passes(4.0) == (shift == 0.0)


def test_errors_know_autocorrelation():
    random = np.random.default_rng(1)
    theta = np.zeros((2000, 16, 1))
    for step in range(1, 2000):
        theta[step] = 0.9 * theta[step - 1] + random.normal(size=(16, 1))
    (found,) = chain_checks(PLACE, theta, FIRST, {"E[x]": 0.0})
    naive = theta.std() / np.sqrt(theta.size)
    assert found.error == pytest.approx(naive * np.sqrt(1.9 / 0.1), rel=0.2)


def test_chains_that_stand_still_fail():
    theta = np.ones((100, 4, 1))
    (found,) = chain_checks(PLACE, theta, FIRST, {"E[x]": 1.0})
    assert not found.passes(4.0)


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_weights_are_used(factor):
    """Draws of N(0, 1.5) weighted to N(1/2, 1), or to a narrower law."""
    x = 1.5 * np.random.default_rng(2).normal(size=(50_000, 1))
    log_weight = -0.5 * factor * (x[:, 0] - 0.5) ** 2 + 0.5 * (x[:, 0] / 1.5) ** 2
    square = {"E[x^2]": lambda theta: theta[..., 0] ** 2}
    (found,) = weighted_checks(PLACE, x, log_weight, square, {"E[x^2]": 1.25})
    assert found.passes(4.0) == (factor == 1.0)


def test_changes_are_compared_chain_by_chain():
    random = np.random.default_rng(3)
    before = random.normal(size=(20_000, 1))
    noise = random.normal(size=(20_000, 1))
    fair = 0.99 * before + np.sqrt(1.0 - 0.99**2) * noise
    (found,) = change_checks(PLACE, before, fair, FIRST)
    assert found.passes(4.0)
    (found,) = change_checks(PLACE, before, fair + 0.01, FIRST)
    assert not found.passes(4.0)


def test_kernels_that_do_not_move_are_refused():
    before = np.random.default_rng(3).normal(size=(100, 1))
    with pytest.raises(FlowmcError, match="must move"):
        change_checks(PLACE, before, before, FIRST)


def test_only_evidences_with_honest_errors_count():
    pairs = {"importance": (-3.0, 0.01), "smc": (-2.0, 0.01), "bridge": (-3.1, 0.01)}
    found = evidence_checks(PLACE, pairs, -3.0)
    assert [one.quantity for one in found] == ["ln Z, importance", "ln Z, bridge"]
    assert [one.passes(4.0) for one in found] == [True, False]


def test_report():
    report = Report()
    assert not report.ok  # nothing was checked
    report.checks += [check(0.1), check(2.0), check(-1.0)]
    assert report.ok
    (worst,) = report.worst()
    assert worst.z == pytest.approx(2.0)
    report.checks.append(check(math.nan))
    assert not report.ok
    assert math.isnan(report.worst()[0].z)
    passed = Report(checks=[check(0.1)], failures=[Failure("smc", "x", "boom")])
    assert not passed.ok
