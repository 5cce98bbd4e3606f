"""The second group: what chains started in one mode miss is found, or told."""

import numpy as np
import pytest

from flowmc.sampling.sample import sample
from flowmc.sampling.scout import ScoutPhase
from flowmc.sampling.settings import AnnealSettings, Schedule, TrainSettings
from flowmc.targets import two_gaussians
from tests.unit.sampling.runs import small_model

TARGET = two_gaussians(2, separation=4.0)  # a third of the mass at +4, the rest at -4
NUM_CHAINS = 32
SCHEDULE = Schedule(
    windows=(6, 12, 12),
    extra_windows=0,
    num_local=2,
    num_jumps=6,
    max_clusters=1,
    anneal=AnnealSettings(train_steps=100),
    train=TrainSettings(max_steps=400, capacity=4096),
)
UNTRAINED = Schedule(
    windows=(3, 3), extra_windows=0, num_local=1, num_jumps=3, max_clusters=1
)


def run(**options):
    """Start every chain in the mode with a third of the mass."""
    start = 4.0 + 0.5 * np.random.default_rng(0).normal(size=(NUM_CHAINS, 2))
    settings = {
        "model": "gaussian",
        "schedule": UNTRAINED,
        "num_chains": NUM_CHAINS,
        "num_draws": 40,
        "initial": start,
        "seed": 7,
        **options,
    }
    return sample(TARGET.target("numpy"), **settings)


def weight_of_first(posterior):
    return float(np.mean(posterior.flat()[:, 0] > 0.0))


@pytest.fixture(scope="module")
def found():
    return run(schedule=SCHEDULE, model=small_model(), num_draws=800)


def test_the_other_mode_is_adopted(found):
    report = found.diagnostics.mode_report
    assert report["unseen_by_main"] < 0.02  # by the second look
    assert report["unseen_by_scout"] < 0.02
    assert report["unseen_at_the_end"] < 0.02
    assert report["scout_inverse_temperature"] == 1.0
    assert report["num_modes"] == 2
    second, _ = [w for w in found.history if w.name == "second group"]
    # All that the chains had was known to the group: its draws and maps are better.
    assert report["replaced"] is True
    assert "go on from its draws" in second.notes[0]
    assert 0 < report["scout_evaluations"] < found.cost.log_prob_calls
    # Before that no chain had been there.
    warmup, index = found.warmup, found.history.index(second)
    before = warmup.theta[warmup.window < index]
    assert (before[..., 0] > 0.0).all()


def test_a_further_group_looks_at_what_chains_went_on_from(found):
    """Chains that go on from a group's draws are no second opinion on it."""
    report = found.diagnostics.mode_report
    assert report["confirmed"] is True
    assert "another was annealed" in report["search"]
    assert sum(w.name == "second group" for w in found.history) == 2


def test_a_few_chains_stay_where_they_were(monkeypatch):
    """A narrow mode that the group's map sees, but the group never met, is kept."""
    places = []
    moved = ScoutPhase._moved

    def watch(self, state, x, log_prob, *, share):
        after = moved(self, state, x, log_prob, share=share)
        places.append(np.mean(np.all(after.position == state.position, axis=1)))
        return after

    monkeypatch.setattr(ScoutPhase, "_moved", watch)
    assert run().diagnostics.mode_report["replaced"] is True
    assert places[0] == pytest.approx(0.25)


def test_both_modes_have_about_their_weights(found):
    assert weight_of_first(found) == pytest.approx(1.0 / 3.0, abs=0.05)
    assert found.diagnostics.mode_report["transitions"] > 100
    flat = found.flat()
    for center in (4.0, -4.0):
        near = flat[np.sign(flat[:, 0]) == np.sign(center)]
        np.testing.assert_allclose(near.mean(axis=0), center, atol=0.2)
        np.testing.assert_allclose(near.std(axis=0), 1.0, rtol=0.15)
    error = found.log_evidence - TARGET.log_evidence
    assert abs(error) < 5.0 * found.log_evidence_error
    assert not any("not looked for" in r for r in found.verdict.reasons)


def test_half_of_the_chains_stay_where_the_group_has_not_been(monkeypatch):
    """What only the chains know is not given up for what only the group knows."""
    monkeypatch.setattr(
        "flowmc.sampling.scout.unseen_share", lambda model, *, own, other: 0.5
    )
    posterior = run(num_draws=40)
    report = posterior.diagnostics.mode_report
    assert report["adopted"] is True
    assert report["replaced"] is False
    (second,) = [w for w in posterior.history if w.name == "second group"]
    assert "taken over" in second.notes[0]


def test_the_affine_map_alone_takes_it_over_too():
    posterior = run(num_draws=400)
    assert posterior.diagnostics.mode_report["replaced"] is True
    assert 0.1 < weight_of_first(posterior) < 0.6


def test_without_a_second_group_the_verdict_says_so():
    schedule = Schedule(
        windows=(3, 3), extra_windows=0, num_local=1, num_jumps=3, second_group=False
    )
    posterior = run(schedule=schedule)
    assert "adopted" not in posterior.diagnostics.mode_report
    assert not posterior.verdict.ok
    told = [r for r in posterior.verdict.reasons if "were not looked for" in r]
    assert len(told) == 1
    assert "started at `initial`" in told[0]
    assert not any(w.name == "second group" for w in posterior.history)


def test_an_alarm_where_adoption_does_not_help(monkeypatch):
    for way in ("_adopt", "_replace_most"):
        monkeypatch.setattr(ScoutPhase, way, lambda self, state, x, log_prob: state)
    posterior = run()
    assert weight_of_first(posterior) == 1.0
    report = posterior.diagnostics.mode_report
    assert report["unseen_at_the_end"] > 0.5
    assert not posterior.verdict.ok
    told = [r for r in posterior.verdict.reasons if "A mode may be missing" in r]
    assert told == [report["alarm"]]


def test_a_group_stopped_early_has_looked_for_nothing():
    """Two temperatures are not enough to reach the target."""
    schedule = Schedule(
        windows=(3, 3),
        extra_windows=0,
        num_local=1,
        num_jumps=3,
        anneal=AnnealSettings(max_levels=1),
    )
    posterior = run(schedule=schedule)
    report = posterior.diagnostics.mode_report
    assert report["scout_inverse_temperature"] < 1.0
    assert report["adopted"] is False
    assert "alarm" not in report
    assert any("were not looked for" in r for r in posterior.verdict.reasons)
