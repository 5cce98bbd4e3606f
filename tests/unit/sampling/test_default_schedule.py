"""Defaults follow from dimension, chains and budget."""

import pytest

from flowmc.sampling.settings import Schedule, default_schedule, within_budget


def test_usual_sizes_get_the_usual_schedule():
    assert default_schedule(64, event_size=10) == Schedule()


@pytest.mark.parametrize(
    ("chains", "size", "factor"), [(64, 80, 1), (4, 10, 2), (16, 50, 3), (2, 1000, 8)]
)
def test_few_chains_in_many_dimensions_get_longer_windows(chains, size, factor):
    schedule, usual = default_schedule(chains, event_size=size), Schedule()
    assert schedule.windows == tuple(factor * count for count in usual.windows)
    if factor < 8:  # else the limit
        drawn = schedule.windows[0] * chains * schedule.record_per_sweep
        assert drawn >= schedule.train.min_draws_per_parameter * size


def test_many_parameters_get_a_larger_reservoir():
    found = [
        default_schedule(64, event_size=d).train.capacity for d in (1, 81, 100, 5000)
    ]
    assert found == [16_384, 16_384, 32_768, 131_072]


def test_a_small_budget_gets_fewer_particles():
    schedule = default_schedule(64, event_size=10, max_evaluations=10_000)
    assert within_budget(Schedule(), 64, 10_000) == schedule
    assert schedule.anneal.particles_per_chain == 1
    assert schedule.anneal.max_particles < Schedule().anneal.max_particles
