"""What every registered flow family promises, tested without naming a family."""

import json

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import TransportModel
from flowmc.models import saving, views
from tests.conformance.compilations import count_compilations
from tests.conformance.families import (
    FAMILIES,
    build,
    can_have,
    cases,
    options_of,
    trained,
)

CASES = cases(1, 2, 5)
# float32 networks see rounded inputs: the map is as exact as they are.
TOLERANCE = {"float64": 1e-10, "float32": 2e-4}


@pytest.fixture(params=["untrained", "trained"])
def train(request):
    return trained if request.param == "trained" else lambda model: model


@pytest.fixture
def case(family, size, dtype):
    """A model, and how exactly its map must close."""
    return build(family, size, dtype=dtype), TOLERANCE[dtype]


every_case = pytest.mark.parametrize(("family", "size", "dtype"), CASES)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def points(model, n, *, seed=0):
    """Draws of the model's affine part: where its mass is."""
    x, _ = model.forward_and_log_det(normal(n, model.event_size, seed=seed))
    return x.numpy()


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


@every_case
def test_round_trip(case, train):
    model, tolerance = case[0], case[1]
    train(model)
    z = normal(64, model.event_size)
    x, forward_log_det = model.forward_and_log_det(z)
    back, inverse_log_det = model.inverse_and_log_det(x)
    np.testing.assert_allclose(back, z, atol=tolerance)
    np.testing.assert_allclose(forward_log_det, -inverse_log_det, atol=tolerance)
    again, _ = model.forward_and_log_det(model.inverse_and_log_det(x)[0])
    np.testing.assert_allclose(again, x, atol=10.0 * tolerance)


@every_case
def test_log_det_is_that_of_the_autodiff_jacobian(case, train):
    model, tolerance = case[0], case[1]
    train(model)
    z = tf.constant(normal(12, model.event_size))
    for mapping in (model.forward_and_log_det, model.inverse_and_log_det):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(z)
            image, log_det = mapping(z)
        jacobian = tape.batch_jacobian(image, z, experimental_use_pfor=False)
        _, expected = np.linalg.slogdet(jacobian.numpy())
        np.testing.assert_allclose(log_det, expected, atol=tolerance)


@every_case
def test_log_prob_is_the_change_of_variables(case, train):
    model, tolerance = case[0], case[1]
    train(model)
    x = points(model, 20)
    z, log_det = model.inverse_and_log_det(x)
    base = stats.norm.logpdf(z.numpy()).sum(axis=-1)
    np.testing.assert_allclose(model.log_prob(x), base + log_det, rtol=1e-12)
    draws, log_prob = model.sample_and_log_prob(50, seed=(1, 2))
    np.testing.assert_allclose(model.log_prob(draws), log_prob, atol=10.0 * tolerance)


@pytest.mark.parametrize("base", ["normal", "student_t"])
@every_case
def test_density_integrates_to_one(family, size, dtype, base):
    # Mild weights: the wide density must cover the model, or the test has no power.
    model = trained(build(family, size, dtype=dtype, base=base), strength=0.1)
    draws = model.sample(4000, seed=(3, 4)).numpy()
    # Wider than the model in scale and, with 2 degrees of freedom, in its tails.
    wide = stats.multivariate_t(
        np.median(draws, axis=0), 1.5 * robust_covariance(draws), df=2, seed=5
    )
    x = wide.rvs(20_000).reshape(-1, size)
    weight = np.exp(model.log_prob(x).numpy() - wide.logpdf(x))
    error = weight.std() / np.sqrt(len(weight))
    assert error < 0.05
    assert abs(weight.mean() - 1.0) < 4.0 * error


def robust_covariance(draws):
    inner = draws[np.abs(draws - np.median(draws, axis=0)).max(axis=1).argsort()]
    return np.atleast_2d(np.cov(inner[: int(0.95 * len(inner))].T))


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_follow_the_density(family):
    model = trained(build(family, 3), strength=0.05)
    x, log_prob = model.sample_and_log_prob(20_000, seed=(5, 6))
    assert_draws_follow(x.numpy(), log_prob.numpy())


def assert_draws_follow(x, log_prob):
    """E_q[g / q] = 1 for densities g narrower than q, put at several draws."""
    order = np.argsort(log_prob)
    for quantile in (0.5, 0.7, 0.9):
        center = x[order[int(quantile * len(x))]]
        narrow = stats.multivariate_normal(center, 0.1 * np.cov(x.T))
        ratio = np.exp(narrow.logpdf(x) - log_prob)
        error = ratio.std() / np.sqrt(len(ratio))
        assert error < 0.05
        assert abs(ratio.mean() - 1.0) < 4.0 * error


