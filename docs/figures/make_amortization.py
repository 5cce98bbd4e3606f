"""What amortized inference loses: the encoder's shape, and one network for all points.

The gap of the ELBO has two parts.  The best Gaussian for each point by itself leaves
the first; what the encoder's Gaussian is worse than that one is the second.
"""

__all__ = ["main"]

from pathlib import Path
from typing import Any

import numpy as np
from codes import GRID, gaussian_bound, log_joint, log_marginal, noisy_parabola
from common import BLUE, COLORS, ORANGE, new_figure, save, steps
from scipy.optimize import minimize

import flowmc

NUM_JUDGED = 300


def main() -> Path:
    """Fit a small encoder, split its gap point by point, and draw."""
    draws, judged = noisy_parabola(4000, seed=0), noisy_parabola(NUM_JUDGED, seed=1)
    vae = flowmc.models.make("vae", event_size=2, latent_size=1, hidden_units=[16, 16])
    flowmc.fit(vae, draws, loss="elbo", max_steps=steps(1500))
    joint = log_joint(vae, judged)
    exact, encoder = log_marginal(joint), vae.encode(judged)
    mean, sd = encoder.mean().numpy()[:, 0], encoder.stddev().numpy()[:, 0]
    bound = gaussian_bound(joint, mean, sd)
    best = np.array([_best(joint[:, [i]], mean[i], sd[i]) for i in range(len(judged))])
    best_bound = gaussian_bound(joint, *best.T)

    family, amortized = exact - best_bound, best_bound - bound
    shown = int(np.argmax(family + amortized))
    figure, (left, right) = new_figure(7.2, 3.0, ncols=2)
    _draw_point(left, np.exp(joint[:, shown] - exact[shown]), (mean, sd), best, shown)
    _draw_gaps(right, family, amortized, shown)
    return save(figure, "amortization.png")


def _best(joint: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """Return mean and sd of the Gaussian with the largest bound at one point."""
    found = minimize(
        lambda p: -gaussian_bound(joint, p[0], np.exp(p[1]))[0],
        [mean, np.log(sd)],
        method="Nelder-Mead",
        options={"xatol": 1e-5, "fatol": 1e-9, "maxiter": 400},
    )
    return np.array([found.x[0], np.exp(found.x[1])])


def _draw_point(
    axes: Any, posterior: np.ndarray, encoder: Any, best: np.ndarray, shown: int
) -> None:
    """Draw the posterior of one point's code, and both Gaussians."""
    inside = posterior > 1e-3 * posterior.max()
    low, high = GRID[inside][0], GRID[inside][-1]
    axes.fill_between(GRID, posterior, color=COLORS[3], alpha=0.4, lw=0)
    axes.plot([], [], color=COLORS[3], lw=6, alpha=0.4, label="posterior")
    for (mean, sd), style, color, label in (
        ((encoder[0][shown], encoder[1][shown]), "-", ORANGE, "encoder"),
        (best[shown], "--", BLUE, "best Gaussian"),
    ):
        density = np.exp(-0.5 * ((GRID - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        axes.plot(GRID, density, style, color=color, lw=2, label=label)
    margin = 0.3 * (high - low)
    axes.set(xlim=(low - margin, high + margin), xlabel="code z", ylabel="density")
    axes.set_ylim(0, None)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3)


def _draw_gaps(
    axes: Any, family: np.ndarray, amortized: np.ndarray, shown: int
) -> None:
    """Draw both parts of the gap of every point, and name their means."""
    parts = np.maximum(np.stack([family, amortized]), 1e-6)
    axes.plot([1e-5, 3.0], [1e-5, 3.0], color=COLORS[3], lw=1, zorder=0)
    axes.plot(*parts, ".", color=BLUE, ms=4)
    axes.plot(*parts[:, shown], "o", color=ORANGE, ms=6, label="the point on the left")
    axes.set(xscale="log", yscale="log", xlim=(1e-5, 3.0), ylim=(1e-5, 3.0))
    axes.set_xlabel(f"best Gaussian of each point: mean {family.mean():.3f} nats")
    axes.set_ylabel(f"amortization: mean {amortized.mean():.3f} nats")
    axes.legend(loc="lower right")


if __name__ == "__main__":
    main()
