"""A binary black hole heard by two detectors: masses, distance, an arc of the sky.

An inspiral is injected into the noise of Hanford and Livingston.  Two detectors tell
the angle to the line between them from the delay, so a ring; of the azimuth around it
only how well they hear there, so an arc of the ring.  Azimuth, polarization and phase
are circular parameters, sampled as such.

Known: what was injected; and the evidence and the share of orbits seen from above are
found a second time, with the phase integrated out in closed form (a Bessel function).
`host_target(pool=4)` is the same density in NumPy, in four processes.
Physics and citations: `gravitational_network.py`.
"""

from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
from gravitational_network import HIGH, INJECTED, LOW, NAMES, directions, log_likelihood
from scipy import stats
from study import finish, is_quick
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import flowmc

PERIODIC = ("azimuth", "polarization", "phase")
LABELS = [r"\mathcal{M}_c / M_\odot", "m_2 / m_1", r"d / \mathrm{Gpc}", r"\cos\iota"]
LABELS += [r"\cos\theta", r"\alpha", r"\psi", r"t / \mathrm{s}", r"\phi"]


def host_target(**options: Any) -> "flowmc.Target":
    """Return the NumPy target; `options`, such as a `pool`, go to `flowmc.Target`."""
    sides = zip(NAMES, LOW, HIGH, strict=True)
    prior = {name: stats.uniform(low, high - low) for name, low, high in sides}
    prior["distance"] = stats.beta(3, 1, scale=HIGH[2])  # uniform in volume
    options = {"periodic": PERIODIC, "labels": LABELS} | options
    return flowmc.Target(log_likelihood_fn=log_likelihood, prior=prior, **options)


def graph_target(*, has_phase: bool = True, **options: Any) -> "flowmc.Target":
    """Return the TensorFlow target, or that with the phase integrated out."""
    names = NAMES if has_phase else NAMES[:-1]
    ends = dict(zip(NAMES, np.stack([LOW, HIGH], axis=1), strict=True))
    prior = {name: tfd.Uniform(*ends[name]) for name in names}
    volume = tfd.Beta(np.float64(3), np.float64(1))
    prior["distance"] = tfd.TransformedDistribution(volume, tfb.Scale(HIGH[2]))
    return flowmc.Target(
        log_likelihood_fn=partial(log_likelihood, xp=tnp, bessel=tf.math.bessel_i0e),
        prior=prior,
        periodic=[name for name in PERIODIC if name in names],
        labels=LABELS[: len(names)],
        **options,
    )


def draw_sky(theta: np.ndarray, path: Path) -> None:
    """Save where the draws `[n, 9]` come from, as seen from the rotating Earth."""
    figure = plt.figure(figsize=(8, 4.4))
    axis = figure.add_subplot(projection="mollweide")
    sources = [directions(theta)[0], directions(INJECTED[None])[0]]
    (east, north), (east_in, north_in) = [
        (np.arctan2(s[:, 1], s[:, 0]), np.arcsin(s[:, 2])) for s in sources
    ]
    axis.plot(east, north, ".", color="tab:red", ms=2, alpha=0.2, label="draws")
    axis.plot(
        east_in, north_in, "*", color="tab:cyan", ms=14, mec="k", label="injected"
    )
    axis.set(title="Where the wave came from", xticklabels=[])
    axis.grid(alpha=0.4)
    axis.legend(loc="lower right").legend_handles[0].set(alpha=1, markersize=6)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Sample with the phase and without it, compare, draw."""
    folder = Path("results", "gravitational_wave")
    folder.mkdir(parents=True, exist_ok=True)
    size: dict[str, Any] = {"num_particles": 16384, "kernel": "t_pcn"}
    if is_quick():
        size |= {"num_particles": 512, "num_draws": 500, "model": "gaussian"}
    whole = flowmc.sample_smc(graph_target(), seed=7, **size)
    marginal = flowmc.sample_smc(graph_target(has_phase=False), seed=7, **size)
    theta = whole.flat()
    draw_sky(theta, folder / "sky.png")
    above = [np.mean(run.flat()[:, 3] > 0.0) for run in (whole, marginal)]
    error = np.hypot(whole.log_evidence_error, marginal.log_evidence_error)
    found = (whole.log_evidence, error, marginal.log_evidence, max(0.1, 4 * error))
    checks = [
        ("ln Z, and with the phase integrated out", *found),
        ("share of cos iota > 0, likewise", above[0], 0.01, above[1], 0.05),
    ]
    for i, name in enumerate(NAMES):
        away, half = theta[:, i] - INJECTED[i], (HIGH[i] - LOW[i]) / 2
        if name in PERIODIC:
            away = (away + half) % (2 * half) - half
        low, middle, high = np.quantile(away, [0.005, 0.5, 0.995])
        found, reach = INJECTED[i] + middle, max(high - middle, middle - low)
        if name != "polarization":  # of which nothing is known afterwards
            checks.append((name, found, np.std(away), INJECTED[i], reach))
    finish(whole, "gravitational_wave", checks)


if __name__ == "__main__":
    main()
