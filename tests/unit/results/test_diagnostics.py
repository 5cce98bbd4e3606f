"""Diagnostics from plain arrays."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.results.diagnostics import compute_diagnostics, longest_stuck_run
from tests.unit.results.builders import draws


def test_everything_is_measured():
    theta = draws()
    found = compute_diagnostics(
        theta,
        np.zeros((300, 8)),
        weighted_log_weight=np.random.default_rng(0).standard_normal(1000),
        mode_report={"groups": 2},
        num_bad_values=3,
    )
    assert found.names == ("theta[0]", "theta[1]", "theta[2]")
    for array in (found.r_hat, found.ess_bulk, found.ess_tail, found.mcse_mean):
        assert array.shape == (3,)
        assert np.all(np.isfinite(array))
    assert (found.num_draws, found.num_chains) == (300, 8)
    assert found.num_bad_values == 3
    assert found.mode_report == {"groups": 2}
    assert 0.0 < found.pareto_k < 0.7
    assert 300 < found.importance_ess < 450
    assert found.move_rate == 1.0
    assert compute_diagnostics(theta).pareto_k is None


def test_non_finite_entries_are_counted():
    theta = draws()
    theta[2, 1, 0] = np.inf
    log_prob = np.zeros((300, 8))
    log_prob[7, 7] = np.nan
    found = compute_diagnostics(theta, log_prob)
    assert found.num_non_finite == 2
    assert np.isnan(found.r_hat[0])
    assert np.isfinite(found.r_hat[1])


def test_the_longest_run_of_any_chain_is_found():
    theta = draws(num_draws=100)
    assert longest_stuck_run(theta) == 1
    theta[40:57, 2] = theta[40, 2]
    theta[80:, 5] = theta[80, 5]
    assert longest_stuck_run(theta) == 20
    theta[:31, 0] = theta[0, 0]
    assert longest_stuck_run(theta) == 31
    # One parameter at rest is no rest of the chain.
    theta[:, 1, 0] = 0.0
    assert longest_stuck_run(theta) == 31
    assert longest_stuck_run(np.ones((9, 2, 3))) == 9
    assert longest_stuck_run(np.ones((0, 2, 3))) == 0


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("per_chain", [True, False])
def test_acceptance_is_told_by_kernel(by_name, per_chain):
    names = ("flow", "walk")
    kernel = np.array([0, 1, 1, 1])
    accepted = np.array([[1, 0], [0, 0], [0, 0], [1, 1]], dtype=bool)
    if per_chain:
        kernel = np.stack([kernel, kernel], axis=1)
    if by_name:
        kernel = np.array(names)[kernel]
    found = compute_diagnostics(
        draws(num_draws=4, num_chains=2),
        is_accepted=accepted,
        kernel=kernel,
        kernel_names=names,
    )
    assert found.acceptance == pytest.approx({"flow": 0.5, "walk": 1 / 3})


def test_acceptance_without_kernels_or_given():
    theta = draws(num_draws=4, num_chains=2)
    accepted = np.eye(4, 2, dtype=bool)
    assert compute_diagnostics(theta, is_accepted=accepted).acceptance == {"all": 0.25}
    found = compute_diagnostics(theta, is_accepted=accepted, acceptance={"flow": 0.5})
    assert found.acceptance == {"flow": 0.5}
    assert compute_diagnostics(theta).acceptance == {}


def test_a_matrix_is_refused():
    with pytest.raises(ConfigurationError, match=r"got \[10, 3\]"):
        compute_diagnostics(np.zeros((10, 3)))
