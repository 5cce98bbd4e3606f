"""Stateless seeds: int32[2] pairs derived by hashing, never a global generator.

Host code folds labels in with `fold_in` (NumPy only); compiled code splits the pair it
was given with `split` or `fold_in_step`.  Same seed, same draws, within one mode,
device class and set of versions: XLA's random streams differ from eager TensorFlow's.
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
    text = ":".join(f"{type(label).__name__}={label}" for label in labels)
    return _hash_pair(f"{first},{second}:{text}")


def generator(seed: Any) -> np.random.Generator:
    """Return a NumPy generator for host work, determined by `seed` alone."""
    return np.random.Generator(np.random.Philox(root_seed(seed).view(np.uint32)))


def split(seed: Any, *, n: int) -> list[Any]:
    """Split a seed inside compiled or eager TensorFlow code into `n` seeds."""
    import tensorflow as tf

    seeds = tf.random.experimental.stateless_split(tf.convert_to_tensor(seed), num=n)
    return tf.unstack(seeds, num=n)


def fold_in_step(seed: Any, step: Any) -> Any:
    """Derive the seed of step number `step` (a tensor) inside compiled code."""
    import tensorflow as tf

    return tf.random.experimental.stateless_fold_in(
        tf.convert_to_tensor(seed), tf.cast(step, tf.int32)
    )


def _hash_pair(text: str) -> np.ndarray:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.frombuffer(digest, dtype="<i4").astype(np.int32)
