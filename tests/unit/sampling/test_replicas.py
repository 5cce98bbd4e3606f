"""Chains split over several devices: exact, repeatable, never behind the weights.

TensorFlow cuts the processor in two only before it starts, so these tests run this file
once more, in processes of their own, and judge the figures that come back.
"""

import copy
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import flowmc
from flowmc import kernels, models
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import MODELS
from flowmc.core.types import TransportModel
from flowmc.kernels.tally import Tally
from flowmc.sampling.block import Block
from flowmc.sampling.device import place
from flowmc.sampling.replicas import (
    _join,
    _pairs,
    check_replicas,
    make_replicated_block,
)
from flowmc.sampling.space import Space
from flowmc.sampling.sweep import Sweep, SweepRecord

DEVICES = ("CPU:0", "CPU:1")
NUM_CHAINS, NUM_SWEEPS, NUM_LOCAL, NUM_JUMPS = 20_000, 3, 2, 2
SHIFT = 100.0
OBSERVED, PRIOR_SD = 1.5, 3.0  # of the normal-normal model that is sampled


def test_what_cannot_be_split_is_refused():
    assert check_replicas(DEVICES, num_chains=64, is_graph=True) == DEVICES
    assert check_replicas(DEVICES[:1], num_chains=7, is_graph=False) == DEVICES[:1]
    with pytest.raises(ConfigurationError, match=r"7 chains for 2 .*num_chains=6"):
        check_replicas(DEVICES, num_chains=7, is_graph=True)
    with pytest.raises(ConfigurationError, match="2 replicas needs a target in Tensor"):
        check_replicas(DEVICES, num_chains=64, is_graph=False)


def figures(name):
    """Run one of the functions below on two devices; return what it returns."""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.sampling.test_replicas", name],
        cwd=root,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def block_figures():
    return figures("measure_blocks")


def test_exact_draws_stay_exact_draws_on_both_devices(block_figures):
    assert block_figures["devices"] == ["CPU:0", "CPU:1"]
    assert min(block_figures["moved"]) > 0.5
    assert max(block_figures["largest_z"]) < 4.0
    assert block_figures["log_prob_error"] < 1e-10


def test_each_device_has_its_own_random_numbers(block_figures):
    assert block_figures["is_repeated"]
    assert block_figures["halves_differ"]


def test_how_a_run_is_cut_into_blocks_does_not_matter(block_figures):
    assert block_figures["is_cut_the_same"]


def test_tallies_add_up(block_figures):
    points = NUM_CHAINS * NUM_SWEEPS * (NUM_LOCAL + NUM_JUMPS)
    assert block_figures["counts"]["log_prob_calls"] == points
    assert sum(block_figures["counts"].values()) == points


def test_both_devices_see_what_is_assigned_between_blocks(block_figures):
    before, after = block_figures["local_step_before"], block_figures["local_step"]
    assert max(before) < 1e-6
    assert min(after) > 1e-2
    np.testing.assert_allclose(block_figures["proposal_before"], 0.0, atol=5.0)
    np.testing.assert_allclose(block_figures["proposal"], SHIFT, atol=5.0)
    assert block_figures["is_compiled_once"]


@pytest.mark.parametrize("family", list(MODELS))
def test_a_copy_has_every_variable_of_the_sweep_in_order(family):
    model = models.make(family, event_size=3)
    if not isinstance(model, TransportModel):
        return
    walk = kernels.make("random_walk", scale_tril=np.eye(3))
    sweep = Sweep(
        kernels.make("preconditioned", model=model, inner=walk),
        kernels.make("independence", model=models.defensive(model), num_steps=2),
        num_local=1,
    )
    pairs = _pairs(copy.deepcopy(sweep), sweep)
    originals = [original for _, original in pairs]
    wanted = [walk.step_size, walk.scale_tril, *model.variables]
    for variable in wanted:
        assert any(variable is original for original in originals), variable.name
    for copied, original in pairs:
        assert copied is not original
        assert copied.shape == original.shape
        np.testing.assert_array_equal(copied.numpy(), original.numpy())


def test_records_lie_side_by_side_and_the_bad_point_is_kept():
    blocks = [make_record(value) for value in (0.0, np.nan)]
    joined = _join(blocks)
    assert joined.position.shape == (6, 2)
    assert joined.record.position.shape == (4, 5, 6, 2)
    assert joined.record.proposal_log_weight.shape == (4, 1, 6)
    np.testing.assert_array_equal(joined.record.log_prob[0, 0], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(joined.record.local_acceptance, np.full((4, 4), 0.5))
    assert joined.tally.as_dict()["log_prob_calls"] == 14
    np.testing.assert_array_equal(joined.tally.x, [8.0, 8.0])
    assert np.isnan(joined.tally.value)


def make_record(value):
    """Return a block of 4 sweeps with 5 draws of 3 chains, one a proposal."""
    mark = float(np.isnan(value))
    record = SweepRecord(
        position=np.full((4, 5, 3, 2), mark),
        log_prob=np.full((4, 5, 3), mark),
        is_accepted=np.zeros((4, 5, 3), bool),
        local_acceptance=np.full((4, 4), mark),
        proposal=np.full((4, 1, 3, 2), mark),
        proposal_log_weight=np.full((4, 1, 3), mark),
    )
    counts = np.array([7, 0, 0, 0, 0, 0, 0, 0], np.int32)
    tally = Tally(counts, np.full(2, 8.0 * mark), np.float64(value))
    return Block(np.full((3, 2), mark), np.full(3, mark), record, tally)


@pytest.mark.full
def test_sample_on_two_devices():
    run = figures("measure_sample")
    assert run["ok"], run["reasons"]
    assert run["num_replicas"] == 2
    assert run["is_repeated"]
    assert max(run["z"]) < 4.0
    assert "7 chains for 2 replicas" in run["odd"]
    assert "needs a target in TensorFlow" in run["host"]


def two_devices():
    cpu = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [half, half])
    return tf.distribute.MirroredStrategy(list(DEVICES))


