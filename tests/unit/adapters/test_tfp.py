"""TFP's kernels in flowmc and flowmc's in TFP: same records, both exact."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import flowmc
from flowmc import kernels
from flowmc.adapters import from_tfp, to_tfp
from flowmc.adapters.kernel_to_tfp import ToTfp
from flowmc.core.errors import ConfigurationError, TargetError
from flowmc.kernels.cycle import Cycle
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.stepper import GraphStepper
from tests.statistical.invariance import FAIL, PASS, TARGET, largest_z

mcmc = tfp.mcmc
START = TARGET.sample(4_000, seed=0)
FEW = START[:6]
log_prob = TARGET.graph_fn


def walk(target=log_prob):
    return kernels.make("random_walk", target_log_prob_fn=target, step_size=0.8)


def hmc(target=log_prob):
    return mcmc.HamiltonianMonteCarlo(target, step_size=0.5, num_leapfrog_steps=2)


def replicas():
    temperatures = tf.constant([1.0, 0.5], tf.float64)
    return mcmc.ReplicaExchangeMC(log_prob, temperatures, make_kernel_fn=hmc)


def stretched():
    bijector = tfp.bijectors.Scale(tf.constant(2.0, tf.float64))
    return mcmc.TransformedTransitionKernel(hmc(), bijector)


def record(_, results):
    return results.target_log_prob, results.is_accepted, results.log_accept_ratio


def sample(kernel, *, x=START, steps=6, seed=(1, 2), trace_fn=record):
    return mcmc.sample_chain(
        num_results=steps,
        current_state=x,
        kernel=kernel,
        trace_fn=trace_fn,
        seed=tf.constant(seed),
    )


def compiled(function, **options):
    return tf.function(function, autograph=False, **options)


# flowmc under TFP


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("build", [walk, lambda: from_tfp(hmc())])
def test_sample_chain_leaves_the_target_invariant(build, jit_compile):
    kernel = to_tfp(build())
    run = compiled(lambda x: sample(kernel, x=x), jit_compile=jit_compile)
    x, (traced, is_accepted, ratio) = run(tf.constant(START))
    assert x.dtype == traced.dtype == tf.float64
    assert largest_z(x[-1].numpy(), before=START) < PASS
    np.testing.assert_allclose(traced[-1], TARGET.host_fn(x[-1].numpy()), rtol=1e-9)
    moved = np.any(np.diff(x, axis=0) != 0.0, axis=-1)
    np.testing.assert_array_equal(moved, is_accepted[1:])
    assert ratio.shape == is_accepted.shape == (6, len(START))


class Mixed(ToTfp):
    """Hands each chain the density of its neighbour."""

    def one_step(self, current_state, previous_kernel_results, seed=None):
        state = previous_kernel_results.state
        state = state._replace(log_prob=tf.roll(state.log_prob, 1, axis=0))
        mixed = previous_kernel_results._replace(state=state)
        return super().one_step(current_state, mixed, seed)


def test_control_results_of_other_chains_are_seen():
    kernel, before = Mixed(walk()), TARGET.sample(20_000, seed=1)
    x, _ = compiled(lambda x: sample(kernel, x=x, steps=12))(tf.constant(before))
    assert largest_z(x[-1].numpy(), before=before) > FAIL


def test_a_step_under_tfp_is_the_kernels_own_step():
    kernel, wrapped = walk(), to_tfp(walk())
    x, results = wrapped.one_step(FEW, wrapped.bootstrap_results(FEW), seed=(3, 4))
    seed = tfp.random.sanitize_seed((3, 4), salt="flowmc.to_tfp")
    state, info = kernel.step(kernel.init(FEW), seed=seed)
    np.testing.assert_array_equal(x, state.position)
    np.testing.assert_array_equal(results.target_log_prob, state.log_prob)
    np.testing.assert_array_equal(results.log_accept_ratio, info.log_accept_ratio)
    np.testing.assert_array_equal(results.info.tally.counts, info.tally.counts)


def test_traces_see_what_the_kernel_alone_reports():
    kernel = to_tfp(Cycle(target_log_prob_fn=log_prob, kernels=[walk(), walk()]))
    run = compiled(lambda: sample(kernel, x=FEW, trace_fn=lambda _, r: r.info))
    info = run().trace
    assert info.part_is_accepted.shape == (6, 2, len(FEW))
    np.testing.assert_array_equal(info.tally.counts[:, 0], [2 * len(FEW)] * 6)


def test_the_start_costs_one_evaluation():
    eager_calls = []

    def counting(x):
        if tf.executing_eagerly():
            eager_calls.append(x.shape)
        return log_prob(x)

    results = to_tfp(walk(counting)).bootstrap_results(FEW)
    assert eager_calls == [FEW.shape]
    assert not results.is_accepted.numpy().any()
    assert not results.info.tally.counts.numpy().any()


def test_sample_chain_goes_on_from_its_results():
    kernel = to_tfp(walk())
    options = {"num_results": 2, "kernel": kernel, "trace_fn": None, "seed": (1, 2)}
    first = mcmc.sample_chain(
        current_state=FEW, return_final_kernel_results=True, **options
    )
    second = mcmc.sample_chain(
        current_state=first.all_states[-1],
        previous_kernel_results=first.final_kernel_results,
        **options,
    )
    assert second.shape == (2, *FEW.shape)


@pytest.mark.parametrize(
    "x",
    [
        FEW.astype(np.float32),
        [tf.constant(FEW)],
        tf.constant(FEW[0]),
        [tf.constant(FEW[0], tf.float32)],
    ],
    ids=["float32", "list of one", "one chain", "list of one chain in float32"],
)
def test_states_of_other_forms(x):
    kernel = to_tfp(walk())
    states, (traced, *_) = compiled(lambda: sample(kernel, x=x))()
    assert isinstance(states, list) == isinstance(x, list)
    part, given = (
        tf.nest.flatten(states)[0],
        tf.convert_to_tensor(tf.nest.flatten(x)[0]),
    )
    assert part.dtype == given.dtype
    assert part.shape == (6, *given.shape)
    assert traced.shape == part.shape[:-1]
    again = log_prob(tf.cast(tf.reshape(part, [-1, 2]), tf.float64))
    np.testing.assert_allclose(tf.reshape(traced, [-1]), again, rtol=1e-4)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([FEW, FEW], "must be one tensor"),
        (FEW.astype(int), "floating-point"),
        (FEW[None], r"known shape \[num_chains, D\]"),
        (np.float64(1.0), r"known shape \[num_chains, D\]"),
    ],
)
def test_states_that_cannot_be(x, message):
    with pytest.raises(ConfigurationError, match=message):
        to_tfp(walk()).bootstrap_results(x)


def test_what_cannot_run_under_tfp():
    with pytest.raises(ConfigurationError, match="must be a kernel"):
        to_tfp(hmc())
    with pytest.raises(ConfigurationError, match="without `target_log_prob_fn`"):
        to_tfp(walk(None)).bootstrap_results(FEW)


def test_the_interface_of_tfp():
    kernel = to_tfp(walk())
    copy = kernel.copy(name="other")
    assert kernel.is_calibrated
    assert copy.kernel is kernel.kernel
    assert (kernel.name, copy.name) == ("flowmc", "other")
    assert flowmc.adapters.to_tfp is to_tfp


# TFP in flowmc

CALLS = {
    "hmc": (hmc, {"gradient_calls": 2}),
    "nuts": (lambda: mcmc.NoUTurnSampler(log_prob, 0.5, max_tree_depth=2), None),
    "mala": (
        lambda: mcmc.MetropolisAdjustedLangevinAlgorithm(log_prob, step_size=0.5),
        {"gradient_calls": 1},
    ),
    "random walk": (
        lambda: mcmc.RandomWalkMetropolis(log_prob),
        {"log_prob_calls": 1},
    ),
    "slice": (lambda: mcmc.SliceSampler(log_prob, 1.0, max_doublings=3), None),
    "replica exchange": (replicas, {"log_prob_calls": 1, "gradient_calls": 4}),
    "transformed": (stretched, {"log_prob_calls": 1, "gradient_calls": 2}),
    "adaptive": (
        lambda: mcmc.DualAveragingStepSizeAdaptation(hmc(), num_adaptation_steps=0),
        {"gradient_calls": 2},
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_kernels_of_tfp_leave_the_target_invariant(name):
    build, calls = CALLS[name]
    kernel = from_tfp(build())

    @compiled
    def run(x):
        before = kernel.init(x)
        for step in range(2):
            state, info = kernel.step(before, seed=tf.constant([1, step]))
        return before, state, info

    before, state, info = run(tf.constant(START))
    x = state.position.numpy()
    assert largest_z(x, before=START) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(x), rtol=1e-9)
    moved = np.any(before.position != state.position, axis=1)
    if name != "replica exchange":
        assert (moved <= info.is_accepted.numpy()).all()
    assert info.log_accept_ratio.shape == info.is_accepted.shape == (len(START),)
    spent = {name: n for name, n in info.tally.as_dict().items() if n}
    if calls is None:
        assert sum(spent.values()) >= len(START)
    else:
        assert spent == {name: n * len(START) for name, n in calls.items()}


def mixture(target=log_prob):
    parts = [from_tfp(hmc(target)), walk(None)]
    return kernels.make("mixture", kernels=parts, probabilities=[0.7, 0.3])


def run_compiled(kernel, *, num_steps=6):
    stepper = GraphStepper(lambda points: (log_prob(points), points[:, 0]))

    def program(x, seed):
        state = stepper.init(kernel, x, log_prob(x), x[:, 0])
        return stepper.repeat(kernel, state, num_steps=num_steps, seed=seed)[0]

    run = compiled(program, jit_compile=True)
    return run(tf.constant(START), tf.constant([5, 1]))


def run_host(kernel, *, num_steps=6):
    stepper = HostStepper(lambda x: (TARGET.host_fn(x), tf.constant(x[:, 0])))
    x = tf.constant(START)
    state = stepper.init(kernel, x, tf.constant(TARGET.host_fn(START)), x[:, 0])
    seed = np.array([5, 1], np.int32)
    return stepper.repeat(kernel, state, num_steps=num_steps, seed=seed)[0]


@pytest.mark.parametrize("way", [run_compiled, run_host])
def test_a_part_of_a_mixture_in_both_modes(way):
    state = way(mixture())
    x = state.position.numpy()
    assert largest_z(x, before=START) < PASS
    np.testing.assert_allclose(state.log_prob, TARGET.host_fn(x), rtol=1e-9)
    np.testing.assert_array_equal(state.payload, x[:, 0])


def wider(x):
    return 0.5 * log_prob(x)


def test_control_another_target_is_seen():
    x = run_host(mixture(wider)).position.numpy()
    assert largest_z(x, before=START) > FAIL


def test_another_target_is_refused_where_code_can_raise():
    kernel = kernels.make(
        "cycle", target_log_prob_fn=log_prob, kernels=[from_tfp(hmc(wider))]
    )
    with pytest.raises(ConfigurationError, match="target must be the chain's"):
        kernel.step(kernel.init(FEW), seed=(0, 1))


def test_there_and_back():
    kernel = walk()
    assert from_tfp(to_tfp(kernel)) is kernel


def test_bad_values_are_counted():
    def holed(x):
        return tf.where(x[:, 0] > 0.5, tf.constant(np.nan, tf.float64), log_prob(x))

    x = START[START[:, 0] < 0.5]
    kernel = from_tfp(mcmc.RandomWalkMetropolis(holed))
    state, info = kernel.step(kernel.init(x), seed=(0, 1))
    counts = info.tally.as_dict()
    assert counts["nan_log_prob"] > 10
    assert info.tally.x[0] > 0.5
    assert np.isfinite(state.log_prob).all()
    with pytest.raises(TargetError, match="must be finite or -inf"):
        kernel.init(START)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (walk, "must be a tfp.mcmc.TransitionKernel"),
        (
            lambda: mcmc.UncalibratedHamiltonianMonteCarlo(log_prob, 0.5, 2),
            "not calibrated",
        ),
    ],
)
def test_what_is_not_exact_or_not_of_tfp(build, message):
    with pytest.raises(ConfigurationError, match=message):
        from_tfp(build())


def test_a_target_that_sums_over_the_chains():
    kernel = from_tfp(mcmc.RandomWalkMetropolis(lambda x: tf.reduce_sum(log_prob(x))))
    with pytest.raises(ConfigurationError, match=r"must map \[n, D\] to \[n\]"):
        kernel.init(FEW)


def test_replica_exchange_is_no_part():
    with pytest.raises(ConfigurationError, match="carries more from step to step"):
        kernels.make("cycle", kernels=[from_tfp(replicas())])
