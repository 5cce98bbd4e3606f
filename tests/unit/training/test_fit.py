"""`fit` keeps the best weights, stops in time, survives NaN, and repeats itself."""

import numpy as np
import pytest

from flowmc import models
from flowmc.core.errors import TrainingError
from flowmc.core.seeds import root_seed
from flowmc.models.saving import get_arrays
from flowmc.training.data import prepare_data
from flowmc.training.fit import fit
from tests.conformance.compilations import count_compilations
from tests.unit.training.toy import CAPACITY, Bench, Shifted, normal_draws


def bent(n=900, seed=0):
    """Draws of a banana: an affine map cannot follow it."""
    z = np.random.default_rng(seed).standard_normal((n, 2))
    return np.stack([z[:, 0], 0.5 * z[:, 1] + z[:, 0] ** 2], axis=-1)


@pytest.fixture(scope="module")
def flow():
    model = models.make("maf", event_size=2, num_layers=2, hidden_units=[8], seed=1)
    return Bench(model)


@pytest.fixture(scope="module")
def toy():
    bench = Bench(Shifted(), weight_decay=0.0)
    bare = bench.fit
    bench.fit = lambda draws, **options: bare(
        draws, **{"whiten": False, "learning_rate": 0.1, **options}
    )
    return bench


def held_out(draws, *, seed=0, weights=None):
    data = prepare_data(
        draws,
        weights=weights,
        event_size=2,
        validation_fraction=0.1,
        seed=root_seed(seed),
        capacity=CAPACITY,
    )
    return data.validation


def loss_on(model, part):
    count = int(part.count)
    weight = part.weight.numpy()[:count]
    return -np.average(model.log_prob(part.x[:count]).numpy(), weights=weight)


def test_fit_beats_the_affine_map(flow):
    affine = models.make("gaussian", event_size=2)
    affine.fit_whitening(bent())
    history = flow.fit(bent(), max_steps=400, learning_rate=0.02, baseline=affine)
    assert history.best_loss < history.validation_loss[0] - 0.2
    assert history.best_loss < history.baseline_loss - 0.2
    assert history.baseline_loss == pytest.approx(loss_on(affine, held_out(bent())))
    np.testing.assert_array_equal(history.steps, [0, 100, 200, 300, 400])
    assert history.stop_reason == "all 400 steps were taken"
    assert history.seconds > 0.0


def test_the_model_carries_the_best_weights(flow):
    # Few draws and a high rate: the held-out loss falls, then rises again.
    draws = bent(60)
    history = flow.fit(draws, max_steps=600, learning_rate=0.1, patience=600)
    assert 0 < history.best_step < history.steps[-1]
    best = history.validation_loss.min()
    assert history.best_loss == best
    assert best < history.validation_loss[-1]
    assert loss_on(flow.model, held_out(draws)) == pytest.approx(best)


def test_patience_stops_a_fit_that_gets_no_better(toy):
    history = toy.fit(normal_draws(), max_steps=5000, patience=300)
    assert history.stop_reason == "no smaller held-out loss for 300 steps"
    assert history.steps[-1] - history.best_step == 300
    assert history.steps[-1] < 5000


def test_the_optimum_is_the_mean_of_the_training_draws(toy):
    draws = normal_draws(200)
    toy.fit(draws, max_steps=1000, patience=1000)
    np.testing.assert_allclose(toy.model.mean, draws.mean(axis=0), atol=0.1)


def test_weights_decide_where_the_optimum_is(toy):
    draws = np.concatenate([normal_draws(400), normal_draws(400, mean=(-3.0, 2.0))])
    weights = np.repeat([9.0, 1.0], 400)
    for given, mean in ((weights, [2.4, -1.6]), (None, [0.0, 0.0])):
        history = toy.fit(draws, weights=given, max_steps=1000)
        np.testing.assert_allclose(toy.model.mean, mean, atol=0.35)
        part = held_out(draws, weights=given)
        assert loss_on(toy.model, part) == pytest.approx(history.best_loss)


def test_padding_does_not_change_the_result(toy):
    draws = normal_draws(100)
    means, losses = [], []
    for capacity in (128, CAPACITY):
        history = toy.fit(draws, capacity=capacity)
        means.append(toy.model.mean.numpy())
        losses.append(history.validation_loss)
    np.testing.assert_allclose(means[0], means[1], rtol=1e-9)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)


def test_same_seed_same_weights(flow):
    fits = []
    for seed in (3, 3, 4):
        history = flow.fit(bent(), seed=seed)
        fits.append((get_arrays(flow.model), history.validation_loss))
    for path, array in fits[0][0].items():
        np.testing.assert_array_equal(fits[1][0][path], array)
    np.testing.assert_array_equal(fits[0][1], fits[1][1])
    assert np.any(fits[2][1] != fits[0][1])


def test_refits_share_one_program(flow):
    flow.fit(bent())

    def refit_twice():
        for n, seed, rate in ((500, 5, 1e-3), (1000, 6, 1e-2)):
            flow.fit(bent(n), seed=seed, learning_rate=rate, max_steps=300)

    assert count_compilations(refit_twice)[1] == 0


def test_a_warm_restart_keeps_the_moments_of_adam(toy):
    toy.fit(normal_draws(), max_steps=100)
    moments = get_arrays(toy.trainer.adam)
    assert int(toy.trainer.adam._count) == 100
    assert any(np.any(array != 0.0) for array in moments.values())
    fit(
        toy.model,
        normal_draws(),
        trainer=toy.trainer,
        capacity=CAPACITY,
        max_steps=100,
        whiten=False,
    )
    assert int(toy.trainer.adam._count) == 200


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_on_the_way_leaves_the_best_weights(toy, error):
    losses = []

    def interrupt(phase, done, total, stats):
        losses.append(stats["held out"])
        if done == 300:
            raise error("stop here")

    draws = normal_draws()
    with pytest.raises(error):
        toy.fit(draws, max_steps=1000, progress=interrupt)
    assert len(losses) == 3
    assert loss_on(toy.model, held_out(draws)) == pytest.approx(min(losses))


def test_a_model_without_weights_is_fitted_in_closed_form():
    model, draws = models.make("gaussian", event_size=2), bent()
    history = fit(model, draws)
    assert "closed form" in history.stop_reason
    assert history.best_step == 0
    assert history.best_loss == pytest.approx(loss_on(model, held_out(draws)))


def test_whitening_follows_the_draws_unless_told_not_to(flow):
    far = 1e6 + 1e3 * bent()
    flow.fit(far)
    whitened = flow.model.whiten(far)
    np.testing.assert_allclose(whitened.mean(axis=0), 0.0, atol=0.2)
    flow.fit(bent(), whiten=False)
    np.testing.assert_array_equal(flow.model.whiten(far), far)


@pytest.mark.parametrize(
    ("draws", "text"),
    [
        (None, "needs `draws`"),
        (np.full((50, 2), np.nan), "must be finite"),
        (np.ones((50, 3)), r"shape \[n, 2\]"),
        (np.ones((1, 2)), "at least 2 rows"),
    ],
)
def test_bad_draws_leave_the_model_alone(flow, draws, text):
    with pytest.raises(TrainingError, match=text):
        flow.fit(draws)
    for path, array in get_arrays(flow.model).items():
        np.testing.assert_array_equal(array, flow.start[path])
