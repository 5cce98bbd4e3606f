"""Mass ordering, octant and CP phase of neutrinos, from a long baseline.

Electrons and muons from beams of muon neutrinos and antineutrinos, 810 km away.  Counts
are those expected ("Asimov data") at the best fit of NuFIT 6.0, arXiv:2410.05380, for
spectra of our own.  Parameters: sin^2 theta_23, the phase delta (circular), dm31 in
1e-3 eV^2, whose sign is the ordering, and sin^2 theta_13 with the reactors' error.
Known answer: a grid.  Propagation is exact: the rotation by theta_23 and delta commutes
with matter, and the exponential of the real matrix that is left is a polynomial in it.
"""

from typing import Any

import numpy as np
from quadrature import compare_means, gauss_legendre, tensor_grid, trapezoid
from study import QUICK, draw_planes, finish, is_quick

import flowmc

BOUNDS = {"s23": (0.3, 0.7), "delta": (0, 2 * np.pi), "dm31": (-3, 3)}
BOUNDS["s13"] = (0.019, 0.0255)
LABELS = [r"\sin^2\theta_{23}", r"\delta", r"\Delta m^2_{31}", r"\sin^2\theta_{13}"]
ABOUT = {"names": [*BOUNDS], "bounds": BOUNDS, "labels": LABELS, "periodic": ["delta"]}
BEST_FIT, REACTOR_SD = np.array([[0.470, np.deg2rad(212), 2.513, 0.02215]]), 0.00057
S12, DM21, THIRDS = 0.308, 0.0749, 2 * np.pi / 3 * np.arange(3)
ENERGY = np.tile(np.arange(0.9, 3.9, 0.2), 2)  # GeV, of neutrinos and antineutrinos
SIGN = np.repeat([1, -1], ENERGY.size // 2)  # the latter see delta and matter reversed
POTENTIAL = SIGN * ENERGY * 0.1526493 * 0.5 * 2.84  # 2 E V of 2.84 g/cm^3, 1e-3 eV^2
PHASE = 2.533865e-3 * 810.0 / ENERGY[:, None]  # of an eigenvalue in 1e-3 eV^2, 810 km
BEAM = (120 + 40 * SIGN) * np.exp(-2 * (ENERGY - 2) ** 2)  # muons, if none oscillated
EFFICIENCY, BACKGROUND = 0.6, 0.02  # of electrons; share of the beam taken for them


def probabilities(theta: Any, xp: Any = np) -> tuple[Any, Any]:
    """Return P(mu -> e) and P(mu -> mu), `[n, 4] -> [n, 2 bins]`; `xp` like NumPy."""
    s23, delta, dm31, s13 = (theta[:, i, None] for i in range(4))
    c23, c13, solar = 1 - s23, 1 - s13, DM21 * S12
    mean = (dm31 + DM21 + POTENTIAL) / 3  # the matrix without it has no trace
    ee = c13 * solar + s13 * dm31 + POTENTIAL - mean
    ss, tt = DM21 - solar - mean, c13 * dm31 + s13 * solar - mean
    es, st = (x * DM21 * (S12 * (1 - S12)) ** 0.5 for x in (c13**0.5, -(s13**0.5)))
    et = (s13 * c13) ** 0.5 * (dm31 - solar)
    p = (ee**2 + ss**2 + tt**2) / 6 + (es**2 + et**2 + st**2) / 3
    q = ee * (ss * tt - st**2) / 2 + es * et * st - (es**2 * tt + et**2 * ss) / 2
    angle = xp.arctan2(xp.sqrt(xp.maximum(p**3 - q**2, 1e-30)), q)[..., None]
    p, value = p[..., None], 2 * xp.sqrt(p)[..., None] * xp.cos(angle / 3 + THIRDS)
    cos, sin = xp.cos(value * PHASE), xp.sin(value * PHASE)

    def evolve(entry: Any, square: Any, unit: int = 0) -> list[Any]:  # exp(-i H L)
        term = square[..., None] + value * entry[..., None] + unit * (value**2 - 3 * p)
        return [xp.sum(x * term / (3 * (value**2 - p)), axis=-1) for x in (cos, sin)]

    a, b = evolve(es, es * (ee + ss) + et * st), evolve(et, et * (ee + tt) + es * st)
    s, t = evolve(ss, es**2 + ss**2 + st**2, 1), evolve(tt, et**2 + st**2 + tt**2, 1)
    st = evolve(st, es * et + st * (ss + tt))
    turn, cross = xp.cos(delta), 2 * (s23 * c23) ** 0.5
    appear = c23 * (a[0] ** 2 + a[1] ** 2) + s23 * (b[0] ** 2 + b[1] ** 2)
    appear = appear + cross * turn * (a[0] * b[0] + a[1] * b[1])
    appear = appear - cross * SIGN * xp.sin(delta) * (a[0] * b[1] - a[1] * b[0])
    stay = [c23 * s[i] + s23 * t[i] + cross * turn * st[i] for i in (0, 1)]
    return appear, stay[0] ** 2 + stay[1] ** 2


def expected(theta: Any, xp: Any = np) -> Any:
    """Return expected counts of electrons, then of muons, `[n, 4] -> [n, 4 bins]`."""
    appear, survive = probabilities(theta, xp)
    signal = [EFFICIENCY * appear + BACKGROUND, survive + BACKGROUND / 4]
    return xp.concatenate([BEAM * x for x in signal], axis=1)


def log_posterior(theta: Any, xp: Any = np) -> Any:
    """Log of Poisson likelihood and reactor prior, `[n, 4] -> [n]`; 0 at the truth."""
    counts, data = expected(theta, xp), expected(BEST_FIT)
    fit = xp.sum(data * xp.log(counts / data) - counts + data, axis=1)
    return fit - 0.5 * ((theta[:, 3] - BEST_FIT[0, 3]) / REACTOR_SD) ** 2


def host_target(function: Any = log_posterior, **options: Any) -> "flowmc.Target":
    """Return the NumPy target; `options` go to `flowmc.Target`."""
    return flowmc.Target(function, **ABOUT | options)


def graph_target(**options: Any) -> "flowmc.Target":
    """Return the TensorFlow target; `options` go to `flowmc.Target`."""
    import tensorflow.experimental.numpy as tnp

    return host_target(lambda theta: log_posterior(theta, tnp), **options)


def main() -> None:
    """Sample, integrate on a grid, compare the weights of the modes and draw them."""
    size, options = (4, QUICK) if is_quick() else (12, {"num_draws": 8000})
    target = graph_target()  # whose gradients do not repay their compilation
    posterior = flowmc.sample_smc(target, seed=4, **{"kernel": "t_pcn"} | options)
    draws, ess = posterior.flat(), min(posterior.diagnostics.ess_bulk)
    s23, ds23 = gauss_legendre((0.35, 0.5), (0.5, 0.65), order=size + 6)
    delta, ddelta = trapezoid(0, 2 * np.pi, 2 * size + 1)
    dm31 = gauss_legendre((-2.55, -2.25), (2.36, 2.66), order=size + 2)
    s13 = gauss_legendre((0.0197, 0.0246), order=size)
    grid, weights = tensor_grid((s23, ds23), (delta, ddelta), dm31, s13)
    mass = np.exp(target.log_prob(grid)) * weights
    features = {
        "inverted ordering": lambda theta: theta[:, 2] < 0,
        "upper octant": lambda theta: theta[:, 0] > 0.5,
        "both of these": lambda theta: (theta[:, 2] < 0) & (theta[:, 0] > 0.5),
        "mean of cos delta": lambda theta: np.cos(theta[:, 1]),
        "mean of sin delta": lambda theta: np.sin(theta[:, 1]),
    }
    checks = compare_means(features, draws, grid, mass, ess=ess, tolerance=0.02)
    area, is_normal = np.outer(ds23, ddelta), draws[:, 2] > 0
    mass = np.moveaxis(mass.reshape(*area.shape, 2, -1).sum(axis=-1), 2, 0)  # ordering
    panels = {}
    for i, word in enumerate(("inverted", "normal")):
        shown = draws[is_normal == i, :2]
        panels[f"{word} ordering"] = [shown, s23, delta, mass[i], area]
    draw_planes("neutrino", (r"$\sin^2\theta_{23}$", r"$\delta$"), panels)
    finish(posterior, "neutrino", checks)


if __name__ == "__main__":
    main()
