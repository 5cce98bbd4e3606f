"""Plain values as strict JSON and back."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.core.records import Cost
from flowmc.results.document import pack, unpack


def round_trip(value):
    arrays = {}
    text = json.dumps(pack(value, arrays=arrays), allow_nan=False)
    return unpack(json.loads(text), arrays=arrays)


def test_plain_values_come_back():
    value = {"a": [1, 2.5, None, True, "ü\x00\ud800"], "b": {"c": {}}, "d": 0.1 + 0.2}
    assert round_trip(value) == value


def test_non_finite_floats_are_strict_json():
    found = round_trip([math.inf, -math.inf, math.nan])
    assert found[:2] == [math.inf, -math.inf]
    assert math.isnan(found[2])


def test_numpy_scalars_paths_and_tuples_become_plain():
    value = {"n": np.int64(3), "x": np.float32(0.5), "b": np.True_, "p": Path("a/b")}
    assert round_trip({**value, "t": (1, (2,))}) == {
        "n": 3,
        "x": 0.5,
        "b": True,
        "p": "a/b",
        "t": [1, [2]],
    }
    assert type(pack(np.True_)) is bool


def test_arrays_are_put_aside_without_clashes():
    first, second = np.arange(3), np.eye(2)
    found = round_trip({"a/b": first, "a": {"b": second}, "a%2Fb": first + 1})
    assert np.array_equal(found["a/b"], first)
    assert np.array_equal(found["a"]["b"], second)
    assert np.array_equal(found["a%2Fb"], first + 1)


def test_without_a_table_arrays_become_lists():
    assert pack({"a": np.array([[1.0, np.nan]])}) == {"a": [[1.0, {"$float": "nan"}]]}


def test_records_become_mappings():
    assert round_trip(Cost(3, 0, {"total": 1.5})) == {
        "log_prob_calls": 3,
        "gradient_calls": 0,
        "seconds": {"total": 1.5},
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"config": {"fn": print}}, "value/config/fn"),
        ([1, {2, 3}], "value/1"),
        ({3: "x"}, "key 3"),
        ({"$array": "x"}, r"\$array"),
        ({"z": 1j}, "complex"),
    ],
)
def test_what_has_no_json_form_is_named(value, told):
    with pytest.raises(ConfigurationError, match=told):
        pack(value)
