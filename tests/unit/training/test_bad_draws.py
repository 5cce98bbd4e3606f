"""Draws as bad as they come: no crash, a typed error or a shrunk affine map."""

import numpy as np
import pytest

from flowmc import models
from flowmc.core.errors import TrainingError
from flowmc.models.saving import get_arrays, set_arrays
from flowmc.training.data import prepare_data
from flowmc.training.fit import fit
from flowmc.training.trainer import Trainer
from flowmc.training.units import find_units

RANDOM = np.random.default_rng(0)
PLANE = RANDOM.normal(size=(500, 2)) @ RANDOM.normal(size=(2, 3))
SCALES = np.array([1e-30, 1.0, 1e30])


@pytest.fixture(scope="module")
def trainer():
    model = models.make("maf", event_size=3, num_layers=1, hidden_units=[8], seed=0)
    trainer = Trainer(model, batch_size=64)
    trainer.start = get_arrays(model)
    return trainer


def fresh_fit(trainer, draws, **options):
    """Fit from scratch, without compiling again."""
    model = trainer.model
    set_arrays(model, trainer.start)
    trainer.adam.reset()
    settings = {"trainer": trainer, "capacity": 1024, "max_steps": 100, **options}
    return model, fit(model, draws, **settings)


@pytest.mark.parametrize(
    "draws",
    [
        np.ones((300, 3)),
        np.zeros((2, 3)),
        PLANE,
        RANDOM.normal(size=(3, 3)),
        np.repeat(RANDOM.normal(size=(2, 3)), 200, axis=0),
        PLANE * SCALES,
        RANDOM.normal(size=(300, 3)) * [1.0, 1.0, 0.0] + 7.0,
    ],
    ids=["equal", "zeros", "plane", "few", "copies", "scaled plane", "constant"],
)
def test_draws_that_do_not_span_the_space_get_an_affine_map(trainer, draws):
    model, history = fresh_fit(trainer, draws)
    assert "directions: a shrunk affine map was fitted" in history.stop_reason
    assert any("shrunk" in event or "do not vary" in event for event in history.events)
    assert int(history.steps[-1]) == 0
    assert np.isfinite(history.best_loss)
    assert np.isfinite(model.log_prob(draws)).all()
    x = model.sample(100, seed=[1, 2]).numpy()
    assert np.isfinite(x).all()
    assert np.linalg.matrix_rank((x - x.mean(axis=0)) / x.std(axis=0)) == 3


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30, SCALES])
def test_scales_do_not_matter(trainer, scale):
    x = np.random.default_rng(1).normal(size=(600, 3))
    x[:, 2] += x[:, 0] ** 2
    _, history = fresh_fit(trainer, x * scale, learning_rate=0.02)
    _, plain = fresh_fit(trainer, x, learning_rate=0.02)
    shift = np.sum(np.log(np.broadcast_to(scale, 3)))
    assert history.best_step == plain.best_step == 100
    assert history.best_loss - shift == pytest.approx(plain.best_loss, abs=1e-6)


def test_fewer_draws_than_a_batch_are_repeated_and_that_is_said(trainer):
    _, history = fresh_fit(trainer, np.random.default_rng(2).normal(size=(40, 3)))
    assert any("36 draws to train on, fewer than the 64" in e for e in history.events)
    assert np.isfinite(history.validation_loss).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_draws_are_refused(trainer, bad):
    x = np.zeros((20, 3))
    x[7, 1] = bad
    with pytest.raises(TrainingError, match="row 7 is .* 1 of 20 rows are not. Drop"):
        fresh_fit(trainer, x)


def test_weights_on_one_draw_alone_are_refused(trainer):
    weights = np.zeros(20)
    weights[3] = 1.0
    with pytest.raises(TrainingError, match="both sides of the split"):
        fresh_fit(trainer, PLANE[:20], weights=weights)


def test_a_loss_that_is_not_finite_rolls_back_and_says_so(trainer):
    x = np.random.default_rng(3).normal(size=(300, 3))
    model, history = fresh_fit(trainer, x, learning_rate=1e300)
    assert "non-finite" in history.stop_reason
    assert len([e for e in history.events if "non-finite loss after step 0" in e]) == 5
    assert history.best_step == 0
    assert np.isfinite(model.log_prob(x)).all()


def test_nearly_flat_is_not_flat():
    x = np.random.default_rng(4).normal(size=(400, 2))
    x[:, 1] = x[:, 0] + 1e-5 * x[:, 1]
    data = prepare_data(
        x, weights=None, event_size=2, validation_fraction=0.1, seed=[0, 1]
    )
    assert find_units(data.train).objection == ""
