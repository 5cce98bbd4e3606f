"""Splits mean what they say; padding and weights keep the average they had."""

import numpy as np
import pytest

from flowmc.core.errors import TrainingError
from flowmc.core.seeds import root_seed
from flowmc.training.data import next_power_of_two, prepare_data


def prepared(n=100, *, weights=None, draws=None, **options):
    x = np.arange(2.0 * n).reshape(n, 2) if draws is None else draws
    settings = {"validation_fraction": 0.1, "seed": root_seed(0), **options}
    return x, prepare_data(x, weights=weights, event_size=2, **settings)


def rows(part):
    return part.x.numpy()[: int(part.count)]


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3, 0.8])
def test_validation_fraction_is_the_share_held_out(fraction):
    x, data = prepared(200, validation_fraction=fraction)
    assert int(data.validation.count) == round(200 * fraction)
    assert int(data.train.count) == 200 - round(200 * fraction)
    both = np.concatenate([rows(data.train), rows(data.validation)])
    np.testing.assert_array_equal(both[np.argsort(both[:, 0])], x)


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_neither_part_is_ever_empty(n, fraction):
    _, data = prepared(n, validation_fraction=fraction)
    assert int(data.train.count) >= 1
    assert int(data.validation.count) >= 1
    assert int(data.train.count) + int(data.validation.count) == n


def test_the_split_is_shuffled_by_the_seed():
    held = [rows(prepared(seed=root_seed(s))[1].validation) for s in (0, 0, 1)]
    np.testing.assert_array_equal(held[0], held[1])
    assert not np.array_equal(held[0], held[2])
    assert not np.array_equal(np.sort(held[0][:, 0]), np.arange(0.0, 20.0, 2.0))


@pytest.mark.parametrize("capacity", [None, 64, 256])
def test_padding_repeats_a_draw_without_weight(capacity):
    _, data = prepared(100, capacity=capacity)
    train = data.train
    assert train.x.shape[0] == train.weight.shape[0] == max(128, capacity or 0)
    assert np.all(train.weight.numpy()[90:] == 0.0)
    assert np.all(train.weight.numpy()[:90] == 1.0)
    np.testing.assert_array_equal(
        train.x[90:], np.tile(train.x[:1], (len(train.x) - 90, 1))
    )


@pytest.mark.parametrize("capacity", [256, 1000, 8192])
def test_shapes_do_not_depend_on_the_number_of_draws_within_capacity(capacity):
    shapes = set()
    for n in (capacity, capacity // 2, 50):
        _, data = prepared(n, capacity=capacity)
        shapes.add((tuple(data.train.x.shape), tuple(data.validation.x.shape)))
    assert len(shapes) == 1


def test_weights_average_to_one_and_follow_their_draws():
    weights = np.linspace(0.0, 5.0, 100)
    x, data = prepared(100, weights=weights)
    for part in (data.train, data.validation):
        count = int(part.count)
        index = (part.x.numpy()[:count, 0] / 2.0).astype(int)
        np.testing.assert_allclose(
            part.weight[:count], (weights / weights.mean())[index]
        )


def test_arguments_are_not_written_to():
    x, weights = np.random.default_rng(0).normal(size=(50, 2)), np.full(50, 3.0)
    before = x.copy()
    prepared(draws=x, weights=weights)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(weights, 3.0)


@pytest.mark.parametrize(
    ("draws", "weights", "text"),
    [
        (np.zeros(4), None, r"shape \[n, 2\]; got \[4\]"),
        (np.zeros((4, 3)), None, r"shape \[n, 2\]; got \[4, 3\]"),
        (np.zeros((1, 2)), None, "at least 2 rows; got 1"),
        (np.zeros((0, 2)), None, "at least 2 rows; got 0"),
        ([[0.0, 1.0], [np.nan, 2.0]], None, "row 1 is .*1 of 2 rows.*Drop them"),
        ([[0.0, np.inf], [np.nan, 2.0]], None, "row 0 is .*2 of 2 rows"),
        (np.ones((2, 2)), [1.0], "2 finite non-negative numbers"),
        (np.ones((2, 2)), [1.0, -1.0], "2 finite non-negative numbers"),
        (np.ones((2, 2)), [1.0, np.nan], "2 finite non-negative numbers"),
        (np.ones((2, 2)), [0.0, 0.0], "positive sum"),
    ],
)
def test_bad_draws(draws, weights, text):
    with pytest.raises(TrainingError, match=text):
        prepared(draws=draws, weights=weights)


@pytest.mark.parametrize(
    ("n", "power"), [(0, 1), (1, 1), (2, 2), (3, 4), (64, 64), (65, 128)]
)
def test_next_power_of_two(n, power):
    assert next_power_of_two(n) == power
