"""Sweeps whose jumps choose one of all their proposals, in both samplers."""

from dataclasses import replace

import numpy as np
import pytest

import flowmc
from flowmc.core.errors import ConfigurationError
from flowmc.sampling.settings import Schedule, smc_schedule
from tests.unit.sampling.smc_cases import LAWS, LOG_EVIDENCE, UNIFORM, gaussian, run


def test_an_annealing_finds_moments_and_evidence():
    schedule = replace(smc_schedule(), jump="multiple_try")
    posterior = run(gaussian(), schedule=schedule)
    assert posterior.verdict.ok, posterior.verdict
    off = posterior.log_evidence - LOG_EVIDENCE
    assert abs(off) < 4.0 * posterior.log_evidence_error < 0.2
    mean, sd = np.array([[law.mean(), law.std()] for law in LAWS]).T
    assert np.all(np.abs(posterior.flat().mean(axis=0) - mean) < 5.0 * sd / 1000**0.5)
    swept = [w for w in posterior.history if w.name.startswith("refine")]
    assert swept
    # Of a sweep: its local steps, and one state for all its jumps.
    assert swept[0].num_steps == 2 * (schedule.num_local + 1)


def test_chains_have_the_right_moments_and_count_each_evaluation():
    calls = []

    def log_likelihood(theta):
        calls.append(len(theta))
        return -0.5 * np.sum(((theta - (0.5, 0.2)) / 0.1) ** 2, axis=-1)

    target = flowmc.Target(
        log_likelihood_fn=log_likelihood, prior=UNIFORM, backend="numpy"
    )
    calls.clear()
    schedule = Schedule(
        windows=(8,), extra_windows=0, num_local=2, num_jumps=4, jump="multiple_try"
    )
    posterior = flowmc.sample(
        target, num_draws=60, num_chains=32, model="gaussian", schedule=schedule, seed=1
    )
    assert posterior.cost.log_prob_calls == sum(calls)
    size = posterior.diagnostics.ess_bulk.min()
    assert size > 200.0
    mean, sd = np.array([[law.mean(), law.std()] for law in LAWS]).T
    off = np.abs(posterior.flat().mean(axis=0) - mean)
    assert np.all(off < 5.0 * sd / size**0.5)


def test_many_proposals_leave_a_budget_for_temperatures():
    schedule = replace(smc_schedule(), jump="multiple_try", num_jumps=16)
    posterior = run(
        gaussian(), num_particles=1024, schedule=schedule, max_evaluations=8000
    )
    assert posterior.cost.log_prob_calls <= 8000
    assert posterior.history[-1].name == "weighted draws"
    assert max(w.settings.get("inverse_temperature", 0) for w in posterior.history) == 1


def test_a_vae_has_no_densities_to_choose_by():
    model = flowmc.models.make("vae", event_size=2, latent_size=2, seed=0)
    with pytest.raises(ConfigurationError, match="for a VAE"):
        flowmc.sample(
            gaussian(),
            model=model,
            num_draws=10,
            schedule=Schedule(jump="multiple_try"),
        )


@pytest.mark.parametrize("name", ["independence", "multiple_try"])
def test_jumps_are_not_local_kernels(name):
    with pytest.raises(ConfigurationError, match="schedule"):
        run(gaussian(), kernel=name)


def test_another_name_is_refused():
    with pytest.raises(ConfigurationError, match="schedule.jump"):
        Schedule(jump="hop")
