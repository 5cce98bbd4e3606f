"""Each loss has its minimum at the target and the bias that it is known for."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import Target, models
from flowmc.core.errors import TrainingError
from flowmc.core.registry import LOSSES
from flowmc.core.types import Batch
from flowmc.training.fisher import fisher
from flowmc.training.fit import fit
from flowmc.training.inputs import gather_inputs
from flowmc.training.needs import needs, needs_of
from flowmc.training.reverse_kl import reverse_kl

SCALE_TRIL = np.array([[1.0, 0.0], [0.8, 0.6]])
PRECISION = np.linalg.inv(SCALE_TRIL @ SCALE_TRIL.T)
LEFT, RIGHT = -3.0, 5.0
NOTHING = {"gradients": None, "target": None}
SEED = tf.constant([3, 5], tf.int32)


def small(event_size=2, **options):
    settings = {"num_layers": 2, "hidden_units": [16], **options}
    return models.make("maf", event_size=event_size, seed=0, **settings)


def correlated(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2)) @ SCALE_TRIL.T


def gaussian_log_prob(x):
    return -0.5 * tf.reduce_sum((x @ PRECISION) * x, axis=-1)


def two_modes_log_prob(x):
    parts = [-0.5 * tf.square(x[:, 0] - mode) for mode in (LEFT, RIGHT)]
    return tf.reduce_logsumexp(tf.stack(parts), axis=0)


def share_on_the_right(model):
    x = model.sample(4000, seed=SEED).numpy()[:, 0]
    return np.mean(np.abs(x - RIGHT) < 4.0)


def divergence(model):
    """KL from the correlated Gaussian to the model, on 20,000 fresh draws."""
    x = correlated(20_000, seed=1)
    exact = gaussian_log_prob(x).numpy() - np.log(2.0 * np.pi * 0.6)
    return np.mean(exact - model.log_prob(x).numpy())


def test_forward_kl_covers_both_modes_and_reverse_kl_keeps_one():
    random = np.random.default_rng(0)
    centres = np.where(random.uniform(size=(3000, 1)) < 0.5, LEFT, RIGHT)
    forward, reverse = small(1, num_layers=1), small(1, num_layers=1)
    fit(forward, centres + random.normal(size=(3000, 1)), max_steps=100)
    options = {"loss": "reverse_kl", "learning_rate": 0.03, "max_steps": 400}
    fit(reverse, target=two_modes_log_prob, **options)
    assert 0.4 < share_on_the_right(forward) < 0.6
    assert share_on_the_right(reverse) < 1e-3
    assert np.mean(reverse.sample(4000, seed=SEED)[:, 0]) == pytest.approx(
        LEFT, abs=0.1
    )


def test_fisher_recovers_a_gaussian_from_few_draws():
    model, x = small(num_layers=1), correlated(60)
    history = fit(model, x, gradients=-x @ PRECISION, loss="fisher", max_steps=500)
    assert history.best_loss < 1e-3
    # By the likelihood, 60 draws would leave about 5 / 120 = 0.04 nats.
    assert divergence(model) < 2e-3


def test_reverse_kl_recovers_a_gaussian_without_draws_and_counts_its_cost():
    model = small(num_layers=1)
    target = Target(gaussian_log_prob, names=["a", "b"], backend="tensorflow")
    options = {"loss": "reverse_kl", "batch_size": 128, "learning_rate": 0.01}
    history = fit(model, target=target, max_steps=300, **options)
    assert divergence(model) < 0.01
    # Its value is minus the log of the integral where the model is right.
    assert history.best_loss == pytest.approx(-np.log(2.0 * np.pi * 0.6), abs=0.01)
    # A held-out loss at the start and after each of the three segments.
    assert target.num_gradients == 300 * 128 + 4 * 2048


def test_path_gradient_is_free_of_noise_at_the_target():
    model = models.make("maf", event_size=2, seed=0)  # starts as the standard normal
    batch = Batch(
        tf.zeros([32, 2], tf.float64),
        tf.ones([32], tf.float64),
        target_log_prob_fn=lambda x: -0.5 * tf.reduce_sum(tf.square(x), axis=-1),
    )
    with tf.GradientTape() as tape:
        loss = reverse_kl(model, batch, seed=SEED)
    gradients = tape.gradient(loss, model.trainable_variables)
    size = max(float(tf.reduce_max(tf.abs(g))) for g in gradients if g is not None)
    assert size < 1e-12
    assert float(loss) == pytest.approx(-np.log(2.0 * np.pi), abs=1e-12)


def test_fisher_is_the_weighted_mean_in_whitened_units():
    model, x = models.make("gaussian", event_size=2), correlated(50)
    weight = np.linspace(0.0, 2.0, 50)
    gradient = -x @ PRECISION
    batch = Batch(
        tf.constant(x),
        tf.constant(weight),
        tf.constant(gradient),
        tf.constant(SCALE_TRIL),
    )
    # The score of the standard normal is -x.
    by_hand = np.mean(weight * np.sum(((-x - gradient) @ SCALE_TRIL) ** 2, axis=-1))
    assert float(fisher(model, batch, seed=SEED)) == pytest.approx(by_hand, rel=1e-12)


def test_gradients_come_from_the_target_and_are_counted():
    x = correlated(40)
    target = Target(gaussian_log_prob, names=["a", "b"], backend="tensorflow")
    for given in ({"gradients": -x @ PRECISION}, {"target": gaussian_log_prob}):
        inputs = gather_inputs("fisher", draws=x, **{**NOTHING, **given})
        np.testing.assert_allclose(inputs.gradients, -x @ PRECISION, rtol=1e-9)
    inputs = gather_inputs("fisher", draws=x, gradients=None, target=target)
    np.testing.assert_allclose(inputs.gradients, -x @ PRECISION, rtol=1e-9)
    assert target.num_gradients == len(x)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "`forward_kl` needs `draws`"),
        ({"loss": "fisher"}, "`fisher` needs `draws`"),
        ({"loss": "fisher", "draws": np.ones((9, 2))}, "needs `gradients`"),
        ({"loss": "reverse_kl"}, "needs `target`, a TensorFlow function"),
        (
            {
                "loss": "fisher",
                "draws": np.eye(2),
                "gradients": np.full((2, 2), np.nan),
            },
            "4 entries that are not finite",
        ),
    ],
)
def test_what_is_missing_is_named(options, text):
    draws = options.pop("draws", None)
    with pytest.raises(TrainingError, match=text):
        fit(small(), draws, max_steps=1, **options)


def test_a_host_target_cannot_be_differentiated_through():
    target = Target(lambda x: -np.sum(x**2, axis=-1), names=["a", "b"], backend="numpy")
    with pytest.raises(TrainingError, match="got a host target"):
        fit(small(), target=target, loss="reverse_kl")


def test_losses_say_what_they_need():
    found = {name: needs_of(LOSSES.get(name)) for name in LOSSES}
    assert found["forward_kl"] == "draws"
    assert found["reverse_kl"] == "target"
    assert found["fisher"] == "gradient"
    with pytest.raises(ValueError, match="must be one of draws, gradient, target"):
        needs("luck")
