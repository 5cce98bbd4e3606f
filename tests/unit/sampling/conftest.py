"""Whole runs are shared: each costs seconds of compilation."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from flowmc.sampling.state import RunState
from tests.conformance.compilations import count_compilations
from tests.unit.sampling.runs import advance, make_engine, run


class Finished(NamedTuple):
    """A run through `sample`."""

    posterior: Any
    reports: list  # what its progress was told
    num_compilations: int
    backend: str


class Engineered(NamedTuple):
    """The same run through its engine, with the state after each unit of work."""

    engine: Any
    blank: dict  # what the engine had learned before the run: nothing
    final: RunState
    states: list

    def put_back(self, state):
        """Bring the engine to where a new process would find it."""
        self.engine.learner.from_arrays(self.blank)
        self.engine.restore(state)


@pytest.fixture(scope="session", params=["tensorflow", "numpy"])
def backend(request):
    return request.param


@pytest.fixture(scope="session")
def finished(backend):
    reports = []
    posterior, count = count_compilations(
        lambda: run(backend, progress=lambda *report: reports.append(report))
    )
    return Finished(posterior, reports, count, backend)


@pytest.fixture(scope="session")
def engineered(backend):
    engine = make_engine(backend)
    blank = {k: np.copy(v) for k, v in engine.learner.to_arrays().items()}
    final, _, states = advance(engine, RunState())
    return Engineered(engine, blank, final, states)
