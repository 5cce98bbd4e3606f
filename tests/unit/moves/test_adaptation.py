import copy
import pickle

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError, TrainingError
from flowmc.models.saving import get_arrays
from flowmc.moves.adaptation import Adaptation
from flowmc.moves.settings import check_settings
from flowmc.sampling.learner import Learner
from tests.unit.moves.fakes import log_prob

WALKERS = 16


def make(num_adapt=20, *, model="gaussian", event_size=2, **changes):
    settings = check_settings(
        model=model,
        options={},
        num_adapt=num_adapt,
        defensive_weight=0.1,
        train_every=changes.pop("train_every", None),
        bounds=changes.pop("bounds", None),
        train=None,
    )
    return Adaptation(event_size, settings=settings, seed=[1, 2])


def run(adaptation, steps, *, location=5.0, first=1):
    random = np.random.default_rng(first)
    for step in range(first, first + steps):
        coords = location + random.normal(size=(WALKERS, adaptation.event_size))
        adaptation.learn(step, coords, log_prob(coords), progress=False)


def learned(adaptation):
    return adaptation._learner.to_arrays()


def test_fits_when_planned_then_freezes():
    adaptation = make(20, train_every=5)
    run(adaptation, 4)
    assert not adaptation.is_ready
    run(adaptation, 1, first=5)
    assert adaptation.is_ready
    assert not adaptation.is_frozen
    run(adaptation, 15, first=6)
    assert adaptation.is_frozen
    assert [record.num_steps for record in adaptation.records] == [5, 5, 10]
    ruled = [record.model for record in adaptation.records]
    assert ruled == ["none", "gaussian", "gaussian"]
    assert np.abs(adaptation.model.whiten(np.full((1, 2), 5.0))).max() < 0.5


def test_no_weight_changes_once_frozen():
    adaptation = make(8)
    run(adaptation, 8)
    before = learned(adaptation)
    run(adaptation, 20, first=9, location=-50.0)
    after = learned(adaptation)
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name], err_msg=name)


def test_later_half_only_is_learned_from():
    """The narrow start is forgotten: half of the steps are at 0, half at 5."""
    adaptation = make(20, train_every=20)
    run(adaptation, 10, location=0.0)
    run(adaptation, 10, first=11, location=5.0)
    assert np.abs(adaptation.model.whiten(np.full((1, 2), 5.0))).max() < 0.5


def test_learns_inside_the_bounds():
    """The model lives in x: uniform draws of a box look standard normal there."""
    adaptation = make(40, bounds=[(0.0, 10.0), (-10.0, 0.0)])
    random = np.random.default_rng(0)
    for step in range(1, 41):
        coords = random.uniform([0.0, -10.0], [10.0, 0.0], size=(WALKERS, 2))
        coords[0] = 20.0  # a walker that another move let out
        adaptation.learn(step, coords, np.zeros(WALKERS), progress=False)
    whitened = adaptation.model.whiten(np.array([[0.0, 0.0], [1.0, -1.0]]))
    np.testing.assert_allclose(whitened, [[0.0, 0.0], [1.0, -1.0]], atol=0.3)


def test_inside_means_finite_and_strictly_within():
    rows = np.array([[1.0, 5.0], [0.0, 1.0], [1.0, np.nan], [1.0, np.inf], [-1.0, 0.0]])
    bounded = make(bounds=[(0.0, 2.0), (-np.inf, np.inf)])
    assert bounded.is_inside(rows).tolist() == [True, False, False, False, False]
    assert make().is_inside(rows).tolist() == [True, True, False, False, True]
    unbounded = make(bounds=[(-np.inf, np.inf)] * 2)
    assert unbounded.is_inside(rows).tolist() == [True, True, False, False, True]


def test_start_outside_the_bounds_is_refused():
    adaptation = make(bounds=[(0.0, 2.0)] * 2)
    coords = np.array([[1.0, 1.0], [1.0, 3.0], [9.0, 1.0]])
    adaptation.check_start(coords, np.array([0.0, -np.inf, -np.inf]))
    with pytest.raises(ConfigurationError, match=r"walker 1 .*2 of 3"):
        adaptation.check_start(coords, np.zeros(3))


def test_failed_fit_is_noted_and_survived(monkeypatch):
    adaptation = make(8, train_every=8)

    def fail(self, **_):
        raise TrainingError("the loss stayed non-finite")

    monkeypatch.setattr(Learner, "refit", fail)
    run(adaptation, 8)
    assert adaptation.is_frozen
    assert "the loss stayed non-finite" in adaptation.records[0].notes[0]
    # The affine map, which needs no training, is there.
    assert adaptation.is_ready
    assert np.abs(adaptation.model.whiten(np.full((1, 2), 5.0))).max() < 0.5


def test_nothing_can_be_fitted(monkeypatch):
    adaptation = make(8, train_every=8)

    def fail(self):
        raise np.linalg.LinAlgError("no factor")

    monkeypatch.setattr(Learner, "fit_affine", fail)
    run(adaptation, 8)
    assert adaptation.is_frozen
    assert not adaptation.is_ready


def test_interrupted_fit_is_made_up_for(monkeypatch):
    """Ctrl-C in the last fit must not leave a move that never freezes."""
    adaptation = make(8, train_every=8)
    run(adaptation, 7)

    def interrupt(self, **_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "refit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(adaptation, 1, first=8)
    assert not adaptation.is_frozen
    run(adaptation, 1, first=9)
    assert adaptation.is_frozen
    assert adaptation.is_ready


def test_nothing_to_learn_from():
    adaptation = make(2, train_every=2)
    for step in (1, 2):
        coords = np.ones((WALKERS, 2))
        adaptation.learn(step, coords, np.full(WALKERS, -np.inf), progress=False)
    assert adaptation.is_frozen
    assert not adaptation.is_ready
    assert "nothing was fitted" in adaptation.records[0].notes[0]


@pytest.mark.parametrize("coords", ["equal", "on a line", "one"])
def test_degenerate_ensembles_do_not_end_the_run(coords):
    adaptation = make(4, event_size=3)
    base = np.random.default_rng(0).normal(size=(WALKERS, 1)) * np.ones(3)
    ensemble = {"equal": np.ones((WALKERS, 3)), "on a line": base, "one": base[:1]}
    for step in range(1, 5):
        rows = ensemble[coords]
        adaptation.learn(step, rows, log_prob(rows), progress=False)
    assert adaptation.is_frozen
    arrays = get_arrays(adaptation.model).values()
    assert all(np.isfinite(array).all() for array in arrays)


def test_dimensions_must_agree():
    with pytest.raises(ConfigurationError, match=r"each of the 2 .*got 3"):
        make(bounds=[(0.0, 1.0)] * 3)
    with pytest.raises(ConfigurationError, match="event_size 3"):
        make(model=make().model, event_size=3)


@pytest.mark.parametrize("steps", [3, 6, 20])
def test_copies_go_on_alike(steps):
    original = make(20, train_every=5)
    run(original, steps)
    copies = copy.deepcopy(original), pickle.loads(pickle.dumps(original))
    for adaptation in (original, *copies):
        run(adaptation, 20 - steps, first=steps + 1)
    for adaptation in copies:
        assert adaptation.is_frozen
        assert [r.notes for r in adaptation.records] == [
            r.notes for r in original.records
        ]
        for name, value in learned(original).items():
            np.testing.assert_array_equal(value, learned(adaptation)[name])
