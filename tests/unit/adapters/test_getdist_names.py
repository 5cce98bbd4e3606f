"""Rows, names and ranges as chain files hold them; GetDist itself is not needed."""

import numpy as np
import pytest

from flowmc.adapters.chain_rows import chain_rows, is_independent
from flowmc.adapters.getdist_names import (
    columns_of,
    paramnames_text,
    properties_text,
    ranges_text,
)
from tests.unit.results.builders import draws, make_posterior


def renamed(*names, **fields):
    """A posterior of three parameters with these names, and no derived quantity."""
    return make_posterior(names=names, labels=names, derived={}, **fields)


@pytest.mark.parametrize(
    ("names", "safe"),
    [
        (("a", "b_c", "d"), ["a", "b_c", "d"]),
        (("a b", "c*", "d?e#"), ["a_b", "c_", "d_e_"]),
        (("a b", "a_b", "a*b"), ["a_b_2", "a_b", "a_b_3"]),
    ],
)
def test_names_are_safe_and_distinct(names, safe):
    assert [column.name for column in columns_of(renamed(*names))] == safe


def test_names_as_labels_are_set_upright():
    labels = [column.label for column in columns_of(renamed("a_b_c", "mass", "x#1!"))]
    assert labels == [r"\mathrm{a\_b\_c}", "mass", r"\mathrm{x\#1!}"]
    # In a file, "#" begins a comment and "!" stands for a backslash.
    assert paramnames_text(columns_of(renamed("p", "q", "x!"))).endswith("x! x \n")


def test_ranges_tell_bounds_and_circles():
    config = {
        "bounds": [[-np.inf, np.inf], [0.0, np.inf], [0.0, 6.25]],
        "periodic": ["c"],
    }
    text = ranges_text(columns_of(renamed("a", "b", "c", config=config)))
    assert text == "b 0.0 N\nc 0.0 6.25 periodic\n"
    assert ranges_text(columns_of(renamed("a", "b", "c", config={}))) == ""


def test_copies_of_resampled_draws_are_joined():
    theta = draws(num_draws=5, num_chains=1)[[0, 1, 0, 2, 1, 0]]
    (rows,) = chain_rows(make_posterior(theta, config={"sampler": "smc"}))
    assert rows.weight.tolist() == [3.0, 2.0, 1.0]
    np.testing.assert_array_equal(rows.values[:, :3], theta[[0, 1, 3], 0])
    np.testing.assert_array_equal(rows.values[:, 3], np.tanh(theta[[0, 1, 3], 0, 0]))


def test_a_chain_keeps_its_order():
    theta = draws(num_draws=4, num_chains=2)[[0, 0, 1, 0, 2]]
    found = make_posterior(theta)
    assert not is_independent(found)
    rows = chain_rows(found)[1]
    assert rows.weight.tolist() == [2.0, 1.0, 1.0, 1.0]
    np.testing.assert_array_equal(rows.values[:, :3], theta[[0, 2, 3, 4], 1])
    np.testing.assert_array_equal(rows.log_prob, found.log_prob[[0, 2, 3, 4], 1])


def test_properties_tell_the_kind_of_draws():
    assert "sampler = mcmc" in properties_text(make_posterior())
    smc = make_posterior(config={"sampler": "smc"})
    assert "sampler = uncorrelated" in properties_text(smc)
