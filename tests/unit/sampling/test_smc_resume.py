"""Interrupted and resumed, `sample_smc` makes the same draws to the last bit."""

import pytest

from flowmc.core.errors import CheckpointMismatchError, InterruptedRunError
from flowmc.results.checkpoint import load_checkpoint
from flowmc.sampling.state import state_from_checkpoint
from tests.unit.sampling.comparison import assert_same_posterior
from tests.unit.sampling.smc_cases import gaussian, run
from tests.unit.sampling.test_resume import StopAfter

OPTIONS = {"num_draws": 3000, "target_ess": 3000.0}


def play(**options):
    return run(gaussian(), **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole run, and the file it leaves."""
    path = tmp_path_factory.mktemp("smc") / "state.h5"
    return play(checkpoint=path), path


def test_interrupted_and_resumed(whole, tmp_path):
    path, phases = tmp_path / "state.h5", []
    for count in (2, 4):
        try:
            play(checkpoint=path, resume=True, should_stop=StopAfter(count))
            break
        except InterruptedRunError:
            phases.append(state_from_checkpoint(*load_checkpoint(path)).phase)
    assert len(set(phases)) >= 2
    resumed = play(checkpoint=path, resume=True)
    assert_same_posterior(resumed, whole[0])


def test_a_finished_run_goes_on_if_more_is_asked(whole):
    first, path = whole
    more = play(checkpoint=path, resume=True, target_ess=6000.0)
    assert more.weighted.num_proposals > first.weighted.num_proposals
    count = len(first.weighted.theta)
    assert (more.weighted.theta[:count] == first.weighted.theta).all()


def test_another_run_is_not_resumed(whole):
    for change in ({"seed": 6}, {"num_particles": 768}):
        with pytest.raises(CheckpointMismatchError):
            play(checkpoint=whole[1], resume=True, **change)
