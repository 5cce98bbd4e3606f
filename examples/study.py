"""What the studies of this folder share: how long to run, and what to say at the end.

Nothing happens when this file is run by itself.
"""

import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

import flowmc

SHARES = (0.68, 0.95)
MOST_DOTS = 4000
BLUE, ORANGE = "#3566a8", "#d9822b"
Check = tuple[str, float, float, float, float]


def is_quick() -> bool:
    """Return whether FLOWMC_QUICK=1 asks for seconds instead of accuracy."""
    return os.environ.get("FLOWMC_QUICK") == "1"


def finish(posterior: "flowmc.Posterior", name: str, checks: Sequence[Check]) -> None:
    """Print and save what was found, and hold it against what is known.

    Summary, verdict and cost are printed; corner.png, trace.png, training.png and
    posterior.h5 are saved in results/NAME, next to what the study put there itself.

    Args:
        posterior: What the study has sampled.
        name: Of the study, and of its folder.
        checks: (what, found, error, truth, tolerance) of each quantity with a known
            answer.  `error` is the standard error of `found` and is only printed;
            |found - truth| may be at most `tolerance`, all in the same unit.

    Raises:
        SystemExit: With status 1 if a check differs, except in quick mode, which is
            too short to agree with anything.
    """
    seconds = posterior.cost.seconds.get("total", float("nan"))
    print(posterior.summary())
    if posterior.log_evidence is not None:
        print(
            f"ln Z = {posterior.log_evidence:.4f} +- {posterior.log_evidence_error:.4f}"
        )
    print(posterior.verdict)
    print(
        f"Cost: {posterior.cost.log_prob_calls:,} evaluations, "
        f"{posterior.cost.gradient_calls:,} gradients, {seconds:.0f} s"
    )
    agree = [_holds(*check) for check in checks]

    folder = _folder(name)
    for kind in ("corner", "trace", "training"):
        getattr(posterior, f"plot_{kind}")(folder / f"{kind}.png")
    posterior.save(folder / "posterior.h5")
    print(f"Results in {folder}: {', '.join(sorted(p.name for p in folder.iterdir()))}")
    if not all(agree) and not is_quick():
        sys.exit(1)


def _holds(
    what: str, found: float, error: float, truth: float, tolerance: float
) -> bool:
    """Print one check; return whether it holds, which NaN never does."""
    agrees = abs(found - truth) <= tolerance
    word = "agrees" if agrees else "DIFFERS"
    print(f"{what}: found {found:.5g} +- {error:.2g}, truth {truth:.5g}, {word}")
    return bool(agrees)


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
        theta = theta - np.clip(step, -1e3, 1e3) @ shifts  # at most a tenth of start
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


def draw_planes(
    name: str, labels: tuple[str, str], panels: Mapping[str, Sequence[np.ndarray]]
) -> None:
    """Save results/NAME/planes.png: draws as dots, 68 and 95 % of a grid as contours.

    Args:
        name: Of the study.
        labels: Of the two axes.
        panels: Title -> draws `[n, 2]`, the grid's two coordinates, its density, and
            the area that belongs to each of its points, all `[i, j]`.
    """
    import matplotlib.pyplot as plt

    size = (0.6 + 3.6 * len(panels), 3.6)
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False)
    for ax, title in zip(axes[0], panels, strict=True):
        draws, x, y, density, area = panels[title]
        shown = draws[:: 1 + len(draws) // MOST_DOTS]
        ax.plot(*shown.T, ".", color=BLUE, ms=2, alpha=0.3, mew=0, label="draws")
        levels = sorted(_level(density, area, share) for share in SHARES)
        ax.contour(x, y, density, levels, colors=ORANGE, linestyles=["--", "-"])
        for share, style in zip(SHARES, ("-", "--"), strict=True):
            ax.plot([], [], style, color=ORANGE, label=f"{share:.0%} of the grid")
        ax.set(title=title, xlabel=labels[0], ylabel=labels[1])
    legend = axes[0, 0].legend(frameon=False, fontsize=8)
    legend.get_lines()[0].set(alpha=1, markersize=6)
    figure.tight_layout()
    figure.savefig(_folder(name) / "planes.png", dpi=150)
    plt.close(figure)


def _level(density: np.ndarray, area: np.ndarray, share: float) -> float:
    """Return the density above which `share` of the grid's mass lies."""
    order = np.argsort(-density, axis=None)
    mass = np.cumsum((density * area).ravel()[order])
    return float(density.ravel()[order][np.searchsorted(mass, share * mass[-1])])


def _folder(name: str) -> Path:
    """Return results/NAME, made if it does not exist."""
    folder = Path("results", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
