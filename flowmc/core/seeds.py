"""Stateless seeds: int32[2] pairs derived by hashing, never a global generator.

Host code folds labels in with `fold_in` (NumPy only); compiled code splits the pair it
was given with `split` or `fold_in_step`.  Same seed, same draws, within one mode,
device class and set of versions: XLA's random streams differ from eager TensorFlow's.
(Appleby, MurmurHash3, for the finalizer used in compiled code.)
"""

__all__ = ["as_seed", "fold_in", "fold_in_step", "generator", "root_seed", "split"]

import hashlib
from typing import Any

import numpy as np

from flowmc.core.errors import ConfigurationError


def root_seed(seed: Any) -> np.ndarray:
    """Return the int32[2] pair of a user's seed (an integer, or a pair already)."""
    array = np.asarray(seed)
    if array.shape == (2,) and array.dtype.kind in "iu":
        return array.astype(np.int32)
    if array.shape != () or array.dtype.kind not in "iu":
        raise ConfigurationError(
            "`seed` must be an integer or a pair of int32; "
            f"got {seed!r}. Pass for example seed=0."
        )
    return _hash_pair(f"root:{int(array)}")


def as_seed(seed: Any) -> Any:
    """Return the int32 pair of an integer or a pair; tensors pass as they are."""
    is_plain = isinstance(seed, int | np.integer | np.ndarray | list | tuple)
    return root_seed(seed) if is_plain else seed


def fold_in(seed: Any, *labels: str | int) -> np.ndarray:
    """Derive a new int32[2] pair from `seed` and labels; host side, any order safe."""
    first, second = (int(word) for word in root_seed(seed))
    text = ":".join(
        f"str={label}" if isinstance(label, str) else f"int={int(label)}"
        for label in labels
    )
    return _hash_pair(f"{first},{second}:{text}")


def generator(seed: Any) -> np.random.Generator:
    """Return a NumPy generator for host work, determined by `seed` alone."""
    return np.random.Generator(np.random.Philox(root_seed(seed).view(np.uint32)))


def split(seed: Any, *, n: int) -> list[Any]:
    """Split a seed into `n` seeds: NumPy pairs of a NumPy pair, else tensors."""
    mix = _mix_array if isinstance(seed, np.ndarray) else _mix_tensor
    return [mix(seed, label) for label in range(1, n + 1)]


def fold_in_step(seed: Any, step: Any) -> Any:
    """Derive the seed of step number `step`, an integer or a tensor.

    Gives a NumPy pair for a NumPy pair and an integer, else a tensor.
    """
    if isinstance(seed, np.ndarray) and isinstance(step, int | np.integer):
        return _mix_array(seed, int(step) + FIRST_STEP)
    import tensorflow as tf

    return _mix_tensor(seed, tf.cast(step, tf.uint32) + np.uint32(FIRST_STEP))


# A new pair is the hash of `(seed, label)`: the finalizer of MurmurHash3, crossed.
# TensorFlow derives seeds with its random generator, which XLA expands to hundreds of
# operations each time; a run's programs would spend most of their compilation on it.
# The pair only keys the counter-based generator, which does the real mixing.
FIRST_STEP = 1 << 16  # labels of `split` are smaller: the two never meet
_LABEL, _CROSS = 0x9E3779B9, 0xC2B2AE3D
_ROUNDS = ((16, 0x85EBCA6B), (13, 0xC2B2AE35))
_WORD = 0xFFFFFFFF


def _mix_array(seed: np.ndarray, label: int) -> np.ndarray:
    first, second = (int(word) & _WORD for word in seed)
    first = _finalize_word(first ^ (label * _LABEL & _WORD))
    second = _finalize_word((second + first) & _WORD)
    first = _finalize_word(first ^ (second * _CROSS & _WORD))
    return np.array([first, second], np.uint32).view(np.int32)


def _finalize_word(word: int) -> int:
    for distance, factor in _ROUNDS:
        word = (word ^ (word >> distance)) * factor & _WORD
    return word ^ (word >> 16)


def _mix_tensor(seed: Any, label: Any) -> Any:
    import tensorflow as tf

    pair = tf.bitcast(tf.convert_to_tensor(seed, tf.int32), tf.uint32)
    first, second = tf.unstack(pair)
    label = tf.cast(label, tf.uint32)
    first = _finalize_tensor(first ^ (label * np.uint32(_LABEL)))
    second = _finalize_tensor(second + first)
    first = _finalize_tensor(first ^ (second * np.uint32(_CROSS)))
    return tf.bitcast(tf.stack([first, second]), tf.int32)


def _finalize_tensor(word: Any) -> Any:
    import tensorflow as tf

    shift = tf.bitwise.right_shift
    for distance, factor in _ROUNDS:
        word = (word ^ shift(word, np.uint32(distance))) * np.uint32(factor)
    return word ^ shift(word, np.uint32(16))


def _hash_pair(text: str) -> np.ndarray:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.frombuffer(digest, dtype="<i4").astype(np.int32)
