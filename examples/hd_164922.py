"""Two planets around HD 164922 from 401 radial velocities of three instruments.

Full Keplerian orbits: period, ln K, sqrt(e) cos w, sqrt(e) sin w and the mean longitude
(a circular parameter) of each planet, and the extra noise ("jitter") of each
instrument; the three zero points are integrated out exactly.  Is the second planet
there?  The evidences of one planet and of two answer, and each is found again by
importance sampling from a t distribution, without any flow.

Data: Fulton et al. (2016), arXiv:1607.00007, as shipped in the `radvel` wheel.
"""

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from keplerian import INSTRUMENTS, data, log_likelihood, orbits
from scipy import special, stats
from study import finish, is_quick
from tensorflow_probability import distributions as tfd

import flowmc

PERIODS = ((1100.0, 1300.0), (74.0, 78.0))  # days: peaks of the periodogram
PUBLISHED = {"period_b": (1201.1, 5.6), "period_c": (75.765, 0.058)}
PUBLISHED |= {"log_k_b": (math.log(7.15), 0.033), "log_k_c": (math.log(2.22), 0.11)}


def graph_target(num_planets: int = 2, **options: Any) -> "flowmc.Target":
    """Return the target; `options` go to `flowmc.Target`."""
    prior, labels = {}, []
    for name, period in list(zip("bc", PERIODS, strict=True))[:num_planets]:
        prior[f"period_{name}"] = tfd.Uniform(*map(np.float64, period))
        prior[f"log_k_{name}"] = tfd.Normal(np.log(3.0), 1.0)
        # Eccentricities fall off as exp(-e / 0.245), at any argument of periastron.
        prior |= {f"{axis}_{name}": tfd.Normal(0.0, np.float64(0.35)) for axis in "xy"}
        prior[f"longitude_{name}"] = tfd.Uniform(-np.float64(np.pi), np.pi)
        axes = [rf"\sqrt{{e}}\{axis}\omega_{name}" for axis in ("cos", "sin")]
        labels += [f"P_{name}", rf"\ln K_{name}", *axes, rf"\lambda_{name}"]
    for name in INSTRUMENTS:
        prior[f"log_jitter_{name}"] = tfd.Normal(np.log(2.0), 0.5)
    return flowmc.Target(
        log_likelihood_fn=log_likelihood,
        prior=prior,
        periodic=[name for name in prior if name.startswith("longitude")],
        labels=[*labels, *(rf"\ln\sigma_{name}" for name in INSTRUMENTS)],
        **options,
    )


def evidence_again(target: "flowmc.Target", draws: np.ndarray) -> tuple[float, float]:
    """Return ln Z by importance sampling from a t with the moments of `draws`."""
    wide = stats.multivariate_t(draws.mean(axis=0), np.cov(draws.T), df=4, seed=2)
    theta = wide.rvs(2000 if is_quick() else 40_000)
    log_weight = target.log_prob(theta) - wide.logpdf(theta)
    share = special.softmax(log_weight)
    error = math.sqrt(np.sum(share**2) - 1 / len(theta))
    return special.logsumexp(log_weight) - math.log(len(theta)), error


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


def main() -> None:
    """Sample both models, compare, draw."""
    folder = Path("results", "hd_164922")
    folder.mkdir(parents=True, exist_ok=True)
    size: dict[str, Any] = {"num_particles": 2048}
    if is_quick():
        size = {"num_particles": 256, "num_draws": 500, "model": "gaussian"}
    checks, found = [], []
    for num_planets in (1, 2):
        target = graph_target(num_planets)
        posterior = flowmc.sample_smc(target, seed=1, **size)
        ours = posterior.log_evidence, posterior.log_evidence_error
        again = evidence_again(target, posterior.flat())
        error = math.hypot(ours[1], again[1])
        what = f"ln Z of {num_planets} planets"
        checks.append((what, *ours, again[0], max(0.1, 4 * error)))
        found.append(ours[0])
    print(f"ln Z rises by {found[1] - found[0]:.1f} with the second planet.")
    for name, (truth, spread) in PUBLISHED.items():
        values = posterior.flat()[:, posterior.names.index(name)]
        checks.append((name, values.mean(), values.std(), truth, 2 * spread))
    draw_orbits(posterior, folder / "orbits.png")
    finish(posterior, "hd_164922", checks)


if __name__ == "__main__":
    main()
