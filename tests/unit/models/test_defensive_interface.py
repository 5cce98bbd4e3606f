"""How the defensive mixture is built, fitted and shown."""

import numpy as np
import pytest

from flowmc import models
from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.models.defensive import defensive


def test_tails_are_fitted_to_the_bulk_whatever_the_outliers():
    random = np.random.default_rng(11)
    draws = (
        random.standard_t(df=2, size=(20_000, 2)) @ np.array([[1.0, 0.5], [0.0, 2.0]])
        + 3.0
    )
    draws[:5] = 1e9
    mixture = defensive(models.make("gaussian", event_size=2))
    mixture.fit_tails(draws)
    location, scale_tril = mixture.tails
    np.testing.assert_allclose(location, 3.0, atol=0.1)
    assert np.abs(scale_tril).max() < 5.0


def test_tails_honour_weights():
    draws = np.random.default_rng(12).normal(size=(4000, 2))
    mixture = defensive(models.make("gaussian", event_size=2))
    mixture.fit_tails(draws, weights=(draws[:, 0] > 0.0).astype(float))
    assert mixture.tails[0][0] > 0.5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"weight": 0.0}, "`weight` must lie strictly between 0 and 1"),
        ({"weight": 1.0}, "`weight` must lie strictly between 0 and 1"),
        ({"axis_share": -0.1}, "`axis_share` must lie between 0 and 1"),
        ({"axis_share": 1.1}, "`axis_share` must lie between 0 and 1"),
        ({"degrees_of_freedom": 0.0}, "`degrees_of_freedom` must be positive"),
    ],
)
def test_bad_shares(options, text):
    with pytest.raises(ConfigurationError, match=text):
        defensive(models.make("gaussian", event_size=2), **options)


def test_a_model_without_density_is_refused():
    with pytest.raises(ModelError, match="latent_independence"):
        defensive(object())


def test_repr_tells_the_parts():
    mixture = defensive(models.make("gaussian", event_size=2), weight=0.2)
    assert repr(mixture).startswith("defensive(gaussian(event_size=2")
    assert "weight=0.2, degrees_of_freedom=2.0, axis_share=0.5" in repr(mixture)
