"""Posterior of the two-planet system K2-24 from 32 radial velocities.

Two nearly circular orbits of known period, a slope, a curvature, an unknown zero point
and extra noise ("jitter").  The zero point enters linearly and is integrated out
exactly.  `graph_target` is written in TensorFlow (compiled, with gradients) and
`host_target` in NumPy; both are the same density.

Data: Petigura et al. (2016), arXiv:1511.04497, as shipped in the `radvel` wheel.
"""

import csv
import math
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import flowmc

REFERENCE_TIME = 2420.0  # days, on the clock of the data file
ORBITS = ((20.885258, 2072.79438), (42.363011, 2082.62516))  # period, conjunction
ECCENTRICITY, PERIASTRON = 2e-4, math.pi / 4  # sqrt(e) cos w = sqrt(e) sin w = 0.01

# Normal priors: mean, sd, label.  K = exp(logk); velocities in m/s, times in days.
PRIORS = {
    "logk1": (math.log(5.0), 10.0, r"$\ln K_1$"),
    "logk2": (math.log(5.0), 10.0, r"$\ln K_2$"),
    "dvdt": (0.0, 1.0, r"$\dot\gamma$"),
    "curv": (0.0, 0.1, r"$\ddot\gamma$"),
    "jit": (math.log(3.0), 0.5, r"$\sigma_\mathrm{jit}$"),
}
LABELS = {name: label for name, (_, _, label) in PRIORS.items()}


def unit_orbit(time: np.ndarray, *, period: float, conjunction: float) -> np.ndarray:
    """Return the radial velocity of an orbit with K = 1 at `time` (days)."""
    e, w = ECCENTRICITY, PERIASTRON
    shape = math.sqrt((1 + e) / (1 - e))
    eccentric = 2 * math.atan(math.tan((math.pi / 2 - w) / 2) / shape)
    # The mean anomaly counts from periastron, which precedes the conjunction.
    mean = 2 * np.pi * (time - conjunction) / period
    mean += eccentric - e * math.sin(eccentric)
    anomaly = mean
    for _ in range(10):  # Newton on Kepler's equation; exact after 3 at this e
        error = anomaly - e * np.sin(anomaly) - mean
        anomaly = anomaly - error / (1 - e * np.cos(anomaly))
    true_anomaly = 2 * np.arctan(shape * np.tan(anomaly / 2))
    return np.cos(true_anomaly + w) + e * np.cos(w)


@cache
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return velocity `[32]`, its error squared `[32]` and the regressors `[4, 32]`."""
    folder = Path(sysconfig.get_path("data"), "radvel_example_data")
    path = folder / "epic203771098.csv"
    if not path.is_file():
        raise FileNotFoundError(
            f"The K2-24 velocities are not at {path}; bring them with "
            "`pip install --no-deps radvel` (or run `make demo`)."
        )
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    time, velocity, error = np.array(
        [[float(row[key]) for row in rows] for key in ("t", "vel", "errvel")]
    )
    orbits = [unit_orbit(time, period=p, conjunction=tc) for p, tc in ORBITS]
    tau = time - REFERENCE_TIME
    return velocity, error**2, np.stack([*orbits, tau, tau**2])


def host_log_likelihood(theta: np.ndarray) -> np.ndarray:
    """Log-likelihood `[n, 5] -> [n]` in NumPy, zero point integrated out."""
    velocity, variance, regressors = data()
    factors = np.concatenate([np.exp(theta[:, :2]), theta[:, 2:4]], axis=1)
    variance = variance + theta[:, 4:] ** 2
    total = (1 / variance).sum(axis=1)
    residual = velocity - factors @ regressors
    zero_point = (residual / variance).sum(axis=1) / total
    chi2 = ((residual - zero_point[:, None]) ** 2 / variance).sum(axis=1)
    log_norm = np.log(2 * np.pi * variance).sum(axis=1) - np.log(2 * np.pi / total)
    return -0.5 * (chi2 + log_norm)


def graph_log_likelihood(theta: Any) -> Any:
    """Log-likelihood `[n, 5] -> [n]` in TensorFlow, zero point integrated out."""
    import tensorflow as tf

    velocity, variance, regressors = map(tf.constant, data())
    factors = tf.concat([tf.exp(theta[:, :2]), theta[:, 2:4]], axis=1)
    variance = variance + theta[:, 4:] ** 2
    total = tf.reduce_sum(1 / variance, axis=1)
    residual = velocity - factors @ regressors
    zero_point = tf.reduce_sum(residual / variance, axis=1) / total
    chi2 = tf.reduce_sum((residual - zero_point[:, None]) ** 2 / variance, axis=1)
    log_norms = tf.reduce_sum(tf.math.log(2 * np.pi * variance), axis=1)
    return -0.5 * (chi2 + log_norms - tf.math.log(2 * np.pi / total))


def host_target(**options: Any) -> "flowmc.Target":
    """Return the NumPy target; `options` go to `flowmc.Target`."""
    from scipy.stats import norm

    prior = {name: norm(mean, sd) for name, (mean, sd, _) in PRIORS.items()}
    return flowmc.Target(
        log_likelihood_fn=host_log_likelihood, prior=prior, labels=LABELS, **options
    )


def graph_target(**options: Any) -> "flowmc.Target":
    """Return the TensorFlow target; `options` go to `flowmc.Target`."""
    from tensorflow_probability import distributions as tfd

    normal = {n: map(np.float64, (mean, sd)) for n, (mean, sd, _) in PRIORS.items()}
    prior = {name: tfd.Normal(*moments) for name, moments in normal.items()}
    return flowmc.Target(
        log_likelihood_fn=graph_log_likelihood, prior=prior, labels=LABELS, **options
    )
