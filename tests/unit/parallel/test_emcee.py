"""emcee with our move gives the same chain whatever pool it is given."""

import emcee
import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError, LogProbError
from flowmc.moves import FlowMove
from flowmc.parallel import MapPool
from tests.unit.moves.fakes import NumpyProposal, make_sampler, start
from tests.unit.parallel import functions
from tests.unit.parallel.every_pool import EVERY, open_pool


@pytest.fixture(autouse=True)
def nothing_to_compile(monkeypatch):
    monkeypatch.setattr("flowmc.moves.adaptation.CompiledProposal", NumpyProposal)


def chain(pool, function=functions.log_prob_scalar):
    moves = [(FlowMove("gaussian", 8), 0.7), (emcee.moves.StretchMove(), 0.3)]
    sampler = make_sampler(moves, function=function, vectorize=False, pool=pool)
    sampler.run_mcmc(start(), 25)
    return sampler.get_chain()


@pytest.mark.parametrize("name", EVERY, ids=str)
def test_chains_do_not_depend_on_the_pool(name):
    expected = chain(None)
    with open_pool(name) as opened, MapPool(opened) as pool:
        np.testing.assert_array_equal(chain(pool), expected)


@pytest.mark.parametrize(
    "name",
    [
        "multiprocessing",
        "executor",
        "threads",
        "thread executor",
        *(pytest.param(n, marks=pytest.mark.full) for n in ("schwimmbad", "ray")),
    ],
)
def test_pools_that_emcee_knows_work_as_they_are(name):
    with open_pool(name) as pool:
        np.testing.assert_array_equal(chain(pool), chain(None))


def test_an_error_in_a_worker_names_the_parameters():
    with MapPool(2) as pool, pytest.raises(LogProbError, match="corner") as caught:
        chain(pool, functions.log_prob_fails_at_once)
    assert caught.value.theta.shape == (2,)
    assert "Traceback" in str(caught.value.__cause__)


def test_a_dying_worker_is_an_error_and_not_a_hang():
    with MapPool(2) as pool, pytest.raises(LogProbError, match="signal 9") as caught:
        chain(pool, functions.log_prob_kills_itself_beyond_one)
    assert caught.value.theta[0] > 1.0


def test_what_is_no_pool_is_refused():
    with pytest.raises(ConfigurationError, match="`pool` must be"):
        MapPool("two").map(abs, [1])


def test_a_pool_is_not_pickled():
    with pytest.raises(TypeError, match="make another"):
        MapPool(2).__reduce_ex__(2)


def test_size():
    assert MapPool(None).size == 1
    assert MapPool(3).size == 3
