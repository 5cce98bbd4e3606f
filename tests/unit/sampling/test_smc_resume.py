"""Interrupted and resumed, `sample_smc` makes the same draws to the last bit."""

import pytest

from flowmc.core.errors import CheckpointMismatchError, InterruptedRunError
from flowmc.results.checkpoint import load_checkpoint
from flowmc.sampling.state import state_from_checkpoint
from tests.unit.sampling.comparison import assert_same_posterior
from tests.unit.sampling.runs import small_model
from tests.unit.sampling.smc_cases import gaussian, run
from tests.unit.sampling.test_resume import StopAfter


def test_interrupted_at_every_unit(tmp_path):
    whole = run(gaussian(), model=small_model(), num_draws=4000)
    path, phases = tmp_path / "state.h5", []
    for _ in range(40):
        try:
            resumed = run(
                gaussian(),
                model=small_model(),
                num_draws=4000,
                checkpoint=path,
                resume=True,
                should_stop=StopAfter(1),
            )
            break
        except InterruptedRunError:
            phases.append(state_from_checkpoint(*load_checkpoint(path)).phase)
    assert {"anneal", "refine", "draw"} <= set(phases)
    assert len(phases) > 6
    assert_same_posterior(resumed, whole)


def test_a_finished_run_goes_on_if_more_is_asked(tmp_path):
    path = tmp_path / "state.h5"
    first = run(gaussian(), checkpoint=path)
    more = run(gaussian(), checkpoint=path, resume=True, num_draws=3000)
    assert more.weighted.num_proposals > first.weighted.num_proposals
    assert more.theta.shape == (3000, 1, 2)
    count = len(first.weighted.theta)
    assert (more.weighted.theta[:count] == first.weighted.theta).all()


def test_another_run_is_not_resumed(tmp_path):
    path = tmp_path / "state.h5"
    with pytest.raises(InterruptedRunError):
        run(gaussian(), checkpoint=path, should_stop=StopAfter(1))
    for change in ({"seed": 6}, {"num_particles": 768}):
        with pytest.raises(CheckpointMismatchError):
            run(gaussian(), checkpoint=path, resume=True, **change)
