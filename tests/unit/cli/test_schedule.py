"""The schedule's table becomes the sampler's own record."""

import pytest

from flowmc.cli.schedule import build_schedule
from flowmc.core.errors import ConfigurationError
from flowmc.sampling.settings import Schedule


def test_empty_table_is_the_default():
    assert build_schedule({}) == Schedule()


def test_nested_tables_lists_and_integers_for_floats():
    schedule = build_schedule(
        {"windows": [4, 8], "train": {"learning_rate": 1, "patience": 7}}
    )
    assert schedule.windows == (4, 8)
    assert schedule.train.patience == 7
    assert isinstance(schedule.train.learning_rate, float)
    assert schedule.anneal == Schedule().anneal


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"train": 3}, "`sample.schedule.train` must be a table; got 3"),
        ({"windows": 3}, "`sample.schedule.windows` must be a list; got 3"),
        ({"windows": [1.5]}, "`sample.schedule.windows` must be an integer; got 1.5"),
        ({"num_local": True}, "`sample.schedule.num_local` must be an integer"),
        ({"defensive_weight": "x"}, "`sample.schedule.defensive_weight` must be a num"),
        ({"anneal": {"x": 1}}, "`sample.schedule.anneal.x` is not a known key"),
    ],
)
def test_mistakes_are_named(table, told):
    with pytest.raises(ConfigurationError) as caught:
        build_schedule(table)
    assert told in str(caught.value)
