"""Evolving dark energy from baryon acoustic oscillations and a compressed CMB.

Flat priors on w0 and wa, w(a) = w0 + wa (1 - a), on H0 and on the densities of baryons,
`ob`, and of baryons and cold dark matter, `obc`, times h^2, of a flat universe.  Known
answer: a grid in (w0, wa), the others integrated by Gauss-Hermite quadrature.
`host_target(pool=4)` is the same density in NumPy, in four processes.

Data: DESI DR2 distances and the three numbers that stand for the CMB, arXiv:2503.14738,
table IV and appendix A, with the public likelihood's covariances.  Recombination:
arXiv:2106.00428, scaled to Planck's, arXiv:1807.06209; neutrinos: arXiv:1001.4538.
"""

from typing import Any

import numpy as np
from quadrature import compare_moments, integrate_out
from study import QUICK, draw_planes, finish, is_quick

import flowmc

# D_V / r_d of the lowest redshift; then z, D_M / r_d, D_H / r_d, variances, covariance.
LOWEST_Z, LOWEST, LOWEST_VARIANCE = 0.295, 7.94167639, 5.78998687e-3
TRACERS = np.transpose(
    [
        [0.510, 13.58758434, 21.86294686, 2.83473742e-2, 1.83928040e-1, -3.26062007e-2],
        [0.706, 17.35069094, 19.45534918, 3.23752442e-2, 1.11469198e-1, -2.37445646e-2],
        [0.934, 21.57563956, 17.64149464, 2.61732816e-2, 4.04183878e-2, -1.12938006e-2],
        [1.321, 27.60085612, 14.17602155, 1.05336516e-1, 5.04233092e-2, -2.90308418e-2],
        [1.484, 30.51190063, 12.81699964, 5.83020277e-1, 2.68336193e-1, -1.95215562e-1],
        [2.330, 38.98897396, 8.63154567, 2.82685779e-1, 1.02136194e-2, -2.31395216e-2],
    ]
)
CMB = [0.01041, 0.02223, 0.14208]  # theta_*, ob, obc; then their covariance / 1e-9
CMB_COVARIANCE = [0.006621, 0.12444, -1.1929, 0.12444, 21.344, -94.001]
CMB_COVARIANCE += [-1.1929, -94.001, 1488.4]
A = 1 / (1 + np.array([LOWEST_Z, *TRACERS[0]]))[:, None]  # scale factors [7, 1]
DATA = np.array([LOWEST, *TRACERS[1], *TRACERS[2], *CMB])
COVARIANCE = np.diag([LOWEST_VARIANCE, *TRACERS[3], *TRACERS[4], 0, 0, 0])
COVARIANCE[range(1, 7), range(7, 13)] = TRACERS[5]
COVARIANCE[range(7, 13), range(1, 7)] = TRACERS[5]
COVARIANCE[13:, 13:] = 1e-9 * np.reshape(CMB_COVARIANCE, (3, 3))
WHITEN = np.linalg.inv(np.linalg.cholesky(COVARIANCE)).T

NAMES = ("w0", "wa", "H0", "ob", "obc")
LABELS = ("w_0", "w_a", "H_0", r"\omega_b", r"\omega_{bc}")
BOUNDS = ((-3, 1), (-3, 2), (45, 90), (0.02, 0.025), (0.12, 0.17))
PHOTONS, N_EFF, LIGHT = 2.4728e-5, 3.044, 2997.92458  # Omega h^2; c / (100 km/s/Mpc)
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(24) + np.array([[1], [0]])) / 2


