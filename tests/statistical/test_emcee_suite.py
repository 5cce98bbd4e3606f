"""The tests that emcee makes of its own moves, made of ours; they come with emcee.

emcee tunes a move for `ntune` steps, resets the sampler and looks at all that follows.
"""

import numpy as np
import pytest

from flowmc.moves import FlowMove, GlobalLocalMove, PreconditionedMove, VAEMove
from flowmc.sampling.settings import TrainSettings

proposals = pytest.importorskip("emcee.tests.integration.test_proposal")
samplers = pytest.importorskip("emcee.tests.unit.test_sampler")

pytestmark = pytest.mark.full
TRAIN = TrainSettings(max_steps=200, batch_size=128, capacity=2048)
MOVES = {
    "flow": lambda: FlowMove("gaussian", 100),
    "maf": lambda: FlowMove("maf", 200, train=TRAIN, num_layers=2, hidden_units=[8]),
    "exact": lambda: FlowMove("gaussian", learn_from="complement"),
    "vae": lambda: VAEMove("vae", 200, latent_size=1, train=TRAIN),
    "t_pcn": lambda: PreconditionedMove("gaussian", 100),
    "random_walk": lambda: PreconditionedMove("gaussian", 100, kernel="random_walk"),
    "stretch": lambda: PreconditionedMove("gaussian", 100, kernel="stretch"),
    "schedule": lambda: GlobalLocalMove("gaussian", 100),
}


@pytest.fixture(autouse=True)
def _keep_the_global_generator():
    """emcee's tests seed it."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("blobs", [False, True])
@pytest.mark.parametrize("kind", MOVES)
def test_normal(kind, blobs):
    """Jumps are accepted too often for emcee's limit of 0.9."""
    proposals._test_normal(MOVES[kind](), blobs=blobs, check_acceptance=False)


@pytest.mark.parametrize("kind", MOVES)
def test_normal_in_three_dimensions(kind):
    move = MOVES[kind]()
    proposals._test_normal(move, ndim=3, nsteps=4000, check_acceptance=False)


@pytest.mark.parametrize("kind", ["random_walk", "stretch"])
def test_uniform(kind):
    """Where emcee's limits of the acceptance hold as well."""
    proposals._test_uniform(MOVES[kind]())


@pytest.mark.parametrize("kind", MOVES)
def test_shapes(kind):
    backend = samplers.backends.Backend
    samplers.test_shapes(backend, MOVES[kind]())
