"""Bad values in a run: a typed error that names them, or a count of rejections."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import Target
from flowmc.core.errors import (
    ConfigurationError,
    InitialPositionError,
    InterruptedRunError,
    LogProbError,
)
from flowmc.core.progress import NullProgress
from flowmc.results.checkpoint import load_checkpoint
from flowmc.sampling.annealing import Annealer
from flowmc.sampling.engine import Engine
from flowmc.sampling.space import Space
from flowmc.sampling.state import state_from_checkpoint
from tests.unit.sampling.runs import BARE, run_bare


def graph_target(bad, **options):
    """A normal that gives `bad` where a > 0.5."""

    def log_prob(theta):
        good = -0.5 * tf.reduce_sum(tf.square(theta), axis=-1)
        return tf.where(theta[:, 0] > 0.5, tf.constant(bad, tf.float64), good)

    return Target(log_prob, names=["a", "b"], backend="tensorflow", **options)


def host_target(bad, **options):
    def log_prob(theta):
        good = -0.5 * np.sum(theta**2, axis=-1)
        return np.where(theta[:, 0] > 0.5, bad, good)

    return Target(log_prob, names=["a", "b"], backend="numpy", **options)


TARGETS = {"graph": graph_target, "host": host_target}


@pytest.mark.parametrize("mode", TARGETS)
@pytest.mark.parametrize(("bad", "policy"), [(np.nan, "raise"), (np.inf, "reject")])
def test_a_bad_value_is_an_error_that_names_it(mode, bad, policy):
    target = TARGETS[mode](bad, on_nan=policy)
    with pytest.raises(LogProbError, match="nan|inf") as caught:
        run_bare(target)
    theta = caught.value.theta
    assert theta[0] > 0.5
    assert caught.value.names == ("a", "b")
    assert f"{theta[0]:.4g}"[:4] in str(caught.value)


@pytest.mark.parametrize("mode", TARGETS)
def test_nan_may_be_rejected_and_is_counted(mode):
    target = TARGETS[mode](np.nan, on_nan="reject")
    posterior = run_bare(target)
    assert posterior.theta[..., 0].max() <= 0.5
    assert posterior.diagnostics.num_bad_values > 0
    examples = posterior.diagnostics.bad_values
    assert 0 < len(examples) <= posterior.diagnostics.num_bad_values
    for example in examples:
        assert set(example) == {"a", "b"}
        assert example["a"] > 0.5
    # Beyond the edge the density is zero: the evidence is that of the rest.
    assert posterior.log_evidence < np.log(2.0 * np.pi)


class Failing:
    """A host density that raises once, at a given call."""

    def __init__(self, error, *, at):
        self.error, self.at, self.num_calls = error, at, 0

    def __call__(self, theta):
        self.num_calls += 1
        if self.num_calls == self.at:
            raise self.error
        return -0.5 * np.sum(theta**2, axis=-1)

    def target(self):
        target = Target(self, names=["a", "b"], backend="numpy")
        self.num_calls = 0
        return target


@pytest.fixture(scope="module")
def undisturbed():
    counted = Failing(ValueError("never"), at=-1)
    target = counted.target()
    return run_bare(target), counted.num_calls


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("singular matrix"), LogProbError),
        (KeyboardInterrupt(), InterruptedRunError),
    ],
)
def test_what_was_sampled_before_is_kept_and_goes_on(
    error, expected, undisturbed, tmp_path
):
    whole, num_calls = undisturbed
    path = tmp_path / "state.h5"
    failing = Failing(error, at=num_calls - 9)
    target = failing.target()
    with pytest.raises(expected):
        run_bare(target, checkpoint=path)
    state = state_from_checkpoint(*load_checkpoint(path))
    assert state.phase == "produce"
    assert 0 < state.num_draws < 20
    n = state.num_draws
    np.testing.assert_array_equal(state.draws[0].position, whole.theta[:n])
    resumed = run_bare(target, checkpoint=path, resume=True)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    assert resumed.cost.log_prob_calls >= whole.cost.log_prob_calls


def test_a_start_without_density_is_an_error():
    start = np.array([[0.0, 0.0], [0.2, np.nan]])
    with pytest.raises(ConfigurationError, match="`initial` must be finite"):
        run_bare(host_target(-np.inf), initial=start)
    with pytest.raises(ConfigurationError, match=r"shape \[n, 2\]"):
        run_bare(host_target(-np.inf), initial=np.zeros((4, 3)))
    with pytest.raises(InitialPositionError, match="row 1 .*'a': 2.0.* Move it") as e:
        run_bare(host_target(-np.inf), initial=[[0.0, 0.0], [2.0, 1.0]])
    np.testing.assert_array_equal(e.value.theta, [2.0, 1.0])


@pytest.mark.parametrize(
    ("bounds", "reference"),
    [(None, "default reference"), ([(0, 1), (0, 1)], "box of the bounds")],
)
def test_a_density_that_is_zero_everywhere_is_an_error(bounds, reference):
    target = Target(
        lambda theta: np.full(len(theta), -np.inf),
        names=["a", "b"],
        bounds=bounds,
        backend="numpy",
    )
    engine = Engine(
        Space(target),
        model="gaussian",
        kernel="t_pcn",
        schedule=BARE,
        num_chains=8,
        seed=(1, 2),
        progress=NullProgress(),
    )
    annealer = Annealer(engine, num_particles=25, seed=(1, 2))
    with pytest.raises(
        InitialPositionError, match=f"100 draws of the {reference}"
    ) as e:
        annealer.start()
    assert e.value.names == ("a", "b")


def test_a_target_that_xla_refuses_runs_as_a_plain_graph(caplog):
    def log_prob(theta):
        out = tf.numpy_function(
            lambda x: -0.5 * np.sum(x**2, axis=-1), [theta], tf.float64
        )
        return tf.reshape(out, tf.shape(theta)[:1])

    target = Target(log_prob, names=["a", "b"], backend="tensorflow")
    posterior = run_bare(target, initial=None, num_draws=50)
    assert abs(posterior.flat().mean(axis=0)).max() < 0.7
    told = [r for r in caplog.records if "XLA cannot compile" in r.getMessage()]
    assert len(told) == 1


def test_one_point_to_start_from_is_a_reason(undisturbed):
    target = host_target(-np.inf, bounds=[(-5.0, 5.0)] * 2)
    posterior = run_bare(target, initial=[[0.1, 0.2]] * 5)
    assert not posterior.verdict.ok
    told = [r for r in posterior.verdict.reasons if "more than one point" in r]
    assert len(told) == 1
    assert "Give `initial` a spread" in told[0]
    spread = undisturbed[0].verdict.reasons
    assert not any("more than one point" in reason for reason in spread)
