"""One sentence for every way to fail, and none for a good run."""

import numpy as np
import pytest

from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.verdict import judge, stuck_limit
from tests.unit.results.builders import draws


def diagnose(theta=None, **options):
    return compute_diagnostics(draws() if theta is None else theta, **options)


def only_reason(verdict):
    assert not verdict.ok
    assert len(verdict.reasons) == 1, verdict.reasons
    return verdict.reasons[0]


def test_a_good_run_has_no_reasons():
    evidence = {"importance": (-5.0, 0.01), "bridge": (-5.02, 0.01)}
    log_weight = 0.3 * np.random.default_rng(0).standard_normal(4000)
    found = diagnose(weighted_log_weight=log_weight, acceptance={"flow": 0.4})
    verdict = judge(found, evidence=evidence)
    assert verdict.ok
    assert verdict.reasons == []
    assert str(verdict) == "Verdict: good. Every check passed."


def test_a_shifted_chain_is_named():
    theta = draws()
    theta[:, 3, 1] += 1.0
    verdict = judge(diagnose(theta, names=("a", "b", "c")))
    assert any("R-hat must be below 1.01" in r and "`b`" in r for r in verdict.reasons)
    assert str(verdict).startswith("Verdict: not good.\n- ")


def test_too_few_draws():
    verdict = judge(diagnose(draws(num_draws=40)))
    assert any(r.startswith("Bulk ESS must be at least 400") for r in verdict.reasons)
    assert any(r.startswith("Tail ESS must be at least 400") for r in verdict.reasons)


@pytest.mark.parametrize("chains", [slice(None), slice(2, 3)])
def test_standing_still_never_passes(chains):
    theta = draws()
    theta[:, chains, 2] = 0.5
    assert "R-hat does not exist for `theta[2]`" in only_reason(judge(diagnose(theta)))


def test_a_frozen_ensemble_fails_in_every_way():
    verdict = judge(diagnose(np.ones((300, 8, 2)), acceptance={"walk": 0.0}))
    told = "\n".join(verdict.reasons)
    assert "R-hat does not exist" in told
    assert "`walk` has an acceptance of 0" in told
    assert "longest run is 300" in told


def test_a_long_stuck_run():
    theta = draws()
    theta[100:150, 4] = theta[100, 4]
    found = diagnose(theta)
    assert stuck_limit(found) == pytest.approx(30)
    reasons = judge(found).reasons
    assert any("more than 30 draws" in r and "run is 50" in r for r in reasons)


def test_a_run_too_short_to_move_a_mean_is_no_alarm():
    theta = draws(num_draws=200, num_chains=64)
    theta[100:122, 4] = theta[100, 4]  # 22 of 12,800
    found = diagnose(theta)
    assert found.longest_stuck_run == 22 > 0.1 * found.num_draws
    harmless = 0.2 * 12_800 / np.sqrt(found.ess_bulk.max())
    assert stuck_limit(found) == pytest.approx(harmless)
    assert not any("may repeat one point" in r for r in judge(found).reasons)


def test_the_stuck_limit_grows_with_honest_rejection():
    generator = np.random.default_rng(4)
    theta = draws(num_draws=1000)
    for step in range(1, 1000):
        stays = generator.random(8) < 0.9
        theta[step, stays] = theta[step - 1, stays]
    found = diagnose(theta)
    assert 60 < found.longest_stuck_run < stuck_limit(found) <= 500


def test_non_finite_draws_and_log_densities():
    log_prob = np.full((300, 8), np.nan)
    reason = only_reason(judge(compute_diagnostics(draws(), log_prob)))
    assert "2400 entries are not" in reason


def test_a_dead_kernel():
    reason = only_reason(judge(diagnose(acceptance={"flow": 0.5, "walk": 0.0})))
    assert "`walk`" in reason
    assert not judge(diagnose(acceptance={"flow": float("nan")})).ok


def test_heavy_weights_matter_only_where_they_are_quoted():
    log_weight = 1.2 * np.random.default_rng(5).exponential(size=5000)
    found = diagnose(weighted_log_weight=log_weight)
    assert judge(found).ok
    assert judge(found, evidence={"bridge": (1.0, 0.1)}).ok
    both = {"importance": (1.0, 0.1), "bridge": (1.1, 0.1)}
    assert judge(found, evidence=both).ok
    reason = only_reason(judge(found, evidence={"importance": (1.0, 0.1)}))
    assert "must be at most 0.7" in reason


def test_evidences_must_agree_and_be_finite():
    pairs = {"importance": (0.0, 0.01), "bridge": (0.03, 0.01), "harmonic": (0.5, 0.02)}
    verdict = judge(diagnose(), evidence=pairs)
    assert len(verdict.reasons) == 2
    assert all("`harmonic`" in reason for reason in verdict.reasons)
    assert not judge(diagnose(), evidence={"bridge": (float("nan"), 0.1)}).ok
    assert not judge(diagnose(), evidence={"bridge": (0.0, float("inf"))}).ok


def test_tiny_errors_do_not_make_evidences_differ():
    pairs = {"importance": (0.0, 0.0001), "bridge": (0.009, 0.0001)}
    assert judge(diagnose(), evidence=pairs).ok
    assert not judge(diagnose(), evidence={**pairs, "bridge": (0.011, 1e-4)}).ok


def test_heavy_weights_are_not_compared_where_two_others_are():
    log_weight = 1.2 * np.random.default_rng(5).exponential(size=5000)
    found = diagnose(weighted_log_weight=log_weight)
    pairs = {"importance": (0.5, 0.01), "bridge": (0.0, 0.01), "harmonic": (0.01, 0.02)}
    assert judge(found, evidence=pairs).ok
    assert not judge(diagnose(), evidence=pairs).ok
    assert not judge(found, evidence={**pairs, "bridge": (0.9, 0.01)}).ok
    pairs.pop("harmonic")
    assert not judge(found, evidence=pairs).ok


def test_reasons_from_above_and_interruption():
    note = "Modes outside the starting region were not looked for."
    verdict = judge(diagnose(), extra_reasons=(note, note), interrupted=True)
    assert len(verdict.reasons) == 2
    assert "interrupted" in verdict.reasons[0]
    assert verdict.reasons[1] == note
    assert verdict.given == verdict.reasons
    assert judge(diagnose()).given == []


def test_divergences_are_judged_against_the_steps_that_can_diverge():
    theta = draws()  # 2400 draws
    for name in ("divergences", "nan_gradient", "not_invertible", "bad_proposals"):
        found = compute_diagnostics(theta, problems={name: 3}, num_local_steps=200)
        is_local = name in ("divergences", "nan_gradient")
        assert judge(found).ok != is_local, name
    found = compute_diagnostics(theta, problems={"divergences": 3}, num_local_steps=200)
    (reason,) = judge(found).reasons
    assert "meet `divergences`; 3 times in 200 local steps trajectories" in reason
    # Draws of whatever sampler may all have been such steps.
    found = compute_diagnostics(theta, problems={"divergences": 25})
    (reason,) = judge(found).reasons
    assert "25 times in 2400 draws" in reason
    assert judge(compute_diagnostics(theta, problems={"divergences": 24})).ok


def test_divergences_are_no_bias_where_jumps_go_everywhere():
    light = np.random.default_rng(2).normal(scale=0.1, size=4000)
    few = {"problems": {"divergences": 3}, "num_local_steps": 200}
    assert judge(diagnose(weighted_log_weight=light, **few)).ok
    many = {"problems": {"divergences": 25}, "num_local_steps": 200}
    assert not judge(diagnose(weighted_log_weight=light, **many)).ok
