"""Fits of a VAE: warm-up, defaults, losses that fit, and the bias of each."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.core.errors import ConfigurationError, TrainingError
from flowmc.core.registry import LOSSES
from flowmc.core.types import Batch
from flowmc.training.elbo import WARM_UP_STEPS, elbo
from flowmc.training.fit import fit
from flowmc.training.needs import MODEL_KINDS, choose_loss, is_annealed, needs
from flowmc.training.reverse_elbo import reverse_elbo
from flowmc.training.trainer import Trainer

LEFT, RIGHT = -1.0, 12.0
SEED = tf.constant([3, 5], tf.int32)


def small(event_size=1, **options):
    settings = {"hidden_units": [16], "num_importance": 4, **options}
    return models.make("vae", event_size=event_size, seed=0, **settings)


def two_modes(n=1500, seed=0):
    random = np.random.default_rng(seed)
    centres = np.where(random.uniform(size=(n, 1)) < 0.5, LEFT, RIGHT)
    return centres + random.normal(size=(n, 1))


def two_modes_log_prob(x):
    parts = [-0.5 * tf.square(x[:, 0] - mode) for mode in (LEFT, RIGHT)]
    return tf.reduce_logsumexp(tf.stack(parts), axis=0)


def share_on_the_right(model):
    return np.mean(np.abs(model.sample(4000, seed=1).numpy()[:, 0] - RIGHT) < 4.0)


def bent(n=600, seed=0):
    z = np.random.default_rng(seed).standard_normal((n, 2))
    return np.stack([z[:, 0], 0.5 * z[:, 1] + z[:, 0] ** 2], axis=-1)


def test_iwae_covers_both_modes_and_reverse_elbo_keeps_one():
    forward, reverse = small(), small()
    fit(forward, two_modes(), max_steps=300, learning_rate=0.02)
    target = {"target": two_modes_log_prob, "loss": "reverse_elbo"}
    fit(reverse, max_steps=300, learning_rate=0.02, **target)
    assert 0.4 < share_on_the_right(forward) < 0.6
    assert share_on_the_right(reverse) < 1e-3
    x = reverse.sample(4000, seed=1)
    assert np.mean(x) == pytest.approx(LEFT, abs=0.1)
    assert np.std(x) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("loss", ["elbo", "iwae"])
def test_fit_beats_the_affine_map_with_weights(loss):
    affine = models.make("gaussian", event_size=2)
    draws, weights = bent(), np.linspace(0.5, 1.5, 600)
    affine.fit_whitening(draws, weights=weights)
    model = small(2)
    options = {"max_steps": 600, "learning_rate": 0.02, "baseline": affine}
    history = fit(model, draws, weights=weights, loss=loss, **options)
    # The first entry is the affine map too: an untrained VAE is its equal.
    assert history.validation_loss[0] == pytest.approx(history.baseline_loss, abs=0.3)
    assert history.best_loss < history.baseline_loss - 0.2


def test_early_stopping_leaves_the_best_weights():
    draws = bent(60)
    model = small(2)
    history = fit(model, draws, max_steps=800, learning_rate=0.1, patience=200, seed=1)
    assert history.best_step < history.steps[-1]
    assert history.best_loss == history.validation_loss.min()
    assert "no smaller held-out loss" in history.stop_reason


def test_losses_resolve_and_refuse_by_the_kind_of_model():
    flow, vae = models.make("maf", event_size=1), small()
    assert choose_loss("auto", flow) == "forward_kl"
    assert choose_loss("auto", vae) == "iwae"
    assert Trainer(vae).loss == "iwae"
    with pytest.raises(ConfigurationError, match="got `forward_kl`.*`elbo`, `iwae`"):
        fit(vae, two_modes(), loss="forward_kl")
    with pytest.raises(ConfigurationError, match="got `elbo`.*`forward_kl`"):
        fit(flow, two_modes(), loss="elbo")
    with pytest.raises(ConfigurationError, match="not a known loss"):
        fit(vae, two_modes(), loss="luck")
    with pytest.raises(TrainingError, match="`reverse_elbo` needs `target`"):
        fit(vae, loss="reverse_elbo")
    with pytest.raises(ConfigurationError, match="must be one of density, latent"):
        needs("draws", model="luck")
    assert set(MODEL_KINDS.values()) <= set(LOSSES)


def test_warm_up_is_of_the_divergence_alone_and_not_in_held_out_losses():
    model, x = small(2), tf.constant(bent(50))
    assert is_annealed(LOSSES.get("elbo"))
    batch = Batch(x, tf.ones([50], tf.float64))
    terms = model.elbo(x, seed=SEED)
    for step, share in ((0, 0.5), (WARM_UP_STEPS // 2, 0.75), (10**6, 1.0)):
        expected = -np.mean(terms.reconstruction - share * terms.kl)
        loss = elbo(model, batch, seed=SEED, step=tf.constant(step, tf.int64))
        assert float(loss) == pytest.approx(expected, rel=1e-12)
    assert float(elbo(model, batch, seed=SEED)) == pytest.approx(-np.mean(terms.bound))


def test_trainer_tells_annealed_losses_the_step(monkeypatch):
    seen = []

    @needs("draws", model="latent", annealed=True)
    def recorded(model, batch, *, seed, step=None):
        seen.append(step)
        return elbo(model, batch, seed=seed, step=step)

    monkeypatch.setitem(LOSSES._entries, "annealed_for_this_test", recorded)
    model = small(2)
    trainer = Trainer(model, loss="annealed_for_this_test", batch_size=32)
    fit(model, bent(), trainer=trainer, loss=trainer.loss, max_steps=100)
    assert [step is None for step in seen] == [False, True]
    assert int(trainer.adam.count) == 100
    # A refit goes on counting, warms up no more, and is not traced again.
    fit(model, bent(seed=1), trainer=trainer, loss=trainer.loss, max_steps=100)
    assert len(seen) == 2
    assert int(trainer.adam.count) == 200


def test_draws_in_a_plane_leave_the_network_alone():
    flat = np.stack([np.arange(40.0), np.zeros(40)], axis=-1)
    history = fit(small(2), flat)
    assert "the network left alone" in history.stop_reason
    assert np.isfinite(history.best_loss)


def test_reverse_elbo_is_free_of_noise_at_the_target():
    model = small(2, prior="flow", encoder="iaf", num_layers=1)
    batch = Batch(
        tf.zeros([32, 2], tf.float64),
        tf.ones([32], tf.float64),
        target_log_prob_fn=lambda x: -0.5 * tf.reduce_sum(tf.square(x), axis=-1),
    )
    with tf.GradientTape() as tape:
        loss = reverse_elbo(model, batch, seed=SEED)
    own = [*model._decoder.trainable_variables, *model._prior.trainable_variables]
    for gradient in tape.gradient(loss, own, unconnected_gradients="zero"):
        assert float(tf.reduce_max(tf.abs(gradient))) < 1e-12
    assert float(loss) == pytest.approx(-np.log(2.0 * np.pi), abs=1e-12)


def test_a_baseline_that_the_loss_cannot_score_is_refused():
    vae = models.make("vae", event_size=1, hidden_units=[8])
    flow = models.make("maf", event_size=1, hidden_units=[8], num_layers=1)
    with pytest.raises(ConfigurationError, match="baseline"):
        fit(flow, two_modes(), baseline=vae, max_steps=5)