def residuals(theta: Any, xp: Any = np) -> Any:
    """Return prediction minus DATA, uncorrelated and in sd, `[n, 5] -> [n, 16]`."""
    w0, wa, H0, ob, obc = (theta[:, i, None, None] for i in range(5))

    def matter(a: Any) -> Any:  # and radiation; one of three neutrinos has 0.06 eV
        massive = (1 + (0.3173 * 358.0 * a) ** 1.83) ** (1 / 1.83)
        return (obc + PHOTONS * (1 + 0.2271 * N_EFF / 3 * (2 + massive)) / a) / a**3

    def speed(a: Any) -> Any:  # H / (100 km/s/Mpc)
        evolution = a ** (-3 * (1 + w0 + wa)) * xp.exp(-3 * wa * (1 - a))
        return xp.sqrt(matter(a) + ((H0 / 100) ** 2 - matter(1.0)) * evolution)

    def distance(a: Any) -> Any:  # comoving, in Mpc, by quadrature in ln a
        rate = WEIGHTS * a**-NODES / speed(a**NODES)
        return -LIGHT * xp.log(a)[..., 0] * xp.sum(rate, axis=-1)

    om = obc + 0.06 / 93.14
    z_star = om**-0.731631 + 937.422 * ob**-0.04285 * om**0.0192951
    z_star = 1.000987 * (z_star + 391.672 * ob**0.93681 * om**-0.3530009)  # to 1089.92
    a_star = 1 / (1 + z_star)
    a = a_star * NODES  # the sound horizon at recombination, by quadrature in a
    rate = WEIGHTS / (a**2 * speed(a) * xp.sqrt(3 + 2.25 * ob / PHOTONS * a))
    r_star = LIGHT * a_star[..., 0] * xp.sum(rate, axis=-1)
    r_drag = 147.031 * (ob / 0.02236) ** -0.13 * (om / 0.1432) ** -0.23  # at N_EFF
    d_m, d_h = distance(A) / r_drag[..., 0], LIGHT / (speed(A) * r_drag)[..., 0]
    d_v = (LOWEST_Z * d_m[:, :1] ** 2 * d_h[:, :1]) ** (1 / 3)
    cmb = [r_star / distance(a_star), ob[..., 0], obc[..., 0]]
    predicted = xp.concatenate([d_v, d_m[:, 1:], d_h[:, 1:], *cmb], axis=1)
    return (predicted - DATA) @ WHITEN


def log_likelihood(theta: Any, xp: Any = np) -> Any:
    """Log-likelihood `[n, 5] -> [n]`; early matter asks for w0 + wa < 0."""
    value = -0.5 * xp.sum(residuals(theta, xp) ** 2, axis=1)
    return xp.where(theta[:, 0] + theta[:, 1] < 0, value, -np.inf)


def host_target(function: Any = log_likelihood, **options: Any) -> "flowmc.Target":
    """Return the NumPy target; `options` go to `flowmc.Target`."""
    options = {"names": NAMES, "bounds": BOUNDS, "labels": LABELS} | options
    return flowmc.Target(function, **options)


def graph_target(**options: Any) -> "flowmc.Target":
    """Return the TensorFlow target; `options` go to `flowmc.Target`."""
    import tensorflow.experimental.numpy as tnp

    return host_target(lambda theta: log_likelihood(theta, tnp), **options)


def main() -> None:
    """Sample, integrate on a grid, compare the moments of (w0, wa) and draw both."""
    size, options = (16, QUICK) if is_quick() else (40, {"num_draws": 1000})
    posterior = flowmc.sample(graph_target(), seed=1, **options)
    draws, ess = posterior.flat()[:, :2], posterior.diagnostics.ess_bulk[:2].min()
    # The posterior is narrow along the first axis of the grid, w0 + 0.33 wa.
    nodes, weights = np.polynomial.legendre.leggauss(size)
    p, wa = np.meshgrid(np.linspace(-1.25, -0.75, size), -1.1 + 1.9 * nodes)
    grid = np.stack([p - 0.33 * wa, wa], axis=-1).reshape(-1, 2)
    log_density = integrate_out(residuals, grid, np.array([65.0, 0.0222, 0.142]))
    area = np.repeat(weights, size)
    mass = np.exp(log_density - log_density.max()) * area
    checks = compare_moments(draws, grid, mass, names=NAMES[:2], ess=ess)
    shown = [draws, *(x.reshape(p.shape) for x in (*grid.T, mass, area))]
    draw_planes("dark_energy", ("$w_0$", "$w_a$"), {"DESI + CMB": shown}, mark=(-1, 0))
    finish(posterior, "dark_energy", checks)


if __name__ == "__main__":
    main()
