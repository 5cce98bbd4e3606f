"""Run many sweeps at once: one program for graph targets, a loop for host ones.

A block has a fixed capacity and a trip count that is a tensor, and each sweep's seed
depends on its number alone: how a run is cut into blocks never changes its draws.
"""

__all__ = ["Block", "GraphBlock", "HostBlock", "make_block"]

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from flowmc.core.errors import LogProbError
from flowmc.core.seeds import fold_in_step
from flowmc.kernels.tally import add, empty, total
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.program import Program
from flowmc.sampling.space import Space
from flowmc.sampling.stepper import GraphStepper
from flowmc.sampling.sweep import Sweep, SweepRecord, only_taken
from flowmc.sampling.tempering import graph_tempered, host_tempered

BUFFER_BYTES = 64e6
MAX_SWEEPS = 64


class Block(NamedTuple):
    """What a block of sweeps produced; record fields gain a leading sweep axis."""

    position: np.ndarray  # [num_chains, D]
    log_prob: np.ndarray  # [num_chains]
    record: Any  # SweepRecord of NumPy arrays [num_sweeps, ...], None if empty
    tally: Any = None  # Tally of all sweeps
    error: BaseException | None = None


class GraphBlock:
    """Up to `capacity` sweeps in one XLA program.

    Args:
        sweep: The transition.
        space: A graph target in `x`.
        num_chains: Chains moved at once.
    """

    def __init__(self, sweep: Sweep, space: Space, *, num_chains: int) -> None:
        self._sweep = sweep
        self._space = space
        row = sweep.num_draws * num_chains * space.event_size * 8
        self.capacity = int(np.clip(BUFFER_BYTES // row, 1, MAX_SWEEPS))
        self._shape = (num_chains, space.event_size)
        self._program = Program(self._loop, space)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._program.compile_seconds

    def run(
        self,
        position,
        log_prob,
        *,
        first: int,
        count: int,
        seed: Any,
        inverse_temperature: float = 1.0,
        num_local: int | None = None,
    ) -> Block:
        """Run sweeps number `first` to `first + count - 1`."""
        kept, most = min(count, self.capacity), self._sweep.num_local
        num_local = num_local or most
        state = (tf.constant(position, tf.float64), tf.constant(log_prob, tf.float64))
        rest = (
            tf.constant(seed),
            tf.constant(inverse_temperature, tf.float64),
            tf.constant(num_local),
        )
        self._program.prepare(*state, tf.constant(0), tf.constant(0), *rest)
        outputs = self._program(*state, tf.constant(first), tf.constant(kept), *rest)
        position, log_prob, record, tally = tf.nest.map_structure(
            lambda tensor: tensor.numpy(), outputs
        )
        record = SweepRecord(*(array[:kept] for array in record))
        record = only_taken(record, num_local=num_local, most=most)
        return Block(position, log_prob, record, tally)

    def _loop(self, position, log_prob, first, count, seed, b, num_local) -> tuple:
        stepper = GraphStepper(lambda x: (graph_tempered(self._space, x, b), ()))
        buffers = SweepRecord(*(self._buffer(*spec) for spec in self._specs()))

        def body(index, position, log_prob, buffers, tally):
            sweep_seed = fold_in_step(seed, first + index)
            position, log_prob, record, counts = self._sweep.step(
                position,
                log_prob,
                seed=sweep_seed,
                stepper=stepper,
                num_local=num_local,
            )
            written = (b.write(index, v) for b, v in zip(buffers, record, strict=True))
            buffers = SweepRecord(*written)
            return index + 1, position, log_prob, buffers, add(tally, counts)

        start = (tf.constant(0), position, log_prob, buffers)
        _, position, log_prob, buffers, tally = tf.while_loop(
            lambda index, *_: index < count,
            body,
            (*start, empty(self._space.event_size)),
        )
        record = SweepRecord(*(buffer.stack() for buffer in buffers))
        return position, log_prob, record, tally

    def _specs(self) -> list[tuple]:
        chains, size = self._shape
        draws, jumps = self._sweep.num_draws, self._sweep.num_proposals
        return [
            (tf.float64, [draws, chains, size]),
            (tf.float64, [draws, chains]),
            (tf.bool, [draws, chains]),
            (tf.float64, [self._sweep.num_local]),
            (tf.float64, [jumps, chains, size]),
            (tf.float64, [jumps, chains]),
        ]

    def _buffer(self, dtype: tf.DType, shape: list[int]) -> tf.TensorArray:
        return tf.TensorArray(dtype, size=self.capacity, element_shape=shape)


class HostBlock:
    """Sweeps with the target called from Python in between.

    Args:
        sweep: The transition.
        space: A host target in `x`.
    """

    capacity = MAX_SWEEPS

    def __init__(self, sweep: Sweep, space: Space) -> None:
        self._sweep = sweep
        self._inverse_temperature = 1.0
        self._stepper = HostStepper(
            lambda x: (host_tempered(space, x, self._inverse_temperature), ()),
            space.host_gradient,
        )

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling the kernels' parts so far."""
        return self._stepper.compile_seconds

    def run(
        self,
        position,
        log_prob,
        *,
        first: int,
        count: int,
        seed: Any,
        inverse_temperature: float = 1.0,
        num_local: int | None = None,
    ) -> Block:
        """Run sweeps; after an error, return the whole ones with the error.

        Below an inverse temperature of 1 the kernels must need no gradient.
        """
        self._inverse_temperature = inverse_temperature
        records, error = [], None
        tallies = [empty(position.shape[-1])]
        position, log_prob = tf.constant(position), tf.constant(log_prob)
        for index in range(first, first + min(count, self.capacity)):
            try:
                position, log_prob, record, counts = self._sweep.step(
                    position,
                    log_prob,
                    seed=fold_in_step(seed, index),
                    stepper=self._stepper,
                    num_local=num_local,
                )
            except (LogProbError, KeyboardInterrupt) as raised:
                error = raised
                break
            records.append([np.asarray(column) for column in record])
            tallies.append(counts)
        stacked = [np.stack(column) for column in zip(*records, strict=True)]
        joined = SweepRecord(*stacked) if stacked else None
        return Block(position.numpy(), log_prob.numpy(), joined, total(tallies), error)


def make_block(sweep: Sweep, space: Space, *, num_chains: int) -> Any:
    """Return the block runner that fits the target."""
    if space.is_graph:
        return GraphBlock(sweep, space, num_chains=num_chains)
    return HostBlock(sweep, space)
