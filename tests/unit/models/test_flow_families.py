"""What the conformance suite cannot see: structure, circles, capacity, known maps."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.models.saving import from_saved, to_saved

AFFINE = ["maf", "iaf", "realnvp"]
SPLINES = ["spline_coupling", "spline_autoregressive"]
SMALL = {"num_layers": 2, "hidden_units": [8]}
MIXED = {1: (0.0, 360.0), 3: (-1.0, 1.0)}


def perturbed(family, event_size, *, strength=0.3, **options):
    model = models.make(family, event_size=event_size, **{**SMALL, **options})
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    return model


def jacobian_of(function, point):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(point)
        image = function(point)
    return tape.jacobian(image, point, experimental_use_pfor=False).numpy()


@pytest.mark.parametrize("family", ["maf", "iaf", "spline_autoregressive"])
def test_one_layer_is_triangular(family):
    model = perturbed(family, 5, num_layers=1)
    point = tf.constant(np.random.default_rng(2).normal(size=5))
    for mapping in (model.forward_and_log_det, model.inverse_and_log_det):
        jacobian = jacobian_of(lambda v, f=mapping: f(v)[0], point)
        assert np.all(np.triu(jacobian, 1) == 0.0)
        assert np.all(jacobian[np.tril_indices(5)] != 0.0)
        log_det = np.log(np.diag(jacobian)).sum()
        np.testing.assert_allclose(mapping(point)[1], log_det, atol=1e-10)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("family", ["maf", "spline_autoregressive"])
def test_gradients_through_the_incremental_inverse(family, compiled):
    """d(draws)/d(weights) is -J^-1 d(scores)/d(weights) of the one-pass direction."""
    model = perturbed(family, 3, num_layers=1)
    weights = model.trainable_variables
    x = model.forward_and_log_det(np.random.default_rng(3).normal(size=(1, 3)))[0]
    factor = tf.constant([[1.0, -2.0, 0.5]], tf.float64)

    def gradients(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            y, log_det = model.forward_and_log_det(z)
            value = tf.reduce_sum(factor * y) + 0.7 * tf.reduce_sum(log_det)
        return tape.gradient(value, [z, *weights])

    def expected():
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            z, log_det = model.inverse_and_log_det(x)
            value = -0.7 * tf.reduce_sum(log_det)
        jacobian = tape.jacobian(z, x, experimental_use_pfor=False)[0, :, 0, :]
        # Total derivative: x moves with the weights so that z stays.
        pull = factor + tape.gradient(value, x)
        adjoint = tf.linalg.solve(jacobian, tf.transpose(pull), adjoint=True)
        with tf.GradientTape() as tape:
            z, log_det = model.inverse_and_log_det(x)
            value = -0.7 * tf.reduce_sum(log_det)
            value -= tf.reduce_sum(tf.transpose(adjoint) * z)
        return [tf.transpose(adjoint), *tape.gradient(value, weights)]

    z = model.inverse_and_log_det(x)[0]
    run = tf.function(gradients, jit_compile=True) if compiled else gradients
    for value, wanted in zip(run(z), expected(), strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-9)


@pytest.mark.parametrize("family", AFFINE + SPLINES)
@pytest.mark.parametrize("base", ["normal", "student_t"])
def test_circles_among_ordinary_coordinates(family, base):
    model = perturbed(family, 5, periodic=MIXED, base=base, num_layers=3)
    random = np.random.default_rng(4)
    model.fit_whitening(random.normal(size=(300, 5)) * [1.0, 40.0, 3.0, 0.2, 1.0])
    assert model.base_kind == ("normal", "circle", "normal", "circle", "normal")
    x, log_prob = model.sample_and_log_prob(500, seed=(1, 2))
    for index, (low, high) in MIXED.items():
        assert np.all((x[:, index] >= low) & (x[:, index] < high))
    np.testing.assert_allclose(model.log_prob(x), log_prob, atol=1e-8)
    turned = x + np.array([0.0, 720.0, 0.0, -2.0, 0.0])
    np.testing.assert_allclose(model.log_prob(turned), log_prob, atol=1e-7)
    again = from_saved(to_saved(model))
    assert again.periodic == model.periodic
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))


def test_circles_under_xla():
    model = perturbed("spline_autoregressive", 4, periodic=MIXED, num_layers=1)

    @tf.function(jit_compile=True, autograph=False)
    def compiled(x, seed):
        with tf.GradientTape() as tape:
            log_prob = model.log_prob(x)
            value = tf.reduce_sum(log_prob)
        gradients = tape.gradient(value, model.trainable_variables)
        return log_prob, gradients, model.sample_and_log_prob(50, seed=seed)

    x = model.sample(20, seed=(1, 2))
    log_prob, gradients, (draws, draw_log_prob) = compiled(x, tf.constant([3, 4]))
    np.testing.assert_allclose(log_prob, model.log_prob(x), atol=1e-9)
    np.testing.assert_allclose(draw_log_prob, model.log_prob(draws), atol=1e-8)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("family", SPLINES)
def test_density_on_a_torus_integrates_to_one_without_a_seam(family):
    model = perturbed(family, 2, periodic=[0, 1], num_layers=3)
    edge = np.linspace(-np.pi, np.pi, 400, endpoint=False)
    grid = np.stack(np.meshgrid(edge, edge), axis=-1)
    density = np.exp(model.log_prob(grid))
    np.testing.assert_allclose(density.mean() * (2.0 * np.pi) ** 2, 1.0, atol=2e-3)
    for step in ([1e-9, 0.0], [0.0, 1e-9]):
        seam = np.pi * (np.array(step) > 0.0) + [0.3, 0.4]
        left, right = model.log_prob([seam - step, seam + step])
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_one_circle_alone():
    model = perturbed("spline_autoregressive", 1, periodic={0: (0.0, 10.0)})
    x = np.linspace(0.0, 10.0, 5000, endpoint=False)[:, None]
    density = np.exp(model.log_prob(x))
    np.testing.assert_allclose(density.mean() * 10.0, 1.0, atol=1e-4)
    assert density.std() > 1e-3
    untrained = models.make("spline_autoregressive", event_size=1, periodic=[0])
    np.testing.assert_allclose(untrained.log_prob(x), -np.log(2.0 * np.pi))


@pytest.mark.parametrize("family", ["gaussian", *AFFINE])
def test_affine_families_refuse_what_they_cannot_learn(family):
    with pytest.raises(ConfigurationError, match="Use `spline_autoregressive` or"):
        models.make(family, event_size=2, periodic=[0, 1])


def test_gaussian_refuses_any_circle():
    with pytest.raises(ConfigurationError, match="`periodic` of `gaussian` must be"):
        models.make("gaussian", event_size=2, periodic=[0])


@pytest.mark.parametrize("num_layers", [1, 2])
def test_base_coordinates_are_in_the_order_of_the_data(num_layers):
    model = models.make("maf", event_size=3, num_layers=num_layers, hidden_units=[4])
    x = [[1.0, 2.0, 3.0]]
    np.testing.assert_array_equal(model.inverse_and_log_det(x)[0], x)


@pytest.mark.parametrize("axis_share", [0.0, 0.5])
@pytest.mark.parametrize("periodic", [{1: (0.0, 2.0)}, {0: (0.0, 2.0), 1: (-1.0, 3.0)}])
def test_defensive_mixture_is_uniform_on_circles(periodic, axis_share):
    flow = perturbed("spline_autoregressive", 2, periodic=periodic)
    model = models.defensive(flow, weight=0.6, axis_share=axis_share)
    model.fit_tails(np.random.default_rng(0).normal(size=(200, 2)))
    x, log_prob = model.sample_and_log_prob(20_000, seed=(1, 2))
    np.testing.assert_allclose(model.log_prob(x), log_prob, atol=1e-8)
    for index, (low, high) in periodic.items():
        assert np.all((x[:, index] >= low) & (x[:, index] < high))
    inside = stats.uniform.pdf(x[:, 0], 0.0, 1.5) * stats.uniform.pdf(x[:, 1], 0.0, 1.0)
    ratio = inside / np.exp(log_prob)
    error = ratio.std() / np.sqrt(len(ratio))
    assert abs(ratio.mean() - 1.0) < 4.0 * error < 0.2


# Fits: a known map, and capacity.


def rosenbrock_pair(n, seed):
    random = np.random.default_rng(seed)
    a = 1.0 + np.sqrt(0.5) * random.normal(size=n)
    b = a**2 + np.sqrt(0.05) * random.normal(size=n)
    return np.stack([a, b], axis=1)


@pytest.mark.full
def test_fit_finds_the_knothe_rosenblatt_map():
    from flowmc.training import fit

    model = models.make(
        "spline_autoregressive", event_size=2, num_layers=1, hidden_units=[64, 64]
    )
    fit(model, rosenbrock_pair(20_000, 0), max_steps=6000, patience=2000, seed=1)
    x = rosenbrock_pair(5000, 1)
    exact = np.stack(
        [np.sqrt(2.0) * (x[:, 0] - 1.0), np.sqrt(20.0) * (x[:, 1] - x[:, 0] ** 2)], 1
    )
    kept = np.all(np.abs(exact) < 3.0, axis=1)
    z = model.inverse_and_log_det(x)[0].numpy()
    assert np.sqrt(np.mean((z - exact)[kept] ** 2)) < 0.1


def two_bent_modes(n, seed):
    """Exact draws and log-density: two modes in a, b bent and scaled along with it."""
    random = np.random.default_rng(seed)
    u, v = random.normal(size=(2, n))
    a = 0.5 * u + random.choice([-2.0, 2.0], size=n)
    b = 0.3 * a**2 + v * np.exp(0.5 * np.tanh(a))
    modes = [stats.norm.logpdf(a, center, 0.5) for center in (-2.0, 2.0)]
    log_prob = np.logaddexp(*modes) - np.log(2.0)
    log_prob += stats.norm.logpdf(v) - 0.5 * np.tanh(a)
    return np.stack([a, b], axis=1), log_prob


def scored_rosenbrock_pair(n, seed):
    x = rosenbrock_pair(n, seed)
    log_prob = stats.norm.logpdf(x[:, 0], 1.0, np.sqrt(0.5))
    log_prob += stats.norm.logpdf(x[:, 1], x[:, 0] ** 2, np.sqrt(0.05))
    return x, log_prob


@pytest.mark.full
@pytest.mark.parametrize(
    ("draw", "knob", "values"),
    [
        (two_bent_modes, "num_bins", [2, 4, 12]),
        (scored_rosenbrock_pair, "hidden_units", [[1], [4], [32]]),
    ],
)
def test_kl_falls_as_capacity_grows(draw, knob, values):
    from flowmc.training import fit

    x, _ = draw(20_000, 0)
    held, log_prob = draw(20_000, 1)
    found = []
    for value in values:
        options = {"num_layers": 1, "hidden_units": [24], knob: value}
        model = models.make("spline_autoregressive", event_size=2, **options)
        fit(model, x, max_steps=2000, patience=1000, seed=1)
        gap = log_prob - model.log_prob(held).numpy()
        found.append((gap.mean(), gap.std() / np.sqrt(len(gap))))
    for (wide, wide_error), (narrow, narrow_error) in zip(
        found[1:], found[:-1], strict=True
    ):
        assert wide < narrow + 3.0 * np.hypot(wide_error, narrow_error), found
    assert found[-1][0] < 0.5 * found[0][0], found
    assert found[-1][0] < 0.05, found


@pytest.mark.full
@pytest.mark.parametrize("family", SPLINES)
def test_fits_a_correlated_torus(family):
    """Two von Mises angles, correlated, with the mode at the cut."""
    from flowmc.training import fit

    random = np.random.default_rng(0)
    first = random.vonmises(np.pi, 2.0, size=24_000)
    second = random.vonmises(2.0 * first, 4.0)
    x = np.stack([first, second], axis=1)
    held = x[20_000:]
    log_prob = 2.0 * np.cos(held[:, 0] - np.pi) - np.log(2 * np.pi * special.i0(2.0))
    log_prob += 4.0 * np.cos(held[:, 1] - 2.0 * held[:, 0])
    log_prob -= np.log(2 * np.pi * special.i0(4.0))
    model = models.make(family, event_size=2, periodic=[0, 1])
    fit(model, x[:20_000], max_steps=1500, seed=1)
    assert np.mean(log_prob - model.log_prob(held).numpy()) < 0.05
