"""A loss that gives NaN: back to the best weights, at a lower rate."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.core.registry import LOSSES
from flowmc.training.forward_kl import forward_kl
from tests.unit.training.toy import Bench, Shifted, normal_draws


class NanAt:
    """Maximum likelihood that is NaN, gradient and all, at some of its calls."""

    def __init__(self, *calls):
        self.calls = calls
        self.count = tf.Variable(0)

    def __call__(self, model, batch, *, seed):
        number = self.count.assign_add(1)
        is_bad = tf.reduce_any(tf.equal(number, self.calls))
        factor = tf.where(is_bad, tf.constant(np.nan, tf.float64), 1.0)
        return factor * forward_kl(model, batch, seed=seed)


@pytest.fixture
def plant(monkeypatch):
    """Register a loss for this test alone; return a bench that trains by it."""

    def planted(loss):
        monkeypatch.setitem(LOSSES._entries, "planted", loss)
        bench = Bench(Shifted(), loss="planted", weight_decay=0.0)
        draws = normal_draws()
        options = {"max_steps": 400, "whiten": False, "learning_rate": 0.1}
        return bench.model, bench.fit(draws, **options), draws

    return planted


def test_nan_once_is_rolled_back_and_training_goes_on(plant):
    # The first calls: the held-out loss at the start, 100 steps, their held-out loss.
    model, history, draws = plant(NanAt(150))
    assert (
        len([e for e in history.events if "non-finite loss after step 100" in e]) == 1
    )
    assert "weights of step 100 restored" in history.events[-1]
    assert "learning rate lowered to 0.03" in history.events[-1]
    np.testing.assert_array_equal(history.steps, [0, 100, 200, 300, 400])
    assert np.isfinite(history.validation_loss).all()
    np.testing.assert_allclose(model.mean, draws.mean(axis=0), atol=0.1)


def test_nan_always_leaves_the_best_weights(plant):
    calls = range(150, 2000)
    model, history, _ = plant(NanAt(*calls))
    assert "non-finite after 5 rollbacks" in history.stop_reason
    assert history.best_step == 100
    assert np.isfinite(model.mean).all()
