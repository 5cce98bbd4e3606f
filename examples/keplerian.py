"""Keplerian orbits and the velocities of HD 164922, in TensorFlow with gradients.

Each orbit has a period (days), ln K (m/s), sqrt(e) cos w, sqrt(e) sin w, and the mean
longitude at `EPOCH`, which stays well known where e is small and w is not.

Data: Fulton et al. (2016), arXiv:1607.00007, as shipped in the `radvel` wheel.
"""

import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import flowmc

EPOCH = 2455620.0  # JD, the middle of the data, so that period and longitude part
LARGEST = 0.9  # more counts as so much; Kepler's equation must not fail
INSTRUMENTS = {"k": "HIRES before 2004", "j": "HIRES", "a": "APF"}


@cache
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return time, velocity, its variance `[401]` and the instruments `[3, 401]`."""
    folder = Path(sysconfig.get_path("data"), "radvel_example_data")
    path = folder / "164922_fixed.txt"
    if not path.is_file():
        raise FileNotFoundError(
            f"The velocities are not at {path}; bring them with "
            "`pip install --no-deps radvel` (or run `make demo`)."
        )
    rows = np.loadtxt(path, skiprows=1, usecols=range(4), dtype=str).T
    time, velocity, error = rows[:3].astype(float)
    own = np.array([rows[3] == name for name in INSTRUMENTS], dtype=float)
    return time - EPOCH, velocity, error**2, own


def orbits(time: Any, theta: Any) -> Any:
    """Return the velocities `[..., time]` of orbits with parameters `[..., 5]`."""
    period, log_k, x, y, longitude = tf.unstack(theta[..., None], axis=-2)
    e = tf.minimum(x**2 + y**2, LARGEST)
    w = tf.atan2(y, x)
    mean = 2 * np.pi * time / period + longitude - w
    anomaly = mean + 0.85 * e * tf.sign(tf.sin(mean))
    for _ in range(5):  # Newton on Kepler's equation, exact to 1e-12
        anomaly = tf.stop_gradient(anomaly)  # the last step has the whole derivative
        sine, stretch = tf.sin(anomaly), 1 - e * tf.cos(anomaly)
        anomaly -= (anomaly - e * sine - mean) / stretch
    stretch = 1 - e * tf.cos(anomaly)
    across = (tf.cos(anomaly) - e) / stretch + e  # cos of the true anomaly, plus e
    along = tf.sqrt(1 - e**2) * tf.sin(anomaly) / stretch
    return tf.exp(log_k) * (across * tf.cos(w) - along * tf.sin(w))


def log_likelihood(theta: Any) -> Any:
    """Log-likelihood `[n, 5 planets + 3] -> [n]`, zero points integrated out."""
    time, velocity, variance, own = map(tf.constant, data())
    num_planets = (theta.shape[1] - 3) // 5  # or none
    planets = tf.reshape(theta[:, :-3], [tf.shape(theta)[0], num_planets, 5])
    residual = velocity - tf.reduce_sum(orbits(time, planets), axis=1)
    weight = 1 / (variance + tf.exp(2 * theta[:, -3:]) @ own)  # [n, 401]
    total = weight @ tf.transpose(own)  # [n, 3]
    zero_points = (weight * residual) @ tf.transpose(own) / total
    chi2 = tf.reduce_sum(weight * (residual - zero_points @ own) ** 2, axis=1)
    log_norm = tf.reduce_sum(tf.math.log(2 * np.pi / weight), axis=1)
    log_norm -= tf.reduce_sum(tf.math.log(2 * np.pi / total), axis=1)
    return -0.5 * (chi2 + log_norm)


def draw_orbits(posterior: "flowmc.Posterior", path: Path) -> None:
    """Save the velocities folded with each period, the other planet taken off."""
    time, velocity, variance, own = data()
    theta = posterior.flat()[:: max(1, posterior.flat().shape[0] // 40)]
    best = posterior.flat()[np.argmax(posterior.log_prob)]
    planets = best[:10].reshape(2, 5)
    waves = orbits(time, planets).numpy()
    rest = velocity - waves.sum(axis=0)
    weight = own / (variance + np.exp(2 * best[-3:]) @ own)
    rest -= (weight @ rest / weight.sum(axis=1)) @ own
    figure, axes = plt.subplots(2, 1, figsize=(7, 7), layout="constrained")
    for i, axis in enumerate(axes):
        period, longitude = planets[i, 0], planets[i, 4] / (2 * np.pi)
        for used, name in zip(own.astype(bool), INSTRUMENTS.values(), strict=True):
            phase = (time / period + longitude)[used] % 1
            spread = variance[used] ** 0.5
            values = (rest + waves[i])[used]
            axis.errorbar(phase, values, spread, fmt=".", alpha=0.5, label=name)
        phase = np.linspace(0, 1, 300)
        curves = orbits((phase - longitude) * period, theta[:, 5 * i : 5 * i + 5])
        axis.plot(phase, curves.numpy().T, color="k", alpha=0.1)
        axis.set(ylabel="velocity (m/s)", xlabel=f"orbit of planet {'bc'[i]}")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120)
