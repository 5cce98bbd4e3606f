"""Two planets around HD 164922 from 401 radial velocities of three instruments.

Full Keplerian orbits: period, ln K, sqrt(e) cos w, sqrt(e) sin w and the mean longitude
(a circular parameter) of each planet, and the extra noise ("jitter") of each
instrument; the three zero points are integrated out exactly.  How many planets are
there?  The evidences of none, of one and of two answer.  That of none is known by
quadrature; the others are found again by importance sampling from a t distribution,
without any flow.  Periods and ln K are held against RadVel's own fit of these data.

Data: Fulton et al. (2016), arXiv:1607.00007, as shipped in the `radvel` wheel.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from keplerian import INSTRUMENTS, draw_orbits, log_likelihood
from scipy import special, stats
from study import finish, is_quick
from tensorflow_probability import distributions as tfd

import flowmc

PERIODS = ((1100.0, 1300.0), (74.0, 78.0))  # days: peaks of the periodogram
# Medians and half of the 68 % intervals, in example_planets/HD164922 of RadVel's
# repository, version 0.9.7; its prior is flat in the eccentricities and jitters.
RADVEL = {"period_b": (1198.4, 4.1), "period_c": (75.730, 0.043)}
RADVEL |= {"log_k_b": (1.978, 0.034), "log_k_c": (0.79, 0.135)}


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


def evidence_of_none() -> float:
    """Return ln Z without planets, whose likelihood is a product over instruments."""
    target, nodes = graph_target(0), np.linspace(-2.0, 4.0, 4001)
    middle = np.log([[2.0, 2.0, 2.0]])
    at_middle = float(target.log_prob(middle)[0])
    total = at_middle + 3 * math.log(nodes[1] - nodes[0])
    for i in range(3):
        theta = np.repeat(middle, len(nodes), axis=0)
        theta[:, i] = nodes
        total += special.logsumexp(target.log_prob(theta) - at_middle)
    return total


def evidence_again(target: "flowmc.Target", draws: np.ndarray) -> tuple[float, float]:
    """Return ln Z by importance sampling from a t with the moments of `draws`."""
    wide = stats.multivariate_t(draws.mean(axis=0), np.cov(draws.T), df=4, seed=2)
    theta = wide.rvs(2000 if is_quick() else 40_000)
    log_weight = target.log_prob(theta) - wide.logpdf(theta)
    share = special.softmax(log_weight)
    error = math.sqrt(np.sum(share**2) - 1 / len(theta))
    return special.logsumexp(log_weight) - math.log(len(theta)), error


def main() -> None:
    """Sample both models, compare all three, draw."""
    folder = Path("results", "hd_164922")
    folder.mkdir(parents=True, exist_ok=True)
    size: dict[str, Any] = {"num_particles": 2048}
    if is_quick():
        size = {"num_particles": 256, "num_draws": 500, "model": "gaussian"}
    checks, none = [], evidence_of_none()
    print(f"ln Z without planets, by quadrature: {none:.2f}")
    for num_planets in (2,) if is_quick() else (1, 2):
        target = graph_target(num_planets)
        posterior = flowmc.sample_smc(target, kernel="t_pcn", seed=1, **size)
        ours = posterior.log_evidence, posterior.log_evidence_error
        again = evidence_again(target, posterior.flat())
        error = math.hypot(ours[1], again[1])
        what = f"ln Z of {num_planets} planets"
        checks.append((what, *ours, again[0], max(0.1, 4 * error)))
        word = "good" if posterior.verdict.ok else "not good"
        print(f"{what}: {ours[0] - none:.1f} more than of none; the verdict is {word}")
    for name, (truth, spread) in RADVEL.items():
        values = posterior.flat()[:, posterior.names.index(name)]
        checks.append((name, np.median(values), values.std(), truth, spread))
    draw_orbits(posterior, folder / "orbits.png")
    finish(posterior, "hd_164922", checks)


if __name__ == "__main__":
    main()
