"""A flow with a wider base mixed in: normalized, drawn from, and as wide as it says."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import DensityModel
from flowmc.models.widened import WidenedFlow, widened, width_for

SHARE = 0.2


def curved(family="maf", size=2, **options):
    """A flow with weights far from its first ones, and a whitening of its own."""
    flow = models.make(family, event_size=size, seed=1, **options)
    random = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(0.2 * random.normal(size=variable.shape))
    flow.fit_whitening(
        random.normal(size=(500, size)) @ np.diag(np.arange(1, size + 1))
    )
    return flow


def test_the_density_integrates_to_one():
    grid = np.linspace(-60.0, 60.0, 1601)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    density = np.exp(WidenedFlow(curved(), share=SHARE).log_prob(points))
    assert density.sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(1.0, abs=2e-4)


@pytest.mark.parametrize("family", ["maf", "realnvp"])
def test_it_is_the_flow_with_the_base_replaced(family):
    flow = curved(family, size=3)
    model, x = (
        WidenedFlow(flow, share=SHARE),
        5.0 * np.random.default_rng(2).normal(size=(40, 3)),
    )
    z, log_det = flow.inverse_and_log_det(x)
    width = width_for(3)
    log_normal = -0.5 * np.sum(np.square(z), axis=-1) - 1.5 * np.log(2.0 * np.pi)
    log_wide = (
        -0.5 * np.sum(np.square(z / width), axis=-1)
        - 1.5 * np.log(2.0 * np.pi)
        - 3.0 * np.log(width)
    )
    base = np.logaddexp(np.log(1 - SHARE) + log_normal, np.log(SHARE) + log_wide)
    np.testing.assert_allclose(model.log_prob(x), base + log_det, rtol=1e-10)
    assert isinstance(model, DensityModel)


def test_draws_carry_their_density_and_follow_it():
    model = WidenedFlow(curved(), share=SHARE)
    x, log_q = model.sample_and_log_prob(100_000, seed=3)
    np.testing.assert_allclose(model.log_prob(x), log_q, atol=1e-8)
    z, _ = model.flow.inverse_and_log_det(x)
    # The mean square of a coordinate is (1 - s) + s w^2: within four standard errors.
    expected = 1.0 + SHARE * (width_for(2) ** 2 - 1.0)
    squares = np.square(z).mean(axis=-1)
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - expected) < 4.0 * error
    again = model.sample(100_000, seed=3)
    np.testing.assert_array_equal(again, x)


def test_compiled_code_sees_new_weights():
    model = WidenedFlow(curved(), share=SHARE)
    compiled = tf.function(model.log_prob, jit_compile=True)
    x = tf.constant(np.random.default_rng(4).normal(size=(7, 2)))
    np.testing.assert_allclose(compiled(x), model.log_prob(x), rtol=1e-10)
    for variable in model.flow.trainable_variables:
        variable.assign(0.5 * variable)
    np.testing.assert_allclose(compiled(x), model.log_prob(x), rtol=1e-10)


def test_only_flows_with_ordinary_coordinates_are_widened():
    flow = curved()
    circle = models.make(
        "spline_coupling", event_size=2, seed=0, periodic=[(0, 0.0, 1.0)]
    )
    assert isinstance(widened(flow, share=SHARE), WidenedFlow)
    assert widened(flow, share=0.0) is flow
    assert widened(circle, share=SHARE) is circle
    vae = models.make("vae", event_size=2, seed=0)
    assert widened(vae, share=SHARE) is vae


@pytest.mark.parametrize("share", [-0.1, 1.0, "much"])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ConfigurationError, match="share"):
        WidenedFlow(curved(), share=share)
