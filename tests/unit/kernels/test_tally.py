"""The tally: bad values made harmless, counted, the first one kept."""

import numpy as np
import tensorflow as tf

from flowmc.core.types import Evaluation, Request
from flowmc.kernels.tally import (
    NOT_FINITE,
    NOT_INVERTIBLE,
    SOUND,
    add,
    counted,
    empty,
    replace_bad,
    screen,
)


def rows(*numbers):
    return tf.constant([[float(number), -float(number)] for number in numbers])


def screened(batches):
    """Screen batches of `(x, values)` one after the other; return the total."""
    total, cleaned = empty(2), []
    for x, values in batches:
        request = Request(tf.cast(x, tf.float64), False, None)
        answer = Evaluation(tf.constant(values, tf.float64))
        answer, tally = screen(request, answer)
        total = add(total, tally)
        cleaned.append(answer.log_prob.numpy())
    return total, cleaned


def test_good_values_pass_and_are_counted_as_calls():
    tally, (values,) = screened([(rows(1, 2, 3), [0.0, -np.inf, 5.0])])
    np.testing.assert_array_equal(values, [0.0, -np.inf, 5.0])
    assert {k: n for k, n in tally.as_dict().items() if n} == {"log_prob_calls": 3}
    assert tally.value == 0.0


def test_bad_values_become_zero_density_and_the_first_is_kept():
    tally, values = screened(
        [
            (rows(1, 2, 3), [0.0, 1.0, 2.0]),
            (rows(4, 5, 6), [0.0, np.nan, np.inf]),
            (rows(7, 8, 9), [1e300, np.nan, 0.0]),
        ]
    )
    np.testing.assert_array_equal(values[1], [0.0, -np.inf, -np.inf])
    np.testing.assert_array_equal(values[2], [-np.inf, -np.inf, 0.0])
    counts = tally.as_dict()
    assert counts["nan_log_prob"] == counts["infinite_log_prob"] == 2
    assert counts["log_prob_calls"] == 9
    np.testing.assert_array_equal(tally.x, [5.0, -5.0])
    assert np.isnan(tally.value)


def test_the_first_bad_value_is_kept_with_its_value():
    tally, _ = screened([(rows(1, 2), [0.0, np.inf]), (rows(3, 4), [np.nan] * 2)])
    np.testing.assert_array_equal(tally.x, [2.0, -2.0])
    assert tally.value == np.inf


def test_points_the_model_got_wrong_have_zero_density_and_are_no_bad_values():
    request = Request(
        tf.cast(rows(1, 2, 3), tf.float64),
        False,
        None,
        defect=tf.constant([SOUND, NOT_FINITE, NOT_INVERTIBLE]),
    )
    answer, tally = screen(request, Evaluation(tf.constant([1.0, np.nan, 2.0])))
    np.testing.assert_array_equal(answer.log_prob, [1.0, -np.inf, -np.inf])
    counts = tally.as_dict()
    assert counts["bad_proposals"] == counts["not_invertible"] == 1
    assert counts["nan_log_prob"] == 0


def test_gradients_that_are_not_finite_become_zero_and_are_counted():
    points = tf.cast(rows(1, 2, 3), tf.float64)
    log_prob = tf.constant([1.0, 2.0, -np.inf], tf.float64)
    gradient = tf.constant([[1.0, 1.0], [np.nan, 1.0], [np.inf, 0.0]], tf.float64)
    answer, tally = screen(
        Request(points, True, None), Evaluation(log_prob, gradient, ())
    )
    np.testing.assert_array_equal(answer.gradient, [[1, 1], [0, 0], [0, 0]])
    counts = tally.as_dict()
    # Where the density is zero nobody expects a gradient.
    assert counts["nan_gradient"] == 1
    assert counts["gradient_calls"] == 3
    assert counts["log_prob_calls"] == 0


def test_replace_bad_puts_safe_points_where_point_or_density_is_not_finite():
    points = tf.constant([[1.0, 2.0], [np.inf, 0.0], [3.0, 4.0]], tf.float64)
    log_q = tf.constant([0.5, 0.5, np.nan], tf.float64)
    points, log_q, defect = replace_bad(
        points, log_q, safe=tf.zeros([3, 2], tf.float64)
    )
    np.testing.assert_array_equal(points, [[1, 2], [0, 0], [0, 0]])
    np.testing.assert_array_equal(log_q, [0.5, 0.0, 0.0])
    np.testing.assert_array_equal(defect, [SOUND, NOT_FINITE, NOT_FINITE])


def test_counted_takes_names():
    assert counted(1, divergences=3).as_dict()["divergences"] == 3
