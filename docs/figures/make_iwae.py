"""The importance-weighted bound tightens with the number of codes."""

__all__ = ["main"]

from pathlib import Path
from typing import Any

import numpy as np
from codes import log_joint, log_marginal, noisy_parabola
from common import BLUE, COLORS, ORANGE, QUICK, new_figure, save, steps

import flowmc

CODES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
NUM_JUDGED, REPEATS = 400, 2 if QUICK else 50


def main() -> Path:
    """Fit a VAE by either bound, measure both gaps against quadrature, and draw."""
    draws, judged = noisy_parabola(4000, seed=0), noisy_parabola(NUM_JUDGED, seed=1)
    figure, axes = new_figure(5.2, 3.2)
    for loss, color in (("elbo", BLUE), ("iwae", ORANGE)):
        vae = flowmc.models.make("vae", event_size=2, latent_size=1, hidden_units=[32])
        flowmc.fit(vae, draws, loss=loss, max_steps=steps(1500))
        exact = log_marginal(log_joint(vae, judged))
        gaps = [_gap(vae, judged, exact, num) for num in CODES]
        label = f"trained by {loss.upper()}: mean log p(x) {exact.mean():.2f}"
        axes.plot(CODES, gaps, "o-", ms=4, color=color, label=label)
    axes.plot(CODES, gaps[0] / np.array(CODES), ":", color=COLORS[3], label="1 / K")
    axes.set(xscale="log", yscale="log", xlabel="codes a point, K")
    axes.set(ylabel="median gap of the bound (nats)")
    axes.set_xticks(CODES, CODES)
    axes.minorticks_off()
    axes.legend()
    return save(figure, "iwae.png")


def _gap(vae: Any, x: np.ndarray, exact: np.ndarray, num: int) -> float:
    """Return the median over points of the gap, from repeated codes.

    The average of normalized weights has mean one: adding it takes most of the noise.
    """
    total = np.zeros(len(x))
    for seed in range(REPEATS):
        log_mean = vae.iwae_bound(x, num_importance=num, seed=seed).numpy() - exact
        total += np.exp(log_mean) - 1.0 - log_mean
    return float(np.median(total / REPEATS))


if __name__ == "__main__":
    main()
