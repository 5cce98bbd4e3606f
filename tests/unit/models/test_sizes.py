"""Default sizes: from the dimension and the number of draws, told by the model."""

import pytest

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.models.sizes import choose_bins, choose_sizes

DEFAULTS = {
    "num_layers": None,
    "hidden_units": None,
    "num_draws": None,
    "dtype": "float64",
}


def sizes(event_size, kind="affine", **options):
    return choose_sizes(event_size, kind=kind, **{**DEFAULTS, **options})


@pytest.mark.parametrize(
    ("event_size", "kind", "num_layers"),
    [
        (10, "affine", 5),
        (10, "spline", 3),
        (2, "affine coupling", 4),
        (10, "affine coupling", 8),
        (64, "affine coupling", 10),
        (64, "spline coupling", 6),
    ],
)
def test_layers(event_size, kind, num_layers):
    assert sizes(event_size, kind).num_layers == num_layers


@pytest.mark.parametrize(
    ("num_draws", "width", "layers", "bins"),
    [(None, 60, 5, 8), (10_000, 60, 5, 8), (100, 30, 3, 4), (10**7, 120, 5, 16)],
)
def test_number_of_draws(num_draws, width, layers, bins):
    chosen = sizes(20, num_draws=num_draws)
    assert chosen.hidden_units == [width, width]
    assert chosen.num_layers == layers
    assert choose_bins(None, num_draws=num_draws) == bins


def test_what_is_given_is_kept():
    chosen = sizes(20, num_draws=100, num_layers=7, hidden_units=(3,))
    assert chosen == (7, [3], "float64")
    assert choose_bins(5, num_draws=100) == 5


def test_repr_and_description_tell_what_was_chosen():
    model = models.make("spline_autoregressive", event_size=3, num_draws=500)
    text = "hidden_units=[16, 16], max_log_scale=3.0, num_bins=4, num_layers=2"
    assert text in repr(model)
    assert "num_draws" not in model.description["options"]


def test_bad_number_of_draws():
    with pytest.raises(ConfigurationError, match="`num_draws` must be at least 1"):
        sizes(3, num_draws=0)
