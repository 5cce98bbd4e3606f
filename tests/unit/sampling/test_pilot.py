"""The pilot's figures on chunks whose acceptance and correlation are known."""

import json

import numpy as np
import pytest

from flowmc.sampling.pilot import LEAST_SHARE, Pilot, measure
from flowmc.sampling.state import DrawChunk
from flowmc.sampling.sweep import JUMP, LOCAL

NUM_SWEEPS, NUM_CHAINS = 60, 40


def autoregressive(rho, *, acceptance, num_local=2, num_jumps=3, scale=(1.0, 5.0)):
    """Sweeps of first-order local steps and jumps that are accepted at a known rate.

    Every state is a draw of N(0, scale^2); local steps have correlation `rho`.
    """
    random = np.random.default_rng(0)
    kernel = np.array([LOCAL] * num_local + [JUMP] * num_jumps)
    kernel = np.tile(kernel, NUM_SWEEPS)
    shape = (len(kernel), NUM_CHAINS, 2)
    fresh = random.normal(size=shape) * scale
    is_accepted = random.random(shape[:2]) < acceptance
    x, rows = np.empty(shape), fresh[0]
    for index, kind in enumerate(kernel):
        if kind == LOCAL:
            rows = rho * rows + np.sqrt(1.0 - rho**2) * fresh[index]
            is_accepted[index] = True
        else:
            rows = np.where(is_accepted[index][:, None], fresh[index], rows)
        x[index] = rows
    num_proposals = NUM_SWEEPS * num_jumps * NUM_CHAINS
    return DrawChunk(
        position=x,
        log_prob=np.zeros(shape[:2]),
        is_accepted=is_accepted,
        kernel=kernel,
        window=np.zeros(len(kernel), int),
        proposal=np.zeros((num_proposals, 2)),
        proposal_log_weight=0.1 * random.normal(size=num_proposals),
    )


def pilot(chunk, *, num_jumps=3, jump_states=3, most_local=4, local_cost=1.0):
    return measure(
        chunk,
        num_jumps=num_jumps,
        jump_states=jump_states,
        most_local=most_local,
        local_cost=local_cost,
    )


def test_a_state_chosen_from_many_proposals_is_worth_less_for_each():
    chunk = autoregressive(0.5, acceptance=0.5)
    one, each = pilot(chunk, jump_states=1), pilot(chunk)
    assert one.jump_worth == pytest.approx(each.jump_worth / 3.0)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("acceptance", [0.2, 0.8])
def test_worth_of_known_kernels(rho, acceptance):
    found = pilot(autoregressive(rho, acceptance=acceptance))
    assert found.local_worth == pytest.approx((1.0 - rho) / (1.0 + rho), rel=0.15)
    assert found.jump_worth == pytest.approx(acceptance / (2.0 - acceptance), rel=0.05)
    assert found.jump_acceptance == pytest.approx(acceptance, rel=0.05)
    assert found.local_acceptance == 1.0
    assert found.weight_efficiency == pytest.approx(np.exp(-0.01), abs=0.01)
    assert found.pareto_k < 0.3


def test_the_worst_coordinate_counts():
    chunk = autoregressive(0.0, acceptance=0.5)
    slow = autoregressive(0.9, acceptance=0.5)
    chunk.position[..., 1] = slow.position[..., 1]
    both = pilot(chunk)
    assert both.local_worth == pytest.approx(pilot(slow).local_worth, rel=0.1)


def test_shares_follow_the_worth_per_evaluation():
    better_walk = pilot(autoregressive(0.0, acceptance=0.05))
    better_jumps = pilot(autoregressive(0.9, acceptance=0.9))
    assert better_walk.num_local == 4
    assert better_jumps.num_local == 1
    dear = pilot(autoregressive(0.0, acceptance=0.05), local_cost=50.0)
    assert dear.num_local == 1


@pytest.mark.parametrize(("rho", "acceptance"), [(0.0, 0.0), (0.99, 1.0)])
def test_neither_kernel_is_ever_left_out(rho, acceptance):
    num_jumps, most_local = 12, 1000
    chunk = autoregressive(rho, acceptance=acceptance, num_jumps=num_jumps)
    found = pilot(chunk, num_jumps=num_jumps, most_local=most_local)
    share = found.num_local / (found.num_local + num_jumps)
    assert LEAST_SHARE - 0.03 <= share <= 1.0 - LEAST_SHARE + 0.03
    assert found.num_local >= 1


def test_the_cost_of_an_effective_draw():
    found = pilot(autoregressive(0.5, acceptance=0.5), local_cost=2.0)
    cost = found.num_local * 2.0 + 3
    worth = found.num_local * found.local_worth + 3 * found.jump_worth
    assert found.evaluations_per_ess == pytest.approx(cost / worth)
    assert f"{found.evaluations_per_ess:.3g} evaluations for one" in found.sentence()


def test_chains_that_never_move_have_an_end():
    chunk = autoregressive(0.5, acceptance=0.0)
    still = np.broadcast_to(chunk.position[:1], chunk.position.shape)
    chunk = DrawChunk(**{**vars(chunk), "position": still})
    found = pilot(chunk)
    assert 0.0 <= found.local_worth < 1e-5
    assert np.isfinite(found.evaluations_per_ess)
    assert 1 <= found.num_local <= 4


def test_the_reasons_are_sentences_and_json():
    found = pilot(autoregressive(0.5, acceptance=0.5))
    values = json.loads(json.dumps(found.to_json()))
    assert Pilot(**values) == found
    assert "costs 1.0 evaluations" in found.reasons["num_local"]
