"""Argument checks: what passes, what is refused, and the sentence said."""

import numpy as np
import pytest

from flowmc.core import checks
from flowmc.core.errors import ConfigurationError


@pytest.mark.parametrize("value", [1, 64, np.int32(3)])
def test_event_size_passes(value):
    size = checks.check_event_size(value)
    assert type(size) is int
    assert size == value


@pytest.mark.parametrize("value", [0, -2])
def test_event_size_below_one(value):
    with pytest.raises(
        ConfigurationError, match=rf"`event_size` must be at least 1; got {value}\."
    ):
        checks.check_event_size(value)


@pytest.mark.parametrize("value", [True, 2.0, "2", None, np.array([2])])
def test_not_an_integer(value):
    with pytest.raises(ConfigurationError, match="`num_chains` must be an integer"):
        checks.check_positive_integer(value, name="num_chains")


def test_minimum_is_ours_to_set():
    assert checks.check_positive_integer(0, name="n", minimum=0) == 0
    with pytest.raises(ConfigurationError, match="at least 2; got 1"):
        checks.check_positive_integer(1, name="n", minimum=2)


@pytest.mark.parametrize("value", [0.1, np.float32(0.5), 1 - 1e-12])
def test_fraction_passes(value):
    assert checks.check_fraction(value, name="f") == value


@pytest.mark.parametrize(
    "value", [0.0, 1.0, 1, -0.1, True, float("nan"), float("inf"), "0.5", None]
)
def test_fraction_refused(value):
    with pytest.raises(ConfigurationError, match="`f` must lie strictly between 0"):
        checks.check_fraction(value, name="f")


def test_choice():
    assert checks.check_choice("raise", name="on_nan", choices=["raise"]) == "raise"
    with pytest.raises(
        ConfigurationError, match="`on_nan` must be one of raise, reject; got 'drop'"
    ):
        checks.check_choice("drop", name="on_nan", choices=("raise", "reject"))


def test_choice_accepts_an_iterator():
    with pytest.raises(ConfigurationError, match="one of a, b; got 'c'"):
        checks.check_choice("c", name="x", choices=iter("ab"))


def test_matrix_is_float64():
    matrix = checks.check_matrix([[1, 2], [3, 4]], name="draws", event_size=2)
    assert matrix.dtype == np.float64
    assert matrix.shape == (2, 2)


@pytest.mark.parametrize(
    ("value", "want", "got"),
    [
        (np.zeros(3), r"\[n, D\]", r"\[3\]"),
        (np.zeros((2, 3, 4)), r"\[n, D\]", r"\[2, 3, 4\]"),
        (1.0, r"\[n, D\]", r"\[\]"),
    ],
)
def test_matrix_of_wrong_rank(value, want, got):
    with pytest.raises(ConfigurationError, match=f"shape {want}; got {got}"):
        checks.check_matrix(value, name="draws")


def test_matrix_of_wrong_width():
    with pytest.raises(ConfigurationError, match=r"shape \[n, 2\]; got \[5, 3\]"):
        checks.check_matrix(np.zeros((5, 3)), name="draws", event_size=2)


def test_finite_passes_the_array_through():
    value = np.arange(3.0)
    assert checks.check_finite(value, name="x") is value
    assert checks.check_finite(np.empty((0, 2)), name="x").size == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finite_says_where_and_how_many(bad):
    value = np.zeros((3, 2))
    value[1, 0] = value[2, 1] = bad
    with pytest.raises(ConfigurationError) as error:
        checks.check_finite(value, name="draws")
    assert str(error.value) == (
        f"`draws` must be finite; entry (1, 0) is {bad}, and 2 of 6 entries are not "
        "finite."
    )
