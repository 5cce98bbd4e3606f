"""What the base class of flows checks, flattens and whitens."""

import numpy as np
import pytest
from scipy import stats

from flowmc import models
from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.models.gaussian import Gaussian
from flowmc.models.maf import MaskedAutoregressiveFlow
from flowmc.models.sizes import default_hidden_units

SMALL = {"num_layers": 2, "hidden_units": [8]}
MIXING = np.array([[1.0, 0.0], [3.0, 0.5]])


def draws(n=4000):
    return np.random.default_rng(0).standard_normal((n, 2)) @ MIXING.T + [5.0, -2.0]


def test_whitened_gaussian_is_the_closed_form_fit():
    x, model = draws(), models.make("gaussian", event_size=2)
    assert model.fit_whitening(x) == ""
    expected = stats.multivariate_normal(x.mean(axis=0), np.cov(x.T))
    np.testing.assert_allclose(model.log_prob(x), expected.logpdf(x), rtol=1e-9)


def test_whitening_honours_weights():
    x, model = draws(), models.make("gaussian", event_size=2)
    is_kept = x[:, 0] > 5.0
    model.fit_whitening(x, weights=is_kept.astype(float))
    np.testing.assert_allclose(
        model.forward_and_log_det(np.zeros(2))[0], x[is_kept].mean(axis=0)
    )


def test_whiten_applies_the_affine_part_alone():
    x = draws()
    model = models.make("maf", event_size=2, num_layers=3, hidden_units=[8])
    model.fit_whitening(x)
    z = model.whiten(x)
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-10)
    np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=1e-10)
    np.testing.assert_allclose(model.inverse_and_log_det(x)[0], z, atol=1e-10)


def test_whitening_says_what_it_guessed():
    model = models.make("gaussian", event_size=2)
    assert "do not vary" in model.fit_whitening(np.ones((20, 2)))


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 2, 1)])
@pytest.mark.parametrize("method", ["log_prob", "inverse_and_log_det"])
def test_wrong_last_dimension(shape, method):
    model = models.make("gaussian", event_size=2)
    with pytest.raises(ModelError, match="last dimension 2"):
        getattr(model, method)(np.zeros(shape))


def test_points_may_be_lists_and_float32():
    model = models.make("gaussian", event_size=2)
    value = model.log_prob([[1.0, 2.0]])
    np.testing.assert_array_equal(model.log_prob(np.float32([[1.0, 2.0]])), value)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("nonsense", {}, "not a known model; known are: .*gaussian.*maf"),
        ("maf", {"depth": 3}, "Options of the model `maf` are: .*num_layers.*'depth'"),
        ("gaussian", {"num_layers": 3}, "Options of the model `gaussian`"),
        ("maf", {"num_layers": 0}, "`num_layers` must be at least 1"),
        ("maf", {"num_layers": 2.5}, "`num_layers` must be an integer"),
        ("maf", {"base": "cauchy"}, "`base` must be one of normal, student_t"),
        ("maf", {"hidden_units": [8, 0]}, "`hidden_units` must be at least 1"),
        ("maf", {"dtype": "float16"}, "`dtype` must be one of"),
        ("maf", {"max_log_scale": 0.0}, "`max_log_scale` must be positive"),
    ],
)
def test_bad_options(name, options, text):
    with pytest.raises(ConfigurationError, match=text):
        models.make(name, event_size=2, **options)


@pytest.mark.parametrize("event_size", [0, -1, 2.0, "2", True])
@pytest.mark.parametrize("name", ["gaussian", "maf"])
def test_bad_event_size(name, event_size):
    with pytest.raises(ConfigurationError, match="`event_size` must be"):
        models.make(name, event_size=event_size)


def test_numpy_numbers_are_numbers():
    model = models.make(
        "maf",
        event_size=np.int64(3),
        num_layers=np.int64(2),
        hidden_units=np.array([8, 8]),
        max_log_scale=np.float64(2.0),
    )
    options = model.description["options"]
    assert options["num_layers"] == 2
    assert options["hidden_units"] == [8, 8]
    assert options["max_log_scale"] == 2.0


@pytest.mark.parametrize("family", [Gaussian, MaskedAutoregressiveFlow])
def test_option_names_leave_out_what_every_family_has(family):
    names = family.option_names()
    assert "base" in names
    assert not {"self", "event_size", "seed"} & set(names)
    assert ("num_layers" in names) == (family is MaskedAutoregressiveFlow)


@pytest.mark.parametrize(("size", "width"), [(1, 32), (10, 32), (20, 60), (90, 128)])
def test_default_widths(size, width):
    assert default_hidden_units(size) == [width, width]


def test_layers_start_with_different_weights():
    model = models.make("maf", event_size=3, **SMALL)
    first, second = (v for v in model.trainable_variables if v.shape == (8, 3))
    assert not np.any(np.isclose(first, second))