@pytest.mark.parametrize(("family", "size", "dtype"), cases(2, 5))
def test_gradients_reach_every_weight_that_matters(family, size, dtype):
    model = trained(build(family, size, dtype=dtype))
    x, factor = points(model, 100), normal(100)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(factor * model.log_prob(x))
    before = model.log_prob(x).numpy()
    gradients = tape.gradient(value, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        has_none = gradient.numpy() == 0.0
        assert not has_none.all(), variable.name
        variable.assign(np.where(has_none, 7.0, variable.numpy()))
    # Entries without a gradient are masked: they may be anything.
    np.testing.assert_array_equal(model.log_prob(x), before)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_flow_through_draws(family):
    model = trained(build(family, 3))
    with tf.GradientTape() as tape:
        x, log_prob = model.sample_and_log_prob(20, seed=(1, 2))
        value = tf.reduce_sum(log_prob) + tf.reduce_sum(tf.square(x))
    gradients = tape.gradient(value, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient.numpy()).all()


@every_case
def test_same_seed_same_draw(case):
    model = trained(case[0])
    draws = model.sample(10, seed=(1, 2))
    tf.random.set_seed(3)
    np.testing.assert_array_equal(model.sample(10, seed=np.array([1, 2])), draws)
    assert np.all(model.sample(10, seed=(1, 3)) != draws)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_same_weights(family):
    first, same, other = (build(family, 3, seed=seed) for seed in (1, 1, 2))
    arrays = saving.get_arrays(first)
    for path, array in saving.get_arrays(same).items():
        np.testing.assert_array_equal(array, arrays[path])
    if first.trainable_variables:
        others = saving.get_arrays(other)
        assert any(np.any(others[path] != arrays[path]) for path in arrays)


@pytest.mark.parametrize("base", ["normal", "student_t"])
@every_case
def test_save_and_load(family, size, dtype, base, tmp_path):
    model = trained(build(family, size, dtype=dtype, base=base))
    models.save_model(model, tmp_path / "model.h5")
    loaded = models.load_model(tmp_path / "model.h5")
    x = points(model, 10)
    assert loaded.description == model.description
    np.testing.assert_array_equal(loaded.log_prob(x), model.log_prob(x))
    np.testing.assert_array_equal(
        loaded.sample(5, seed=(1, 2)), model.sample(5, seed=(1, 2))
    )


@every_case
def test_a_thousand_sd_is_finite(case, train):
    model = case[0]
    train(model)
    z = 1000.0 * np.sign(normal(50, model.event_size))
    x, log_det = model.forward_and_log_det(z)
    assert np.isfinite(x).all()
    assert np.isfinite(log_det).all()
    location, scale = model.forward_and_log_det(0.0 * z)[0].numpy(), z / 1000.0
    far = tf.constant(location + 1000.0 * np.abs(points(model, 50)).max(axis=0) * scale)
    with tf.GradientTape() as tape:
        tape.watch(far)
        log_prob = model.log_prob(far)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, far)).all()


@every_case
def test_untrained_is_the_standard_normal(case):
    model, _ = case
    x = 3.0 * normal(20, model.event_size)
    expected = stats.norm.logpdf(x).sum(axis=-1)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-12)
    np.testing.assert_allclose(model.forward_and_log_det(x)[1], 0.0, atol=1e-12)


@pytest.mark.parametrize("family", [f for f in FAMILIES if options_of(f, base="")])
def test_untrained_on_a_t_base_is_that_t(family):
    model = build(family, 3, base="student_t")
    x = 3.0 * normal(20, 3)
    expected = stats.multivariate_t(np.zeros(3), np.eye(3), df=4).logpdf(x)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-12)


@every_case
def test_description_is_json_and_rebuilds_the_model(case):
    model, _ = case
    description = json.loads(json.dumps(model.description))
    assert description == model.description
    again = models.make(
        description["family"],
        event_size=description["event_size"],
        **description["options"],
    )
    assert again.description == description
    assert repr(again) == repr(model)


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


# In eager mode, in a graph and under XLA: one program a family, compiled once.


class Program:
    """Everything a sampler does with a model, in one function."""

    def __init__(self, family):
        self.model = trained(build(family, 3), strength=0.1)

    def __call__(self, x, seed):
        model = self.model
        z, inverse_log_det = model.inverse_and_log_det(x)
        back, forward_log_det = model.forward_and_log_det(z)
        draws, draw_log_prob = model.sample_and_log_prob(2000, seed=seed)
        maps = (z, inverse_log_det, back, forward_log_det, model.log_prob(x))
        return maps, (draws, draw_log_prob)


