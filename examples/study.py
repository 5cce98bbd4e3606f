"""What the studies of this folder share: how long to run, and what to say at the end.

Nothing happens when this file is run by itself.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import flowmc

# A quick run learns no network and needs no gradients: less to train and to compile.
QUICK = {"num_draws": 200, "model": "gaussian", "kernel": "t_pcn"}
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


def draw_planes(
    name: str,
    labels: tuple[str, str],
    panels: Mapping[str, Sequence[np.ndarray]],
    *,
    mark: tuple[float, float] | None = None,
) -> None:
    """Save results/NAME/planes.png: draws as dots, 68 and 95 % of a grid as contours.

    Args:
        name: Of the study.
        labels: Of the two axes.
        panels: Title -> draws `[n, 2]`; the grid's two coordinates, `[i, j]` or `[i]`
            and `[j]`; posterior mass and area of each of its points, `[i, j]`.
        mark: A point to be marked by a cross, such as the simplest model.
    """
    import matplotlib.pyplot as plt

    size = (0.6 + 3.6 * len(panels), 3.6)
    figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False)
    for ax, title in zip(axes[0], panels, strict=True):
        draws, x, y, mass, area = panels[title]
        if x.ndim == 1:
            x, y = np.meshgrid(x, y, indexing="ij")
        shown = draws[:: 1 + len(draws) // MOST_DOTS]
        ax.plot(*shown.T, ".", color=BLUE, ms=3, alpha=0.35, mew=0, label="draws")
        levels = sorted(_level(mass, area, share) for share in SHARES)
        ax.contour(x, y, mass / area, levels, colors=ORANGE, linestyles=["--", "-"])
        for share, style in zip(SHARES, ("-", "--"), strict=True):
            ax.plot([], [], style, color=ORANGE, label=f"{share:.0%} of the grid")
        if mark is not None:
            ax.plot(*mark, "x", color="black", ms=8, mew=1.5)
        ax.set(title=title, xlabel=labels[0], ylabel=labels[1])
    legend = axes[0, 0].legend(frameon=False, fontsize=8)
    legend.get_lines()[0].set(alpha=1, markersize=6)
    figure.tight_layout()
    figure.savefig(_folder(name) / "planes.png", dpi=150)
    plt.close(figure)


def _level(mass: np.ndarray, area: np.ndarray, share: float) -> float:
    """Return the density above which `share` of the grid's mass lies."""
    density = (mass / area).ravel()
    order = np.argsort(-density)
    above = np.cumsum(mass.ravel()[order])
    return float(density[order][np.searchsorted(above, share * above[-1])])


def _folder(name: str) -> Path:
    """Return results/NAME, made if it does not exist."""
    folder = Path("results", name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
