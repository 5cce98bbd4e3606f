"""Draws do not depend on the kind or the size of the pool, to the last bit."""

import numpy as np
import pytest

from flowmc import Target, sample, sample_smc
from flowmc.sampling.settings import AnnealSettings, Schedule
from tests.unit.parallel import functions
from tests.unit.parallel.every_pool import CLUSTER, open_pool

SHORT = Schedule(
    windows=(2, 2),
    extra_windows=0,
    num_local=1,
    num_jumps=3,
    max_clusters=1,
    anneal=AnnealSettings(particles_per_chain=1, train_steps=20),
)
KINDS = ("two", "three", "multiprocessing", "executor", "threads", *CLUSTER)


def target(pool, **options):
    return Target(
        functions.log_prob_with_matrix,
        names=["a", "b", "c"],
        bounds=[(-8.0, 8.0)] * 3,
        backend="numpy",
        pool=pool,
        **options,
    )


def chains(pool, **options):
    """Run the adaptive sampler: annealing, fits, production."""
    return sample(
        target(pool, **options),
        num_draws=64,
        num_chains=10,
        model="gaussian",
        schedule=SHORT,
        seed=3,
    )


def particles(pool, **options):
    return sample_smc(
        target(pool, **options),
        num_particles=300,
        num_draws=400,
        model="gaussian",
        seed=3,
    )


_expected = {}


def check(sampler, name):
    # The function multiplies matrices: only chunks of one size give the same digits.
    options = {"chunk_size": 4}
    if sampler not in _expected:
        _expected[sampler] = sampler(None, **options)
    expected = _expected[sampler]
    with open_pool(name) as pool:
        found = sampler(pool, **options)
    np.testing.assert_array_equal(found.theta, expected.theta)
    np.testing.assert_array_equal(found.log_prob, expected.log_prob)
    np.testing.assert_array_equal(found.weighted.theta, expected.weighted.theta)
    assert found.log_evidence == expected.log_evidence
    assert found.cost.log_prob_calls == expected.cost.log_prob_calls


def test_draws_are_those_of_a_run_without_pool():
    check(chains, "two")


@pytest.mark.full
@pytest.mark.parametrize("sampler", [chains, particles])
@pytest.mark.parametrize("name", KINDS)
def test_draws_are_the_same_for_every_pool(sampler, name):
    check(sampler, name)
