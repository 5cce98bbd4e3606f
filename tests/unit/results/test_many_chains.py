"""Right draws in many short chains pass, chains that disagree do not."""

import numpy as np
import pytest
from scipy.signal import lfilter

from flowmc.results.chain_statistics import chain_statistics
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.many_chains import adjusted_r_hat, nested_r_hat
from flowmc.results.verdict import judge

LIMIT = 1.01


def chains(seed, time, *, num_draws=1000, num_chains=64):
    """Stationary normal chains with autocorrelation time `time`."""
    generator = np.random.default_rng(seed)
    rho = (time - 1) / (time + 1)
    noise = generator.standard_normal((num_draws, num_chains))
    noise[1:] *= np.sqrt(1.0 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=0)


@pytest.mark.parametrize("time", [1, 2, 20, 40])
def test_chains_that_agree_pass_however_short(time):
    draws = chains(time, time)
    assert nested_r_hat(draws) < LIMIT
    assert adjusted_r_hat(draws) < LIMIT
    if time >= 20:
        assert chain_statistics(draws).r_hat > LIMIT
    assert judge(compute_diagnostics(draws[:, :, None])).ok


@pytest.mark.parametrize("time", [2, 20, 80])
def test_a_few_chains_elsewhere_are_seen_by_the_adjusted(time):
    draws = chains(time, time)
    draws[:, 5] += 4.0
    assert nested_r_hat(draws) < 1.02
    assert adjusted_r_hat(draws) > 1.03


def test_chains_that_stay_where_they_began_are_seen_by_both():
    draws = chains(3, 5)
    draws[:, ::3] += 10.0
    assert nested_r_hat(draws) > 1.3
    assert adjusted_r_hat(draws) > 1.3
    assert not judge(compute_diagnostics(draws[:, :, None])).ok


def test_chains_of_unequal_width_are_seen():
    draws = chains(4, 5)
    draws[:, :16] *= 4.0
    assert adjusted_r_hat(draws) > 1.05


def test_units_and_monotone_maps_do_not_matter():
    draws = chains(6, 10, num_chains=16)
    for function in (nested_r_hat, adjusted_r_hat):
        assert function(1e-200 * draws) == pytest.approx(function(draws), rel=1e-12)
    assert nested_r_hat(np.exp(draws)) < LIMIT


def test_few_or_still_chains_have_none():
    draws = chains(7, 5)
    still = draws.copy()
    still[:, 3] = 0.1
    for bad in (draws[:, :7], draws[:7], still, np.where(draws > 3, np.nan, draws)):
        assert np.isnan(nested_r_hat(bad))
        assert np.isnan(adjusted_r_hat(bad))


def test_the_plain_figure_stands_where_the_others_are_absent():
    few = compute_diagnostics(chains(8, 5, num_chains=4)[:, :, None])
    assert few.judged_r_hat == pytest.approx(few.r_hat)
    many = compute_diagnostics(chains(9, 30)[:, :, None])
    assert many.judged_r_hat[0] < LIMIT < many.r_hat[0]
    still = chains(10, 30)
    still[:, 0] = 1.0
    assert np.isnan(compute_diagnostics(still[:, :, None]).judged_r_hat[0])
