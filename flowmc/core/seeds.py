"""Stateless seeds: int32[2] pairs derived by hashing, never a global generator.

Host code folds labels in with `fold_in` (NumPy only); compiled code splits the pair it
was given with `split` or `fold_in_step`.  Same seed, same draws, within one mode,
device class and set of versions: XLA's random streams differ from eager TensorFlow's.
(Appleby, MurmurHash3, for the finalizer used in compiled code.)
"""

__all__ = ["fold_in", "fold_in_step", "generator", "root_seed", "split"]

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
    """Split a seed inside compiled or eager TensorFlow code into `n` seeds."""
    return [_mix(seed, label) for label in range(1, n + 1)]


def fold_in_step(seed: Any, step: Any) -> Any:
    """Derive the seed of step number `step`, an integer or a tensor."""
    import tensorflow as tf

    # Split labels are small and positive; steps are kept apart from them.
    return _mix(seed, tf.cast(step, tf.uint32) + tf.constant(1 << 16, tf.uint32))


def _mix(seed: Any, label: Any) -> Any:
    """Hash `(seed, label)` to a new pair with the finalizer of MurmurHash3, crossed.

    TensorFlow derives seeds with its random generator, which XLA expands to hundreds of
    operations each time; a run's programs would spend most of their compilation on it.
    The pair only keys the counter-based generator, which does the real mixing.
    """
    import tensorflow as tf

    pair = tf.bitcast(tf.convert_to_tensor(seed, tf.int32), tf.uint32)
    first, second = tf.unstack(pair)
    label = tf.cast(label, tf.uint32)
    first = _finalize(first ^ (label * tf.constant(0x9E3779B9, tf.uint32)))
    second = _finalize(second + first)
    first = _finalize(first ^ (second * tf.constant(0xC2B2AE3D, tf.uint32)))
    return tf.bitcast(tf.stack([first, second]), tf.int32)


def _finalize(word: Any) -> Any:
    """MurmurHash3's finalizer, a bijection of 32-bit words."""
    import tensorflow as tf

    shift = tf.bitwise.right_shift
    for distance, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        word ^= shift(word, tf.constant(distance, tf.uint32))
        word *= tf.constant(factor, tf.uint32)
    return word ^ shift(word, tf.constant(16, tf.uint32))


def _hash_pair(text: str) -> np.ndarray:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.frombuffer(digest, dtype="<i4").astype(np.int32)
