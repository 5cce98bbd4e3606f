"""Tail accuracy, in and out of XLA."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from flowmc.transforms.normal_cdf import lower_quantile, normal_cdf


@pytest.mark.parametrize("jit_compile", [False, True])
def test_cdf_and_quantile(jit_compile):
    x = np.linspace(-37.0, 0.0, 1481)
    exact = special.ndtr(x)
    cdf = tf.function(normal_cdf, jit_compile=jit_compile)(tf.constant(x)).numpy()
    np.testing.assert_allclose(cdf, exact, rtol=1e-12)
    quantile = tf.function(lower_quantile, jit_compile=jit_compile)
    np.testing.assert_allclose(quantile(tf.constant(exact)), x, atol=1e-13)


def test_quantile_of_zero_is_finite():
    assert np.isfinite(lower_quantile(tf.constant([0.0], tf.float64))).all()
