"""TFP views of models: never stale, though TFP's caches are blind to new weights."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc.models import views
from tests.conformance.families import FAMILIES, build, points, trained


def assert_views_are_fresh(family):
    model = build(family, 2)
    distribution, bijector = model.distribution, model.bijector
    x = distribution.sample(5, seed=(1, 2))
    stale = [distribution.log_prob(x), bijector.inverse(x), bijector.forward(x)]
    trained(model)
    same = tf.constant(x.numpy())  # another tensor object
    fresh = [
        model.log_prob(same),
        model.inverse_and_log_det(same)[0],
        model.forward_and_log_det(same)[0],
    ]
    for before, after in zip(stale, fresh, strict=True):
        assert np.all(before != after)
    for view, map_view in (
        (distribution, bijector),
        (model.distribution, model.bijector),
    ):
        now = [view.log_prob(x), map_view.inverse(x), map_view.forward(x)]
        for value, expected in zip(now, fresh, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_tfp_views_see_new_weights(family):
    assert_views_are_fresh(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_control_without_fresh_tensors_the_views_are_stale(family, monkeypatch):
    monkeypatch.setattr(views, "_fresh", lambda points: points)
    with pytest.raises(AssertionError):
        assert_views_are_fresh(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_tfp_views_agree_with_the_model(family):
    model = trained(build(family, 2))
    distribution, bijector = model.distribution, model.bijector
    x = points(model, 7)
    z, log_det = model.inverse_and_log_det(x)
    np.testing.assert_allclose(distribution.log_prob(x), model.log_prob(x))
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(x), log_det)
    np.testing.assert_allclose(
        bijector.forward_log_det_jacobian(z), -log_det, atol=1e-12
    )
    assert distribution.event_shape == [2]
    assert distribution.sample([3, 4], seed=(1, 2)).shape == (3, 4, 2)
