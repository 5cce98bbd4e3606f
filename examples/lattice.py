"""The square lattice of `phi4.py`: action, free field, symmetries, memory of a chain.

A field is a vector `phi` of `size`^2 sites, row by row, every second row backwards.
Neighbours then have an even and an odd place in it, so that a flow that moves the even
ones given the odd ones sees a chessboard.

Action: arXiv:1904.12072.  Errors of times: hep-lat/0306017.
"""

from typing import Any

import numpy as np
import tensorflow as tf

MASS_SQUARED = -4.0
COUPLING = {8: 6.008, 16: 5.3}  # in the symmetric phase, near the critical line
FREE_MASS_SQUARED = 1.0  # of the field that HMC and the flow start from


def places(size: int) -> np.ndarray:
    """Return the place in `phi` of each site `[size, size]`."""
    index = np.arange(size**2).reshape(size, size)
    index[1::2] = index[1::2, ::-1]
    return index


def parts(phi: Any, size: int) -> tuple[Any, Any]:
    """Return the quadratic part of the action and the sum of phi^4, `[n]` each."""
    field = tf.gather(phi, places(size), axis=1)
    near = tf.roll(field, 1, axis=1) + tf.roll(field, 1, axis=2)
    quadratic = (4 + MASS_SQUARED) * field**2 - 2 * field * near
    return tf.reduce_sum(quadratic, axis=[1, 2]), tf.reduce_sum(field**4, axis=[1, 2])


def log_density(phi: Any, size: int) -> Any:
    """Return -S `[n, size^2] -> [n]`."""
    quadratic, quartic = parts(phi, size)
    return -quadratic - COUPLING[size] * quartic


def motion(phi: np.ndarray, size: int) -> np.ndarray:
    """Return phi dS/dphi, the mean over the sites: `[..., size^2] -> [...]`."""
    quadratic, quartic = parts(phi.reshape(-1, size**2), size)
    value = (2 * quadratic + 4 * COUPLING[size] * quartic) / size**2
    return value.numpy().reshape(phi.shape[:-1])


def free_covariance(size: int) -> np.ndarray:
    """Return the covariance `[size^2, size^2]` of the free field."""
    ring = 2 * np.eye(size) - np.roll(np.eye(size), 1, 0) - np.roll(np.eye(size), -1, 0)
    steps = np.kron(ring, np.eye(size)) + np.kron(np.eye(size), ring)
    covariance = np.linalg.inv(2 * (steps + FREE_MASS_SQUARED * np.eye(size**2)))
    order = np.argsort(places(size).ravel())
    return covariance[np.ix_(order, order)]


def turned(phi: np.ndarray, size: int, *, seed: int) -> np.ndarray:
    """Return fields `[n, size^2]`, each after a random symmetry of the action.

    Those are shifts, reflections, the exchange of the axes and the change of sign.
    """
    rng, n = np.random.default_rng(seed), len(phi)
    moved = rng.choice([-1, 1], (2, n, 1)) * np.arange(size)
    row, column = (moved + rng.integers(size, size=(2, n, 1))) % size
    field = phi[:, places(size)]
    field = field[np.arange(n)[:, None, None], row[:, :, None], column[:, None]]
    is_kept = rng.random((n, 1, 1)) < 0.5
    field = np.where(is_kept, field, field.transpose(0, 2, 1))
    found = np.empty_like(phi)
    found[:, places(size).ravel()] = field.reshape(n, -1)
    return found * rng.choice([-1, 1], (n, 1))


def autocorrelation_time(series: np.ndarray) -> tuple[float, float]:
    """Return the integrated time of `[steps, chains]`, and its standard error."""
    steps, chains = series.shape
    power = np.abs(np.fft.fft(series - series.mean(), 2 * steps, axis=0)) ** 2
    covariance = np.fft.ifft(power.mean(axis=1)).real[:steps] / np.arange(steps, 0, -1)
    times = np.cumsum(covariance / covariance[0]) - 0.5
    wide = np.append(np.arange(steps - 1) > 5 * times[:-1], True)  # Wolff's, cruder
    window = int(np.argmax(wide))
    time = times[window]
    return 2 * time, 4 * time * np.sqrt((window + 0.5 - time) / (steps * chains))


def mean_and_error(series: np.ndarray) -> tuple[float, float]:
    """Return the mean of `[steps, chains]`, and its standard error."""
    time = max(1.0, autocorrelation_time(series)[0])
    return float(series.mean()), float(series.std() * np.sqrt(time / series.size))
