"""The gate lets sound refits through and names what is wrong with the others."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.targets import skewed_gaussian, student_t
from flowmc.training import gate
from flowmc.training.gate import ROUND_TRIP_LIMIT, judge_refit

TARGET = skewed_gaussian()
DRAWS = TARGET.sample(2000, seed=1)
LOG_PROB = TARGET.host_fn(DRAWS)


def fitted(family="gaussian", draws=DRAWS, **options):
    model = models.make(family, event_size=2, **options)
    model.fit_whitening(draws)
    return model


def small(**options):
    return fitted("maf", num_layers=2, hidden_units=[8], **options)


def judge(model, **options):
    return judge_refit(model, DRAWS, **{"log_prob": LOG_PROB, **options})


def test_a_sound_refit_stays():
    for model in (fitted(), small()):
        decision = judge(model)
        assert decision.is_accepted
        assert decision.reason.startswith("refit kept: round trip")


def test_weights_that_are_not_finite_are_refused():
    model = small()
    model.trainable_variables[0].assign(model.trainable_variables[0] * np.nan)
    decision = judge(model)
    assert not decision.is_accepted
    assert "non-finite values on its own draws" in decision.reason


class Skewed:
    """A map whose two directions disagree by a little."""

    def __init__(self, model, error):
        self.model, self.error = model, error
        self.log_prob = model.log_prob
        self.inverse_and_log_det = model.inverse_and_log_det

    def forward_and_log_det(self, z):
        x, log_det = self.model.forward_and_log_det(z)
        return x * (1.0 + self.error), log_det


@pytest.mark.parametrize(
    ("error", "is_accepted"),
    [(1e-2 * ROUND_TRIP_LIMIT, True), (1e2 * ROUND_TRIP_LIMIT, False), (np.nan, False)],
)
def test_the_round_trip_must_close(error, is_accepted):
    decision = judge(Skewed(fitted(), error))
    assert decision.is_accepted == is_accepted
    assert ("must invert" in decision.reason) != is_accepted


def narrow():
    """A model that knows only the middle of the target."""
    return fitted(draws=0.3 * (DRAWS - DRAWS.mean(axis=0)) + DRAWS.mean(axis=0))


def test_a_tail_that_grew_heavier_is_refused():
    heavy = student_t(degrees_of_freedom=3.0)
    draws = heavy.sample(2000, seed=2)
    log_prob = heavy.host_fn(draws)
    before = fitted("gaussian", draws=draws, base="student_t")
    previous = before.log_prob(draws).numpy()
    light = fitted(draws=0.5 * draws)
    options = {"log_prob": log_prob, "previous_log_q": previous}
    decision = judge_refit(light, draws, **options)
    assert not decision.is_accepted
    assert "Pareto k of pi/q rose" in decision.reason
    assert judge_refit(before, draws, **options).is_accepted
    # The first fit has nothing to be compared with.
    assert judge_refit(light, draws, log_prob=log_prob).is_accepted


def test_draws_without_known_density_do_not_decide():
    previous = fitted().log_prob(DRAWS).numpy()
    unknown = np.full(len(DRAWS), np.nan)
    assert judge(narrow(), log_prob=unknown, previous_log_q=previous).is_accepted


def test_constant_coordinates_do_not_divide_by_zero():
    draws = DRAWS.copy()
    draws[:, 1] = 4.0
    model = fitted(draws=draws)
    decision = judge_refit(model, draws, log_prob=tf.zeros(len(draws)).numpy())
    assert isinstance(decision.reason, str)


def widened(factor):
    """A normal law too wide by a factor: no tail at all, and few jumps pass."""
    model = fitted(draws=DRAWS.mean(axis=0) + factor * (DRAWS - DRAWS.mean(axis=0)))
    return model.log_prob(tf.constant(DRAWS)).numpy()


def test_acceptance_of_jumps_is_that_of_a_chain():
    """Normal target, normal proposal of twice the width: arctan says how many pass."""
    x = np.random.default_rng(0).normal(size=200_000)
    log_weight = -0.5 * x**2 + 0.5 * (x / 2.0) ** 2
    random = np.random.default_rng(1)
    now, proposed = random.normal(size=200_000), 2.0 * random.normal(size=200_000)
    ratio = -0.375 * (proposed**2 - now**2)
    passed = np.minimum(1.0, np.exp(ratio)).mean()
    assert gate.jump_acceptance(log_weight) == pytest.approx(passed, abs=0.01)


def test_a_heavier_tail_is_forgiven_only_where_it_is_bounded(monkeypatch):
    """Many more jumps pass after the refit, but its tail is said to be heavier."""
    shapes = iter((1.0, 0.1) * 2)
    monkeypatch.setattr(gate, "pareto_shape", lambda weights: next(shapes))
    model, wide = fitted(), widened(20.0)
    assert not judge(model, previous_log_q=wide).is_accepted
    assert judge(model, previous_log_q=wide, proposal=model).is_accepted


def test_a_heavier_tail_is_not_forgiven_for_nothing(monkeypatch):
    shapes = iter((1.0, 0.1))
    monkeypatch.setattr(gate, "pareto_shape", lambda weights: next(shapes))
    model = fitted()
    decision = judge(model, previous_log_q=widened(1.0), proposal=model)
    assert decision.reason.startswith("Pareto k of pi/q rose")
