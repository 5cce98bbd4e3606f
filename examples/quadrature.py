"""Known answers for the studies of this folder, by quadrature on grids.

Nothing happens when this file is run by itself.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from study import Check


def integrate_out(
    residual_fn: Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    start: np.ndarray,
    *,
    order: int = 3,
) -> np.ndarray:
    """Integrate exp(-residual^2 / 2) over nuisance parameters with a flat prior.

    The integrand has to be nearly normal in these.  Gauss-Newton finds its maximum at
    each point, and Gauss-Hermite quadrature goes around it.

    Args:
        residual_fn: theta `[n, F + K] -> [n, M]`, in standard deviations.
        points: The first F parameters `[n, F]`.
        start: A guess of the K others `[K]`, none of them zero.
        order: Nodes along each of the K axes.

    Returns:
        The logarithm of the integral `[n]`, up to a constant.
    """
    num_fixed, num_free = points.shape[1], len(start)
    theta = np.concatenate([points, np.tile(start, (len(points), 1))], axis=1)
    shifts = np.eye(num_fixed + num_free)[num_fixed:] * 1e-4 * theta[0]
    for _ in range(8):
        residual = residual_fn(theta)
        slopes = np.stack([residual_fn(theta + s) - residual for s in shifts], axis=1)
        curvature = slopes @ slopes.transpose(0, 2, 1)
        step = np.linalg.solve(curvature, slopes @ residual[..., None])[..., 0]
        theta = theta - step @ shifts
    root = np.linalg.cholesky(curvature)
    scale = np.linalg.inv(root) @ shifts
    best = np.sum(residual_fn(theta) ** 2, axis=1)
    total = np.zeros(len(points))
    rule = zip(*np.polynomial.hermite_e.hermegauss(order), strict=True)
    for pairs in itertools.product(rule, repeat=num_free):
        node, weights = np.transpose(pairs)
        above = np.sum(residual_fn(theta + node @ scale) ** 2, axis=1) - best
        total += weights.prod() * np.exp(0.5 * (node @ node - above))
    return np.log(total) - 0.5 * best - np.log(np.linalg.det(root))


def gauss_legendre(
    *intervals: tuple[float, float], order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights, `order` of them on each interval in turn."""
    x, w = np.polynomial.legendre.leggauss(order)
    nodes = [low + (high - low) * (x + 1) / 2 for low, high in intervals]
    weights = [(high - low) / 2 * w for low, high in intervals]
    return np.concatenate(nodes), np.concatenate(weights)


def trapezoid(low: float, high: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the trapezoidal rule: exact, nearly, on a circle."""
    weights = np.full(order, (high - low) / (order - 1))
    weights[[0, -1]] /= 2
    return np.linspace(low, high, order), weights


def tensor_grid(
    *rules: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return points `[n, D]` and weights `[n]` of the product of D rules."""
    points, weights = (np.meshgrid(*x, indexing="ij") for x in zip(*rules, strict=True))
    flat = np.stack(points, axis=-1).reshape(-1, len(rules))
    return flat, np.prod(weights, axis=0).ravel()


def compare_means(
    features: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    draws: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    *,
    ess: float,
    tolerance: float,
) -> list[Check]:
    """Return checks of the means of functions of the parameters, such as of a mode.

    Args:
        features: What -> function `[n, D] -> [n]`.
        draws: Of the posterior `[n, D]`.
        points: Of a grid `[m, D]`.
        weights: Posterior mass of each of its points `[m]`, up to a factor.
        ess: What the draws are worth in independent ones.
        tolerance: Of each mean.
    """
    checks = []
    for what, feature in features.items():
        found, truth = feature(draws), np.average(feature(points), weights=weights)
        error = found.std() / ess**0.5
        checks.append((what, found.mean(), error, truth, tolerance))
    return checks


def compare_moments(
    draws: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    *,
    names: Sequence[str],
    ess: float,
) -> list[Check]:
    """Return checks of means, standard deviations and correlations.

    Tolerances: a twentieth of the standard deviation; a tenth of 1 - r^2 for
    correlations r.

    Args:
        draws: Of the posterior `[n, F]`.
        points: Of a grid `[m, F]`.
        weights: Posterior mass of each of its points `[m]`, up to a factor.
        names: Of the F parameters.
        ess: What the draws are worth in independent ones.
    """
    found, truth = _moments(draws), _moments(points, weights)
    sd, correlation = truth["sd"], truth["correlation"]
    errors = {"mean": sd, "sd": sd / 2**0.5, "correlation": 1 - correlation**2}
    tolerances = {
        "mean": sd / 20,
        "sd": sd / 20,
        "correlation": errors["correlation"] / 10,
    }
    pairs = [" and ".join(pair) for pair in itertools.combinations(names, 2)]
    return [
        (f"{kind} of {name}", *numbers)
        for kind in truth
        for name, *numbers in zip(
            pairs if kind == "correlation" else names,
            found[kind],
            errors[kind] / ess**0.5,
            truth[kind],
            tolerances[kind],
            strict=True,
        )
    ]


def _moments(x: np.ndarray, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return mean, sd and correlation (each pair once) of points `[n, F]`."""
    covariance = np.cov(x.T, aweights=weights, ddof=0)
    sd = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(sd, sd)
    mean = np.average(x, axis=0, weights=weights)
    pairs = np.triu_indices(len(sd), k=1)
    return {"mean": mean, "sd": sd, "correlation": correlation[pairs]}
