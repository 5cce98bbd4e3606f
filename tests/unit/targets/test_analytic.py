"""Known answers: densities agree, draws are exact, evidences are the stated ones."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from flowmc import targets
from flowmc.core.errors import ConfigurationError

NUM_DRAWS = 20_000
KNOWN = {
    "correlated_gaussian": targets.correlated_gaussian(),
    "student_t": targets.student_t(),
    "two_gaussians": targets.two_gaussians(),
    "skewed_gaussian": targets.skewed_gaussian(),
    "rosenbrock uniform": targets.rosenbrock(),
    "rosenbrock normal": targets.rosenbrock(prior="normal"),
    "rosenbrock flat": targets.rosenbrock(4, prior=None),
    "funnel": targets.funnel(),
    "funnel unbounded": targets.funnel(3, bounded=False),
    "eggbox": targets.eggbox(),
}


# Where a box cuts the density, identities of the score have terms at the edge.
SMOOTH = [name for name in KNOWN if "rosenbrock n" in name or not KNOWN[name].prior]


@pytest.fixture(params=KNOWN, scope="module")
def known(request):
    return KNOWN[request.param]


@pytest.fixture(scope="module")
def draws(known):
    return known.sample(NUM_DRAWS, seed=11)


def test_densities_agree(known, draws):
    theta = draws[:500]
    value = known.log_prob(theta).numpy()
    np.testing.assert_allclose(
        known.log_prob_host(theta), value, rtol=1e-11, atol=1e-11
    )
    compiled = tf.function(lambda x: known.log_prob(x), jit_compile=True)
    np.testing.assert_allclose(
        compiled(tf.constant(theta)), value, rtol=1e-10, atol=1e-10
    )


def test_draws_are_deterministic(known, draws):
    assert draws.shape == (NUM_DRAWS, known.event_size)
    np.testing.assert_array_equal(known.sample(NUM_DRAWS, seed=11), draws)
    assert not np.array_equal(known.sample(5, seed=12), draws[:5])


def test_draws_have_the_stated_moments(known, draws):
    if known.mean is not None:
        error = draws.std(axis=0) / np.sqrt(NUM_DRAWS)
        assert np.abs((draws.mean(axis=0) - known.mean) / error).max() < 4.0
    if known.standard_deviation is not None and "funnel" not in known.name:
        squares = (draws - known.mean) ** 2
        error = squares.std(axis=0) / np.sqrt(NUM_DRAWS)
        z = (squares.mean(axis=0) - known.standard_deviation**2) / error
        assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("name", SMOOTH)
def test_draws_follow_the_density(name):
    """The score has mean zero under its own density: E[grad log p] = 0."""
    known = KNOWN[name]
    theta = tf.constant(known.sample(NUM_DRAWS, seed=7))
    with tf.GradientTape() as tape:
        tape.watch(theta)
        value = known.log_prob(theta)
    score = tape.gradient(value, theta).numpy()
    z = score.mean(axis=0) / (score.std(axis=0) / np.sqrt(NUM_DRAWS))
    assert np.abs(z).max() < 4.0


@pytest.mark.parametrize(
    ("known", "truth"),
    [
        (targets.rosenbrock(), -29.9958),
        (targets.rosenbrock(prior="normal"), -21.4021),
        (targets.rosenbrock(20, prior="normal"), -42.8042),
        (targets.rosenbrock(2, prior=None), np.log(np.pi / np.sqrt(10.0))),
        (targets.two_gaussians(), -29.9573),
        (targets.funnel(), -57.3253),
        (targets.eggbox(), 235.856),
    ],
)
def test_stated_evidences(known, truth):
    assert abs(known.log_evidence - truth) < 6e-5 * max(1.0, abs(truth) / 50.0)


def test_stated_moments():
    normal = targets.rosenbrock(prior="normal")
    np.testing.assert_allclose(normal.mean[:2], [0.8045, 1.0097], atol=5e-5)
    funnel = targets.funnel()
    np.testing.assert_allclose(funnel.mean[0], -0.010, atol=5e-4)
    np.testing.assert_allclose(funnel.standard_deviation[0], 2.985, atol=5e-4)
    flat = targets.rosenbrock(2, prior=None)
    np.testing.assert_allclose(flat.mean, [1.0, 1.5], rtol=1e-9)
    np.testing.assert_allclose(flat.standard_deviation**2, [0.5, 2.55], rtol=1e-9)


def test_eggbox_evidence_by_quadrature():
    known = targets.eggbox()
    edges = np.linspace(0.0, 10.0 * np.pi, 2001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    a, b = np.meshgrid(middle, middle, indexing="ij")
    values = known.host_fn(np.stack([a.ravel(), b.ravel()], axis=-1))
    log_evidence = special.logsumexp(values) - np.log(len(values))
    assert abs(log_evidence - known.log_evidence) < 1e-4
    draws = known.sample(NUM_DRAWS, seed=0)
    share = np.mean(np.all(draws < 0.5 * np.pi, axis=-1))  # a quarter of one peak
    expected = 0.25 / 12.5  # 8 whole peaks, 8 halves, 2 quarters
    assert abs(share - expected) < 4.0 * np.sqrt(expected / NUM_DRAWS)


def test_rosenbrock_evidence_by_importance_sampling():
    """The target and the stated number, not the stated number alone."""
    known = targets.rosenbrock(2, prior="normal")
    rng = np.random.default_rng(0)
    a = stats.t(df=5, loc=0.8, scale=0.7)
    b = stats.t(df=5, scale=0.25)
    theta = np.stack([a.rvs(100_000, random_state=rng)] * 2, axis=-1)
    offset = b.rvs(100_000, random_state=rng)
    theta[:, 1] = theta[:, 0] ** 2 + offset
    log_weight = known.log_prob_host(theta) - a.logpdf(theta[:, 0]) - b.logpdf(offset)
    weight = np.exp(log_weight - log_weight.max())
    log_evidence = np.log(weight.mean()) + log_weight.max()
    error = weight.std() / weight.mean() / np.sqrt(len(weight))
    assert error < 0.01
    assert abs(log_evidence - known.log_evidence) < 4.0 * error


def test_targets_on_both_backends():
    known = targets.rosenbrock(4)
    graph, host = known.target(), known.target("numpy")
    assert (graph.backend, host.backend) == ("tensorflow", "numpy")
    assert graph.has_prior
    assert graph.names == ("a0", "b0", "a1", "b1")
    theta = known.sample(20, seed=0)
    np.testing.assert_allclose(graph.log_prob(theta), host.log_prob(theta), rtol=1e-12)
    outside = np.full((1, 4), 11.0)
    assert host.log_prob(outside) == known.log_prob(outside).numpy() == -np.inf


def test_errors():
    with pytest.raises(ConfigurationError, match="even"):
        targets.rosenbrock(3)
    with pytest.raises(ConfigurationError, match="one of uniform, normal"):
        targets.rosenbrock(4, prior="cauchy")
    with pytest.raises(ConfigurationError, match="at least 2"):
        targets.funnel(1)
    with pytest.raises(ConfigurationError, match="degrees_of_freedom"):
        targets.student_t(degrees_of_freedom=-1.0)
