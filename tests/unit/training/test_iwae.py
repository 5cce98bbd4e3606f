"""The doubly reparameterized gradient is the plain one on average, with less noise."""

import math

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.core.types import Batch
from flowmc.training.iwae import iwae
from tests.unit.models.linear_vae import LinearVae

NUM_SEEDS = 300


def plain_iwae(model, batch, *, seed):
    """The same bound, differentiated through everything."""
    num = model.num_importance
    z, log_r = model.sample_encoder(batch.x, seed=seed, num=num)
    log_weights = model.log_prior(z) + model.log_decoder(batch.x, z) - log_r
    bound = tf.reduce_logsumexp(log_weights, axis=0) - math.log(num)
    return -tf.reduce_mean(batch.weight * bound)


def batch_of(x):
    return Batch(tf.constant(x), tf.constant(np.linspace(0.5, 1.5, len(x))))


def gradients_of(loss, model, batch, variables, num_seeds):
    @tf.function(autograph=False, jit_compile=True)
    def one(seed):
        with tf.GradientTape() as tape:
            value = loss(model, batch, seed=seed)
        found = tape.gradient(value, variables, unconnected_gradients="zero")
        return value, tf.concat([tf.reshape(g, [-1]) for g in found], axis=0)

    pairs = [one(tf.constant([i, 17])) for i in range(num_seeds)]
    return tuple(np.array([pair[k].numpy() for pair in pairs]) for k in (0, 1))


def poor_model(encoder):
    """Return a model with a poor encoder."""
    model = models.make(
        "vae",
        event_size=2,
        encoder=encoder,
        prior="flow",
        hidden_units=[4],
        num_layers=1,
        num_importance=3,
    )
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign_add(0.1 * random.normal(size=variable.shape))
    return model


@pytest.mark.parametrize("encoder", ["gaussian", "iaf"])
def test_doubly_reparameterized_gradient_is_right_on_average(encoder):
    model = poor_model(encoder)
    batch = batch_of(np.random.default_rng(1).normal(size=(8, 2)))
    own = [*model._decoder.trainable_variables, *model._prior.trainable_variables]
    learned = list(model._encoder.trainable_variables)
    size = sum(int(np.prod(v.shape)) for v in own)
    value, found = gradients_of(iwae, model, batch, own + learned, NUM_SEEDS)
    expected_value, expected = gradients_of(
        plain_iwae, model, batch, own + learned, NUM_SEEDS
    )
    np.testing.assert_allclose(value, expected_value, rtol=1e-9)
    # Decoder and prior: the same for every seed.  Encoder: the same on average.
    np.testing.assert_allclose(found[:, :size], expected[:, :size], atol=1e-9)
    difference = (found - expected)[:, size:]
    error = difference.std(axis=0) / np.sqrt(NUM_SEEDS)
    assert np.any(error > 1e-6)
    z_scores = difference.mean(axis=0)[error > 0.0] / error[error > 0.0]
    assert np.max(np.abs(z_scores)) < 4.5
    assert np.sqrt(np.mean(z_scores**2)) < 1.6
    # The plain one is no substitute: the estimators differ seed by seed.
    assert found[:, size:].var(axis=0).sum() < expected[:, size:].var(axis=0).sum()


def test_control_the_weights_not_squared_are_seen():
    model = poor_model("gaussian")
    batch = batch_of(np.random.default_rng(1).normal(size=(8, 2)))
    encoder = list(model._encoder.trainable_variables)

    def wrong(model, batch, *, seed):
        # Path gradients as of an ELBO: weights to the first power.
        z, _ = model.sample_encoder(batch.x, seed=seed, num=model.num_importance)
        fixed = tf.stop_gradient(z)
        with tf.GradientTape() as tape:
            tape.watch(fixed)
            log_w = model.log_prior(fixed) + model.log_decoder(batch.x, fixed)
            log_w -= model.log_encoder(fixed, batch.x)
        slope = tf.stop_gradient(tape.gradient(log_w, fixed))
        share = tf.stop_gradient(tf.nn.softmax(log_w, axis=0))
        path = tf.reduce_sum(share * tf.reduce_sum(slope * (z - fixed), -1), 0)
        return -tf.reduce_mean(batch.weight * path)

    _, found = gradients_of(wrong, model, batch, encoder, NUM_SEEDS)
    _, expected = gradients_of(plain_iwae, model, batch, encoder, NUM_SEEDS)
    difference = found - expected
    error = difference.std(axis=0) / np.sqrt(NUM_SEEDS)
    assert np.max(np.abs(difference.mean(axis=0)[error > 0] / error[error > 0])) > 8.0


def test_encoder_gradient_is_free_of_noise_at_the_exact_posterior():
    linear = LinearVae()
    batch = batch_of(linear.draw(20))
    encoder = linear.model._encoder.trainable_variables
    seed = tf.constant([1, 2])
    found = []
    for loss in (iwae, plain_iwae):
        with tf.GradientTape() as tape:
            value = loss(linear.model, batch, seed=seed)
        gradients = tape.gradient(value, encoder)
        found.append(max(float(tf.reduce_max(tf.abs(g))) for g in gradients))
    assert found[0] < 1e-12
    assert found[1] > 1e-3
