import pytest

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.core.records import SavedModel
from flowmc.moves.settings import check_settings, fit_steps


def check(**changes):
    settings = {
        "model": "maf",
        "options": {},
        "num_adapt": 100,
        "defensive_weight": 0.1,
        "train_every": None,
        "bounds": None,
        "train": None,
    }
    return check_settings(**{**settings, **changes})


@pytest.mark.parametrize(
    ("num_adapt", "first", "steps"),
    [
        (1000, 125, (125, 250, 500, 1000)),
        (1000, 60, (60, 120, 240, 480, 1000)),
        (100, 60, (100,)),
        (100, 400, (100,)),
        (1, 1, (1,)),
        (2, 1, (1, 2)),
    ],
)
def test_fits_at_growing_intervals(num_adapt, first, steps):
    assert fit_steps(num_adapt, first=first) == steps


def test_default_first_fit():
    assert check(num_adapt=1000).fit_steps[0] == 125
    assert check(num_adapt=3).fit_steps == (1, 3)
    assert check(num_adapt=100, train_every=20).fit_steps == (20, 40, 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_adapt": 0}, "num_adapt"),
        ({"num_adapt": 2.5}, "num_adapt"),
        ({"train_every": 0}, "train_every"),
        ({"defensive_weight": 0.0}, "defensive_weight"),
        ({"model": "unheard_of"}, "known are: .*maf"),
        ({"options": {"layers": 3}}, "num_layers.*got layers"),
        ({"bounds": [0.0, 1.0]}, "bounds"),
    ],
)
def test_bad_settings_are_refused_before_the_run(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        check(**changes)


def test_model_is_built_by_name_or_copied():
    made = check(options={"num_layers": 2, "hidden_units": [4]}).make_model(3, seed=0)
    assert made.description["options"]["num_layers"] == 2
    copied = check(model=made).make_model(3, seed=1)
    assert copied is not made
    assert copied.description == made.description
    with pytest.raises(ConfigurationError, match="built already"):
        check(model=made, options={"num_layers": 3})


def test_settings_hold_no_tensors():
    """So that they can be pickled."""
    settings = check(model=models.make("gaussian", event_size=2))
    assert isinstance(settings.model, SavedModel)