def measure_blocks():
    """Run blocks by themselves; return what the tests above look at."""
    from tests.statistical import invariance

    strategy = two_devices()
    with place(strategy, can_split=True) as devices:
        target = invariance.TARGET
        model = models.make("gaussian", event_size=2)
        model.fit_whitening(target.sample(200, seed=3))
        mixture = models.defensive(model)
        mixture.fit_tails(target.sample(200, seed=3))
        walk = kernels.make("random_walk", step_size=1.0)
        sweep = Sweep(
            kernels.make("preconditioned", model=model, inner=walk),
            kernels.make("independence", model=mixture, num_steps=NUM_JUMPS),
            num_local=NUM_LOCAL,
        )
        space = Space(target.target("tensorflow"))
        block = make_replicated_block(
            sweep, space, num_chains=NUM_CHAINS, devices=devices
        )
        half = invariance.exact_draws()[: NUM_CHAINS // 2]
        start = invariance.exact_draws()
        seed = np.array([3, 4], np.int32)

        def run(start=start, first=0, count=NUM_SWEEPS):
            return block.run(
                start, space.log_prob(start), first=first, count=count, seed=seed
            )

        moved = run()
        again, same = run(), run(np.concatenate([half, half]))
        first = run(count=1)
        rest = run(first.position, first=1, count=NUM_SWEEPS - 1)
        seconds = block.compile_seconds
        shares = [
            (moved.position, start),
            *zip(halves(moved.position), halves(start), strict=True),
        ]
        figures = {
            "devices": [name[-5:] for name in devices],
            "moved": [float(np.any(b != a, axis=1).mean()) for b, a in shares],
            "largest_z": [invariance.largest_z(b, before=a) for b, a in shares],
            "log_prob_error": float(
                np.abs(moved.log_prob - space.log_prob(moved.position)).max()
            ),
            "is_repeated": bool(np.all(moved.record.position == again.record.position)),
            "halves_differ": not np.array_equal(*halves(same.position)),
            "is_cut_the_same": bool(
                np.allclose(
                    np.concatenate([first.record.position, rest.record.position]),
                    moved.record.position,
                )
            ),
            "counts": moved.tally.as_dict(),
        }
        walk.step_size.assign(1e-9)
        small = run()
        figures["local_step_before"] = local_steps(small, start)
        figures["proposal_before"] = proposal_means(small)
        walk.step_size.assign(1.0)
        figures["local_step"] = local_steps(run(), start)
        model.fit_whitening(target.sample(500, seed=1) + SHIFT)
        figures["proposal"] = proposal_means(run())
        figures["is_compiled_once"] = block.compile_seconds == seconds
        return figures


def halves(array):
    return np.split(array, 2)


def local_steps(block, start):
    """Return the median length of the first step of either half."""
    lengths = np.linalg.norm(block.record.position[0, 0] - start, axis=-1)
    accepted = block.record.is_accepted[0, 0]
    return [
        float(np.median(length[taken]))
        for length, taken in zip(halves(lengths), halves(accepted), strict=True)
    ]


def proposal_means(block):
    """Return the median proposal of either half, in the first coordinate."""
    both = np.split(block.record.proposal[0, 0], 2)
    return [float(np.median(half[:, 0])) for half in both]


def measure_sample():
    """Run the sampler as a whole, twice, and in ways that it must refuse."""
    from tests.unit.sampling.runs import SCHEDULE

    strategy = two_devices()
    priors = {"a": stats.norm(0.0, PRIOR_SD), "b": stats.norm(0.0, PRIOR_SD)}

    def run(module=tf, num_chains=64):
        total = tf.reduce_sum if module is tf else np.sum
        target = flowmc.Target(
            log_likelihood_fn=lambda t: -0.5 * total((t - OBSERVED) ** 2, axis=-1),
            prior=priors,
            backend="tensorflow" if module is tf else "numpy",
        )
        return flowmc.sample(
            target,
            num_draws=300,
            num_chains=num_chains,
            model="gaussian",
            schedule=SCHEDULE,
            device=strategy,
            seed=5,
        )

    posterior, again = run(), run()
    reached = posterior.theta.mean(axis=0)  # [num_chains, D]
    error = reached.std(axis=0, ddof=1) / np.sqrt(len(reached))
    exact = np.full(2, OBSERVED) * PRIOR_SD**2 / (1.0 + PRIOR_SD**2)
    return {
        "ok": posterior.verdict.ok,
        "reasons": posterior.verdict.reasons,
        "num_replicas": posterior.config["num_replicas"],
        "is_repeated": bool(np.all(posterior.theta == again.theta)),
        "z": np.abs((reached.mean(axis=0) - exact) / error).tolist(),
        "odd": refusal(lambda: run(num_chains=7)),
        "host": refusal(lambda: run(np)),
    }


def refusal(function):
    try:
        function()
    except ConfigurationError as error:
        return str(error)
    return "not refused"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()) + "\n")