@pytest.fixture(scope="module", params=FAMILIES)
def all_programs(request):
    eager = Program(request.param)
    compiled = tf.function(eager, jit_compile=True, autograph=False)
    return eager, tf.function(eager, autograph=False), compiled


@pytest.fixture
def programs(all_programs):
    """The programs; the weights are put back after each test."""
    arrays = saving.get_arrays(all_programs[0].model)
    yield all_programs
    saving.set_arrays(all_programs[0].model, arrays)


def test_eager_graph_and_xla_agree(programs):
    eager, graph, compiled = programs
    x, seed = tf.constant(points(eager.model, 40)), tf.constant([1, 2])
    maps = [program(x, seed)[0] for program in (eager, graph, compiled)]
    for values in zip(*maps, strict=True):
        np.testing.assert_allclose(values[1], values[0], atol=1e-10, rtol=1e-10)
        np.testing.assert_allclose(values[2], values[0], atol=1e-10, rtol=1e-10)


def test_xla_draws_follow_the_density(programs):
    eager, _, compiled = programs
    x = tf.constant(points(eager.model, 40))
    parts = [compiled(x, tf.constant([7, i]))[1] for i in range(10)]
    draws, log_prob = (np.concatenate(part) for part in zip(*parts, strict=True))
    np.testing.assert_allclose(eager.model.log_prob(draws), log_prob, atol=1e-9)
    assert_draws_follow(draws, log_prob)


def test_one_trace_and_one_compilation(programs):
    eager, _, compiled = programs

    def call_again():
        for index in range(3):
            x = tf.constant(points(eager.model, 40, seed=index))
            compiled(x, tf.constant([index, 5]))
            trained(eager.model, seed=index, strength=0.01)

    call_again()
    assert compiled.experimental_get_tracing_count() == 1
    assert count_compilations(call_again)[1] == 0


def test_compiled_programs_see_new_weights(programs):
    eager, _, compiled = programs
    x, seed = tf.constant(points(eager.model, 40)), tf.constant([1, 2])
    before = compiled(x, seed)[0][-1]
    trained(eager.model, seed=9)
    after = compiled(x, seed)[0][-1]
    assert np.all(after != before)
    np.testing.assert_allclose(after, eager.model.log_prob(x), rtol=1e-10)


def test_control_slicing_at_a_tensor_compiles_anew():
    sliced = tf.function(lambda x, i: x[i], jit_compile=True)
    gathered = tf.function(tf.gather, jit_compile=True)
    x = tf.range(5.0)

    def counted(function):
        calls = [lambda i=i: function(x, tf.constant(i)) for i in range(3)]
        return [count_compilations(call)[1] for call in calls]

    assert counted(sliced) == [1, 1, 1]
    assert counted(gathered) == [1, 0, 0]
    assert sliced.experimental_get_tracing_count() == 1


# TFP caches a bijector's results by tensor identity, blind to weights that change.


def assert_views_are_fresh(family):
    model = build(family, 2)
    distribution, bijector = model.distribution, model.bijector
    x = distribution.sample(5, seed=(1, 2))
    stale = [distribution.log_prob(x), bijector.inverse(x), bijector.forward(x)]
    trained(model)
    same = tf.constant(x.numpy())  # another tensor object
    fresh = [
        model.log_prob(same),
        model.inverse_and_log_det(same)[0],
        model.forward_and_log_det(same)[0],
    ]
    for before, after in zip(stale, fresh, strict=True):
        assert np.all(before != after)
    for view, map_view in (
        (distribution, bijector),
        (model.distribution, model.bijector),
    ):
        now = [view.log_prob(x), map_view.inverse(x), map_view.forward(x)]
        for value, expected in zip(now, fresh, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_tfp_views_see_new_weights(family):
    assert_views_are_fresh(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_control_without_fresh_tensors_the_views_are_stale(family, monkeypatch):
    monkeypatch.setattr(views, "_fresh", lambda points: points)
    with pytest.raises(AssertionError):
        assert_views_are_fresh(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_tfp_views_agree_with_the_model(family):
    model = trained(build(family, 2))
    distribution, bijector = model.distribution, model.bijector
    x = points(model, 7)
    z, log_det = model.inverse_and_log_det(x)
    np.testing.assert_allclose(distribution.log_prob(x), model.log_prob(x))
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(x), log_det)
    np.testing.assert_allclose(
        bijector.forward_log_det_jacobian(z), -log_det, atol=1e-12
    )
    assert distribution.event_shape == [2]
    assert distribution.sample([3, 4], seed=(1, 2)).shape == (3, 4, 2)
