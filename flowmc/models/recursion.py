"""Walk a triangular network coordinate by coordinate, at the cost of one pass.

Each coordinate makes one group of units computable in every layer.  Done naively, every
step multiplies a few rows of weights with all the units so far: thin products, which
run at a tenth of a processor's speed.  Here the coordinates are cut into blocks of
about eight.  What earlier blocks contribute to a block is one wide product a layer, of
the lower triangle only; the steps within it see nothing but the block's own units,
which stay in cache.  It is the forward substitution of blocked triangular solvers.

Reference: Golub and Van Loan (2013), Matrix Computations, section 3.1.
"""

__all__ = ["Emit", "Walk", "walk"]

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

# (index, outputs [r, n]) -> (value [n], network inputs [c, n], summand [n])
Emit = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
# (layer, index, pre-activations [r, n]) -> units [r, n]
Activate = Callable[[int, tf.Tensor, tf.Tensor], tf.Tensor]

BLOCK_SIZE = 8
# Each block is a loop of its own to compile; beyond this many, blocks grow instead.
MAX_BLOCKS = 8


class Walk(NamedTuple):
    """What a walk found: values `[D, n]`, their sum of summands `[n]`, and all units.

    `units` starts with the network's inputs `[D c, n]`; hidden layers `[(D-1) r, n]`
    follow.
    """

    values: tf.Tensor
    total: tf.Tensor
    units: list[tf.Tensor]


class _Stage(NamedTuple):
    """One layer within a block of B coordinates.

    `base` `[B, r, n or 1]` is the bias with what earlier blocks contribute; `weights`
    `[B, r, B c]` belong to the block's own inputs.
    """

    base: tf.Tensor
    weights: tf.Tensor

    def __call__(self, step: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """Return the rows of one coordinate `[r, n]`."""
        # Gathered, for XLA takes no slice at a tensor.
        return tf.gather(self.base, step) + tf.gather(self.weights, step) @ inputs


def walk(
    weights: Sequence[tf.Tensor],
    biases: Sequence[tf.Tensor],
    *,
    emit: Emit,
    activate: Activate,
    like: tf.Tensor,
) -> Walk:
    """Compute outputs, and from them the next inputs, one coordinate after the other.

    Args:
        weights: Of each layer, `[rows, columns]`, rows and columns sorted by
            coordinate: D groups of inputs and outputs, D - 1 groups of hidden units.
            Group g of a layer sees groups up to g; outputs see groups before g.
        biases: Of each layer `[rows]`.
        emit: Turns the outputs of one coordinate into its value and network inputs.
        activate: The nonlinearity of the hidden layers.
        like: `[D, n]`, shape and float type of the values.
    """
    size = like.shape[0]
    layers = _by_coordinate(weights, biases, size=size)
    num_inputs = weights[0].shape[1] // size
    values: list[tf.Tensor] = []
    units: list[tf.Tensor] = []
    total = tf.zeros_like(like[0])
    for first, stop in _blocks(size):
        stages = [
            _stage(matrix, bias, first, stop, units[index] if first else None)
            for index, (matrix, bias) in enumerate(layers)
        ]
        block, total, own = _walk_block(
            stages, emit, activate, like[first:stop], total, first, num_inputs
        )
        values.append(block)
        pairs = zip(units, own, strict=True) if first else ()
        units = [tf.concat(pair, axis=0) for pair in pairs] or own
    # Hidden layers were padded by one group, which the last coordinate "unlocked".
    kept = [units[0]] + [
        part[: matrix.shape[0]]
        for part, matrix in zip(units[1:], weights, strict=False)
    ]
    return Walk(tf.concat(values, axis=0), total, kept)


def _blocks(size: int) -> list[tuple[int, int]]:
    """Cut `size` coordinates into blocks `[first, stop)` of nearly equal length."""
    count = min(MAX_BLOCKS, max(1, round(size / BLOCK_SIZE)))
    edges = [size * index // count for index in range(count + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def _by_coordinate(weights, biases, *, size: int) -> list[tuple]:
    """Group rows by coordinate: `[D, r, columns]`, `[D, r]`.

    Hidden layers get a group of zeros for the last coordinate, which unlocks no unit.
    """
    layers, extra = [], 0
    for index, (matrix, bias) in enumerate(zip(weights, biases, strict=True)):
        matrix = tf.pad(matrix, [[0, 0], [0, extra]])
        is_output = index == len(weights) - 1
        extra = 0 if is_output else matrix.shape[0] // (size - 1)
        matrix = tf.pad(matrix, [[0, extra], [0, 0]])
        shape = [size, matrix.shape[0] // size]
        matrix = tf.reshape(matrix, [*shape, matrix.shape[1]])
        layers.append((matrix, tf.reshape(tf.pad(bias, [[0, extra]]), shape)))
    return layers


def _stage(matrix, bias, first: int, stop: int, inputs) -> _Stage:
    """Cut one layer down to a block and add up what came before the block."""
    width = matrix.shape[2] // matrix.shape[0]
    own, base = matrix[first:stop], bias[first:stop, :, None]
    inside = own[:, :, first * width : stop * width]
    if not first:
        return _Stage(base, inside)
    before = tf.reshape(own[:, :, : first * width], [-1, first * width])
    shape = [stop - first, own.shape[1], -1]
    return _Stage(base + tf.reshape(before @ inputs, shape), inside)


def _walk_block(stages, emit, activate, like, total, first, num_inputs) -> tuple:
    """Walk through one block; return its values, the total, and its units."""
    size, n = like.shape[0], tf.shape(like)[1]
    dtype = stages[-1].weights.dtype
    widths = [num_inputs, *(stage.weights.shape[1] for stage in stages[:-1])]
    blank = [tf.zeros([size, width, n], dtype) for width in widths]

    def body(step, total, values, *units):
        index = first + step
        outputs = stages[-1](step, _flat(units[-1]))
        value, inputs, summand = emit(index, outputs)
        updated = [_set(units[0], step, inputs)]
        for layer, stage in enumerate(stages[:-1]):
            entry = activate(layer, index, stage(step, _flat(updated[-1])))
            updated.append(_set(units[layer + 1], step, entry))
        return step + 1, total + summand, _set(values, step, value), *updated

    _, total, values, *units = tf.while_loop(
        lambda step, *_: step < size,
        body,
        (tf.constant(0), total, tf.zeros_like(like), *blank),
        maximum_iterations=size,
    )
    return values, total, [_flat(part) for part in units]


def _flat(units: tf.Tensor) -> tf.Tensor:
    """Turn units by coordinate `[B, r, n]` into rows `[B r, n]`."""
    return tf.reshape(units, [units.shape[0] * units.shape[1], -1])


def _set(values: tf.Tensor, step: tf.Tensor, entry: tf.Tensor) -> tf.Tensor:
    """Write one entry; a single index becomes an update in place under XLA."""
    return tf.tensor_scatter_nd_update(values, tf.reshape(step, [1, 1]), entry[None])
