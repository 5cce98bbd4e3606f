"""A second look at stored draws keeps what only the run knew."""

from dataclasses import replace

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.results.diagnosis import diagnose_draws, diagnose_posterior
from flowmc.results.storage import load_posterior
from flowmc.results.verdict import Verdict
from tests.unit.results.builders import draws, make_posterior

NOTE = "Modes outside the starting region were not looked for."


def test_draws_of_any_sampler():
    found = diagnose_draws(draws(), names=("a", "b", "c"))
    assert found.ok
    assert found.reasons == []
    assert "300 draws in each of 8 chains, 3 parameters." in found.findings
    assert str(found).startswith("Verdict: good. Every check passed.\nLooked at:\n- ")
    theta = draws()
    theta[:, 2, 1] += 3.0
    found = diagnose_draws(theta, names=("a", "b", "c"))
    assert not found.ok
    assert any("`b`" in reason and "Draw longer" in reason for reason in found.reasons)
    with pytest.raises(ConfigurationError, match="axis of chains"):
        diagnose_draws(theta[:, 0])


def test_a_posterior_is_judged_as_before(tmp_path):
    posterior = make_posterior(verdict_options={"extra_reasons": (NOTE,)})
    assert posterior.verdict.given == [NOTE]
    posterior.save(tmp_path / "p.h5")
    found = diagnose_posterior(load_posterior(tmp_path / "p.h5"))
    assert found.reasons == [NOTE]
    for name in ("r_hat", "ess_tail", "nested_r_hat"):
        again = getattr(found.diagnostics, name)
        assert np.array_equal(again, getattr(posterior.diagnostics, name))
    assert found.diagnostics.acceptance == posterior.diagnostics.acceptance
    assert any("Pareto k" in sentence for sentence in found.findings)
    assert any("Groups agree." in sentence for sentence in found.findings)


def test_reasons_that_the_draws_tell_are_not_kept_beyond_the_draws():
    posterior = make_posterior()
    stale = Verdict(False, ["R-hat must be below 1.01; it is 1.2.", NOTE], [NOTE])
    assert diagnose_posterior(replace(posterior, verdict=stale)).reasons == [NOTE]
    unknown = replace(stale, given=None)
    found = diagnose_posterior(replace(posterior, verdict=unknown))
    assert found.reasons == stale.reasons
    shifted = posterior.theta + np.arange(8)[:, None]
    found = diagnose_posterior(replace(posterior, theta=shifted, verdict=unknown))
    assert sum(reason.startswith("R-hat must") for reason in found.reasons) == 1


def test_bad_values_are_told_with_their_parameters(tmp_path):
    posterior = make_posterior()
    points = tuple({"logk1": 0.5 + i, "logk2": -1.0, "jit": 1e-9} for i in range(5))
    diagnostics = replace(
        posterior.diagnostics,
        num_bad_values=1234,
        bad_values=points,
        problems={"divergences": 7},
        num_local_steps=4000,
    )
    posterior = replace(posterior, diagnostics=diagnostics)
    posterior.save(tmp_path / "p.h5")
    found = diagnose_posterior(load_posterior(tmp_path / "p.h5"))
    assert found.diagnostics.bad_values == points
    told = "\n".join(found.findings)
    assert "1,234 bad values" in told
    assert "(logk1=0.5, logk2=-1, jit=1e-09)" in told
    assert "logk1=3.5" not in told
    assert "Divergences: 7 in 4,000 local steps after warm-up." in told


def test_short_chains_are_explained():
    generator = np.random.default_rng(0)
    theta = np.repeat(generator.standard_normal((40, 64, 1)), 25, axis=0)
    theta += 1e-3 * generator.standard_normal(theta.shape)
    found = diagnose_draws(theta)
    assert found.diagnostics.r_hat[0] > 1.01
    assert found.ok
    assert any("chains this short" in sentence for sentence in found.findings)
