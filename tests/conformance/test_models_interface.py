"""How every registered flow family is built, shown and called."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc.core.errors import ConfigurationError
from flowmc.core.types import TransportModel
from flowmc.models import saving
from tests.conformance.families import (
    FAMILIES,
    build,
    can_have,
    normal,
    options_of,
    points,
    trained,
)


def test_a_family_has_weights():
    assert any(build(family, 2).trainable_variables for family in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_dimension_works_or_the_error_names_a_family_that_does(family):
    if can_have(family, 1):
        assert build(family, 1).event_size == 1
        return
    with pytest.raises(ConfigurationError) as raised:
        build(family, 1)
    named = [name for name in FAMILIES if f"`{name}`" in str(raised.value)]
    assert any(can_have(name, 1) for name in named)


@pytest.mark.parametrize("family", FAMILIES)
def test_repr_tells_family_size_and_options(family):
    model = build(family, 3)
    assert repr(model).startswith(f"{family}(event_size=3, base='normal'")
    weights = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert repr(model).endswith(f"[{weights} weights]")


@pytest.mark.parametrize("family", FAMILIES)
def test_batch_shapes(family):
    model = trained(build(family, 3))
    x = points(model, 24)
    log_prob = model.log_prob(x)
    assert log_prob.dtype == tf.float64
    np.testing.assert_allclose(
        model.log_prob(x.reshape(2, 3, 4, 3)), tf.reshape(log_prob, [2, 3, 4])
    )
    np.testing.assert_allclose(model.log_prob(x[0].tolist()), log_prob[0])
    z, log_det = model.inverse_and_log_det(x[:0])
    assert z.shape == (0, 3)
    assert log_det.shape == (0,)


@pytest.mark.parametrize("family", FAMILIES)
def test_is_a_transport_model(family):
    assert isinstance(build(family, 2), TransportModel)


@pytest.mark.parametrize("family", [f for f in FAMILIES if options_of(f, base="")])
def test_untrained_on_a_t_base_is_that_t(family):
    model = build(family, 3, base="student_t")
    x = 3.0 * normal(20, 3)
    expected = stats.multivariate_t(np.zeros(3), np.eye(3), df=4).logpdf(x)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_same_weights(family):
    first, same, other = (build(family, 3, seed=seed) for seed in (1, 1, 2))
    arrays = saving.get_arrays(first)
    for path, array in saving.get_arrays(same).items():
        np.testing.assert_array_equal(array, arrays[path])
    # A family all of whose weights begin at zero has nothing to draw.
    if any(np.any(variable.numpy()) for variable in first.trainable_variables):
        others = saving.get_arrays(other)
        assert any(np.any(others[path] != arrays[path]) for path in arrays)
