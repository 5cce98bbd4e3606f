"""Evidence by importance sampling: known answers, and a bias that is taken off."""

import numpy as np
import pytest
from scipy import stats

from flowmc import models
from flowmc.sampling.evidence import collect_evidence, importance_evidence


def log_weights(n, *, width=1.5, log_evidence=-7.0, seed=0):
    """Normal target of known mass, drawn from a wider normal."""
    x = np.random.default_rng(seed).normal(size=n) * width
    log_target = stats.norm.logpdf(x) + log_evidence
    return log_target - stats.norm.logpdf(x, scale=width)


def test_known_answer():
    value, error = importance_evidence(log_weights(20_000))
    assert 0.001 < error < 0.02
    assert abs(value + 7.0) < 4.0 * error


@pytest.mark.parametrize("shift", [-1e6, 0.0, 1e6])
def test_any_scale_of_the_logarithm(shift):
    value, error = importance_evidence(log_weights(1000) + shift)
    plain, plain_error = importance_evidence(log_weights(1000))
    assert value - shift == pytest.approx(plain, abs=1e-9)
    assert error == pytest.approx(plain_error)


def test_the_error_is_the_scatter_of_repeats():
    runs = [importance_evidence(log_weights(400, seed=seed)) for seed in range(400)]
    values, errors = np.array(runs).T
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.15)


def test_the_logarithm_is_corrected_for_its_bias():
    n, repeats = 30, 4000
    width = 3.0
    values, plain = [], []
    for seed in range(repeats):
        log_weight = log_weights(n, width=width, log_evidence=0.0, seed=seed)
        values.append(importance_evidence(log_weight)[0])
        plain.append(np.log(np.mean(np.exp(log_weight))))
    error = np.std(plain) / np.sqrt(repeats)
    assert np.mean(plain) < -5.0 * error
    assert abs(np.mean(values)) < 0.25 * abs(np.mean(plain))


def test_proposals_of_zero_density_count():
    inside = log_weights(1000)
    both = np.concatenate([inside, np.full(1000, -np.inf)])
    value, error = importance_evidence(both)
    assert value == pytest.approx(
        importance_evidence(inside)[0] - np.log(2.0), abs=0.01
    )
    assert error > importance_evidence(inside)[1]


def test_equal_weights_leave_no_error():
    value, error = importance_evidence(np.full(10, -3.0))
    assert value == pytest.approx(-3.0)
    assert error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("log_weight", [[], [0.0], [-np.inf, -np.inf]])
def test_nothing_to_estimate_from(log_weight):
    assert importance_evidence(np.array(log_weight)) is None


@pytest.fixture(scope="module")
def gathered():
    """A run's leavings: draws, proposals by chain, the frozen proposal."""
    model = models.make("gaussian", event_size=3)
    proposal = models.defensive(model)
    x, log_q = (t.numpy() for t in proposal.sample_and_log_prob(1600, seed=1))
    draws = np.random.default_rng(0).normal(size=(200, 16, 3))
    return {
        "x": draws,
        "log_prob": stats.norm.logpdf(draws).sum(axis=-1) - 7.0,
        "proposal_x": x,
        "proposal_log_weight": stats.norm.logpdf(x).sum(axis=-1) - 7.0 - log_q,
        "proposal": proposal,
        "model": model,
    }


def collected(gathered, **changes):
    given = {**gathered, **changes}
    return collect_evidence(given.pop("x"), given.pop("log_prob"), **given)


def test_all_three_are_collected(gathered):
    found, log_q = collected(gathered)
    assert list(found) == ["importance", "bridge", "harmonic"]
    for value, error in found.values():
        assert 0.0 < error < 0.05
        assert abs(value + 7.0) < 4.0 * error
    expected = gathered["proposal"].log_prob(gathered["x"]).numpy()
    np.testing.assert_allclose(log_q, expected, rtol=1e-12)


def test_models_are_evaluated_at_so_many_draws_only(gathered):
    found, log_q = collected(gathered, max_draws=1000)
    assert log_q is None
    assert abs(found["bridge"][0] + 7.0) < 4.0 * found["bridge"][1]
    assert found["harmonic"][1] > collected(gathered)[0]["harmonic"][1]


def test_without_a_density_there_is_no_bridge(gathered):
    found, log_q = collected(gathered, proposal=None, model=object())
    assert list(found) == ["importance", "harmonic"]
    assert log_q is None


def test_a_cut_is_known_from_the_proposals(gathered):
    """The half space: without the zero weights the harmonic mean is off by 15 %."""
    cut = gathered["proposal_x"][:, 0] < 0.0
    found, _ = collected(
        gathered,
        x=gathered["x"] * np.where(gathered["x"][..., :1] < 0, [-1, 1, 1], 1),
        proposal_log_weight=np.where(cut, -np.inf, gathered["proposal_log_weight"]),
    )
    for value, error in found.values():
        assert abs(value + 7.0 + np.log(2.0)) < 4.0 * error
    weights = np.where(cut, -np.inf, gathered["proposal_log_weight"])
    without_q, _ = collected(gathered, proposal=None, proposal_log_weight=weights)
    assert list(without_q) == ["importance"]
