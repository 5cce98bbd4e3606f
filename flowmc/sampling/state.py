"""The whole state of a run between two units of work, as values that can be stored.

A unit either finishes and replaces the state, or leaves it alone: whatever interrupts a
run, the last state is whole, and a run continued from it makes the same draws.
"""

__all__ = [
    "DrawChunk",
    "RunState",
    "join_chunks",
    "spend",
    "state_from_checkpoint",
    "state_to_checkpoint",
]

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from flowmc.core.records import History, WindowRecord
from flowmc.kernels.tally import PROBLEMS
from flowmc.results.document import pack, unpack

PHASES = ("anneal", "warmup", "scout", "produce", "done")


@dataclass(frozen=True)
class DrawChunk:
    """Draws of consecutive sweeps in `x`, and the proposals scored on the way."""

    position: np.ndarray  # [n, num_chains, D]
    log_prob: np.ndarray  # [n, num_chains]
    is_accepted: np.ndarray  # [n, num_chains]
    kernel: np.ndarray  # [n]
    window: np.ndarray  # [n], index into the history
    proposal: np.ndarray  # [m, D]
    proposal_log_weight: np.ndarray  # [m]


@dataclass(frozen=True)
class RunState:
    """Everything a run needs to go on."""

    phase: str = "anneal"
    unit: int = 0  # units finished in this phase
    window: int = 0
    position: Any = None  # [num_chains, D]; the particles while annealing
    log_prob: Any = None  # [num_chains]
    scalars: Mapping[str, float] = field(default_factory=dict)
    learned: Mapping[str, np.ndarray] = field(default_factory=dict)
    warmup: tuple[DrawChunk, ...] = ()
    draws: tuple[DrawChunk, ...] = ()
    history: tuple[WindowRecord, ...] = ()
    num_log_prob: int = 0
    num_gradient: int = 0
    last_cost: int = 0  # evaluations and gradients of the last unit
    is_clocked: bool = False  # whether a clock has ever had a say
    num_bad_values: int = 0
    bad_values: tuple[Mapping[str, float], ...] = ()  # the first few, as {name: value}
    problems: Mapping[str, int] = field(default_factory=dict)  # by name
    pilot: Mapping[str, Any] = field(default_factory=dict)  # figures of the last window
    scout: Mapping[str, np.ndarray] = field(default_factory=dict)  # the second group
    modes: Mapping[str, Any] = field(default_factory=dict)  # what it found
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def num_spent(self) -> int:
        """Evaluations of the log-density and of its gradient."""
        return self.num_log_prob + self.num_gradient

    @property
    def num_draws(self) -> int:
        """Production draws of each chain so far."""
        return sum(len(chunk.position) for chunk in self.draws)

    def spend(self, kind: str, seconds: float) -> "RunState":
        """Return the state with time added to the ledger."""
        total = self.seconds.get(kind, 0.0) + seconds
        return replace(self, seconds={**self.seconds, kind: total})

    def add_problems(self, counts: Mapping[str, int]) -> "RunState":
        """Return the state with what went wrong in a block added."""
        found = {
            name: self.problems.get(name, 0) + number
            for name, number in counts.items()
            if name in PROBLEMS
        }
        return replace(self, problems=found)


def join_chunks(chunks: tuple[DrawChunk, ...]) -> DrawChunk:
    """Concatenate one or more chunks in order."""
    names = [item.name for item in fields(DrawChunk)]
    columns = ([getattr(chunk, name) for chunk in chunks] for name in names)
    return DrawChunk(*(np.concatenate(column) for column in columns))


def state_to_checkpoint(
    state: RunState,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the state as arrays and JSON values."""
    joined = replace(state, warmup=_windows(state.warmup), draws=_one(state.draws))
    arrays: dict[str, np.ndarray] = {}
    document = pack(joined, arrays=arrays, name="state")
    # As text: the references to arrays inside are this module's affair alone.
    return arrays, {"state": json.dumps(document)}


def state_from_checkpoint(arrays: Mapping[str, np.ndarray], meta: Mapping) -> RunState:
    """Rebuild the state of `state_to_checkpoint`."""
    values = unpack(json.loads(meta["state"]), arrays=arrays)
    values["warmup"] = tuple(DrawChunk(**chunk) for chunk in values["warmup"])
    values["draws"] = tuple(DrawChunk(**chunk) for chunk in values["draws"])
    values["bad_values"] = tuple(values["bad_values"])
    values["history"] = tuple(_window(window) for window in values["history"])
    return RunState(**values)


def _one(chunks: tuple[DrawChunk, ...]) -> tuple[DrawChunk, ...]:
    return (join_chunks(chunks),) if chunks else ()


def _windows(chunks: tuple[DrawChunk, ...]) -> tuple[DrawChunk, ...]:
    """Join the chunks of each window: its figures are taken from its own draws."""
    numbers = [int(chunk.window[0]) for chunk in chunks]
    groups = (
        tuple(c for c, k in zip(chunks, numbers, strict=True) if k == number)
        for number in dict.fromkeys(numbers)
    )
    return tuple(join_chunks(group) for group in groups)


def _window(values: dict[str, Any]) -> WindowRecord:
    training = values.pop("training")
    if training is not None:
        training["events"] = tuple(training["events"])
        training = History(**training)
    return WindowRecord(
        **{**values, "notes": tuple(values["notes"])}, training=training
    )


def spend(state: RunState, started: float, known: np.ndarray) -> RunState:
    """Enter the time since `started`.

    Args:
        state: Holds the ledger.
        started: On the clock of `time.perf_counter`.
        known: What `Engine.seconds` has grown by: compilation, fits, and the target,
            whose time is part of the others.
    """
    elapsed = time.perf_counter() - started
    compiled, trained, called = map(float, known)
    state = state.spend("compile", compiled).spend("train", trained)
    state = state.spend("target", called)
    return state.spend("sample", elapsed - compiled - trained)
