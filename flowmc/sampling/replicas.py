"""Split the chains over several devices: one block program on each.

Chains never talk to one another, so each device, a replica, moves its own share with a
seed of its own, and the records are put side by side.  Compiled code reads only
variables of the device it runs on: each replica has copies of the sweep's, and they get
the originals' values before every block.
"""

__all__ = ["ReplicatedBlock", "check_replicas", "make_replicated_block"]

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MethodType
from typing import Any

import numpy as np
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.core.seeds import fold_in
from flowmc.kernels.tally import total
from flowmc.sampling.block import Block, GraphBlock, make_block
from flowmc.sampling.space import Space
from flowmc.sampling.sweep import Sweep, SweepRecord

CHAIN_AXIS = 2  # of a block's record, where a field has one


def check_replicas(
    devices: Sequence[str], *, num_chains: int, is_graph: bool
) -> tuple[str, ...]:
    """Return the devices if the chains can be split over them.

    Raises:
        ConfigurationError: They do not divide evenly, or the target is called from
            Python, where one thread does all.
    """
    count = len(devices)
    if count == 1:
        return tuple(devices)
    if not is_graph:
        raise ConfigurationError(
            f"A strategy with {count} replicas needs a target in TensorFlow: one in "
            "NumPy is called from Python, which no second device makes faster. Leave "
            "`device` out, and give the target a pool or more processes instead."
        )
    if num_chains % count:
        fewer = num_chains - num_chains % count
        raise ConfigurationError(
            "`num_chains` must be divisible by the number of replicas of `device`; "
            f"got {num_chains} chains for {count} replicas. Use for example "
            f"num_chains={fewer or count}."
        )
    return tuple(devices)


def make_replicated_block(
    sweep: Sweep, space: Space, *, num_chains: int, devices: Sequence[str]
) -> Any:
    """Return the block runner for these devices; a single one needs no replicas."""
    if len(devices) == 1:
        return make_block(sweep, space, num_chains=num_chains)
    return ReplicatedBlock(sweep, space, num_chains=num_chains, devices=devices)


class ReplicatedBlock:
    """Up to `capacity` sweeps on several devices at once, a share of chains on each.

    Args:
        sweep: The transition; its variables lie on the first device.
        space: A graph target in `x`.
        num_chains: Chains of all replicas together.
        devices: TensorFlow device names, one for each replica.
    """

    def __init__(
        self, sweep: Sweep, space: Space, *, num_chains: int, devices: Sequence[str]
    ) -> None:
        check_replicas(devices, num_chains=num_chains, is_graph=space.is_graph)
        share = num_chains // len(devices)
        self._replicas = [
            _Replica(sweep, space, device=device, share=share, is_first=index == 0)
            for index, device in enumerate(devices)
        ]
        self.capacity = self._replicas[0].block.capacity

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far, all replicas together."""
        return sum(replica.block.compile_seconds for replica in self._replicas)

    def run(
        self,
        position,
        log_prob,
        *,
        count: int,
        seed: Any,
        **options: Any,
    ) -> Block:
        """Run sweeps in all chains; the arguments are those of `GraphBlock.run`."""
        shares = [
            {
                "position": position_share,
                "log_prob": log_prob_share,
                "seed": fold_in(np.asarray(seed), "replica", index),
                **options,
            }
            for index, (position_share, log_prob_share) in enumerate(
                zip(self._cut(position), self._cut(log_prob), strict=True)
            )
        ]
        # The first call of each compiles, one after the other: what XLA refuses is
        # then known to all.  A trip count of zero moves nothing.
        for replica, share in zip(self._replicas, shares, strict=True):
            replica.prepare(**share)
        with ThreadPoolExecutor(len(self._replicas)) as pool:
            running = [
                pool.submit(replica.run, count=count, **share)
                for replica, share in zip(self._replicas, shares, strict=True)
            ]
            blocks = [future.result() for future in running]
        return _join(blocks)

    def _cut(self, array: np.ndarray) -> list[np.ndarray]:
        return np.split(np.asarray(array), len(self._replicas))


class _Replica:
    """One device, its copy of the sweep, and the program of its share."""

    def __init__(
        self, sweep: Sweep, space: Space, *, device: str, share: int, is_first: bool
    ) -> None:
        self._device = device
        own = sweep
        if not is_first:
            with tf.device(device):
                own = copy.deepcopy(sweep)
        self._pairs = [] if is_first else _pairs(own, sweep)
        self.block = GraphBlock(own, space, num_chains=share)
        self._is_prepared = False

    def prepare(self, **share: Any) -> None:
        """Take over the originals' values; compile at the first call."""
        for variable, original in self._pairs:
            variable.assign(original)
        if not self._is_prepared:
            self.run(count=0, **share)
            self._is_prepared = True

    def run(self, *, count: int, **share: Any) -> Block:
        """Run the share's sweeps here; device scopes belong to the thread."""
        with tf.device(self._device):
            return self.block.run(count=count, **share)


def _join(blocks: Sequence[Block]) -> Block:
    """Put the chains of all replicas side by side; add up what they counted."""
    fields = zip(*(block.record for block in blocks), strict=True)
    return Block(
        position=np.concatenate([block.position for block in blocks]),
        log_prob=np.concatenate([block.log_prob for block in blocks]),
        record=SweepRecord(*(_beside(field) for field in fields)),
        tally=total([block.tally for block in blocks]),
    )


def _beside(shares: Sequence[np.ndarray]) -> np.ndarray:
    if shares[0].ndim > CHAIN_AXIS:
        return np.concatenate(shares, axis=CHAIN_AXIS)
    return np.mean(shares, axis=0)  # a mean over chains; all shares are of one size


def _pairs(copied: Any, original: Any) -> list[tuple[tf.Variable, tf.Variable]]:
    """Return the copy's variables, each with the one that it is a copy of."""
    ours, theirs = list(_variables(copied, set())), list(_variables(original, set()))
    return list(zip(ours, theirs, strict=True))


def _variables(item: Any, seen: set[int]) -> Iterator[tf.Variable]:
    """Find the variables that an object holds, in an order that copying keeps."""
    if id(item) in seen:
        return
    seen.add(id(item))
    if isinstance(item, tf.Variable):
        yield item
    elif isinstance(item, dict):
        for value in item.values():
            yield from _variables(value, seen)
    elif isinstance(item, list | tuple):
        for value in item:
            yield from _variables(value, seen)
    elif isinstance(item, MethodType):
        yield from _variables(item.__self__, seen)
    elif hasattr(item, "__dict__") and not isinstance(item, type):
        yield from _variables(vars(item), seen)
