"""The joint space of codes and noise, and who may enter it."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels, models
from flowmc.core.errors import ConfigurationError
from flowmc.kernels.latent_support import JointSpace
from tests.unit.kernels.latent_models import spoilt

KERNELS = {
    "latent_independence": "independence",
    "latent_walk": "preconditioned",
    "latent_hmc": "preconditioned",
}
FORMS = [
    {"event_size": 1},
    {"event_size": 3, "latent_size": 1},
    {"event_size": 3, "latent_size": 3},
    {"event_size": 3, "latent_size": 2, "encoder": "iaf"},
    {"event_size": 3, "latent_size": 2, "prior": "flow"},
    {"event_size": 2, "latent_size": 1, "prior": "flow"},
]


@pytest.mark.parametrize(("kernel", "other"), KERNELS.items())
def test_a_flow_is_refused_and_the_right_kernel_named(kernel, other):
    flow = models.make("maf", event_size=2, hidden_units=[4])
    for model in (flow, models.defensive(flow)):
        with pytest.raises(ConfigurationError, match=f"`{kernel}`.*`{other}` for a"):
            kernels.make(kernel, model=model)


@pytest.mark.parametrize("kernel", ["independence", "multiple_try", "preconditioned"])
def test_flow_kernels_refuse_a_vae_and_name_the_right_one(kernel):
    options = {"inner": kernels.make("hmc")} if kernel == "preconditioned" else {}
    with pytest.raises(ConfigurationError, match="For a VAE use `latent_"):
        kernels.make(kernel, model=spoilt(), **options)


@pytest.mark.parametrize("form", FORMS)
def test_there_and_back_with_the_correction_of_the_numerical_jacobian(form):
    model = spoilt(**form)
    space, size = JointSpace(model), model.event_size
    x = np.random.default_rng(1).normal(size=(5, size))
    y, correction = space.draw(x, seed=tf.constant([1, 2]))
    assert y.shape == (5, space.event_size) == (5, size + model.latent_size)
    back, again = space.to_x(y)
    np.testing.assert_allclose(back, x, atol=1e-9)
    np.testing.assert_allclose(again, correction, atol=1e-8)
    # On (z, x) the density is r(z | x); on y it is that times |d(z, x)/dy|.
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y)
        z, _ = model.prior_forward_and_log_det(y[:, : model.latent_size])
        image = tf.concat([z, space.to_x(y)[0]], axis=-1)
    slopes = tape.batch_jacobian(image, y, experimental_use_pfor=False)
    jacobian = np.linalg.slogdet(slopes.numpy())[1]
    np.testing.assert_allclose(
        correction, model.log_encoder(z, back) + jacobian, atol=1e-8
    )


def test_an_untrained_vae_makes_a_standard_normal_of_a_standard_normal():
    space = JointSpace(models.make("vae", event_size=3, latent_size=2))
    x = np.random.default_rng(1).normal(size=(50, 3))
    y, correction = space.draw(x, seed=tf.constant([1, 2]))
    on_y = correction.numpy() - 0.5 * np.sum(x**2, axis=1)
    expected = -0.5 * np.sum(y.numpy() ** 2, axis=1) - np.log(2.0 * np.pi)
    np.testing.assert_allclose(on_y, expected, atol=1e-10)
