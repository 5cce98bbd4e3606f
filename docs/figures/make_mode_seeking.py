"""Two modes, and what is left of them by the direction of the divergence."""

__all__ = ["main"]

from pathlib import Path

import numpy as np
import tensorflow as tf
from common import BLUE, COLORS, new_figure, save, steps

import flowmc

CENTERS, WEIGHTS = np.array([[-1.0, -1.0], [6.0, 4.0]]), np.array([0.6, 0.4])


def main() -> Path:
    """Fit two flows and two VAEs by either divergence, and draw their densities."""
    random = np.random.default_rng(0)
    exact = CENTERS[random.choice(2, size=4000, p=WEIGHTS)]
    exact = exact + random.normal(size=exact.shape)
    panels = {
        "flow, reverse KL": ("maf", "reverse_kl"),
        "flow, forward KL": ("maf", "forward_kl"),
        "VAE, reverse KL": ("vae", "reverse_elbo"),
        "VAE, IWAE": ("vae", "iwae"),
    }
    figure, axes = new_figure(8.0, 2.5, ncols=4, sharex=True, sharey=True)
    for axis, (title, (family, loss)) in zip(axes, panels.items(), strict=True):
        model = flowmc.models.make(family, event_size=2, hidden_units=[32, 32])
        source = {"target": _log_prob} if loss.startswith("reverse") else {}
        learned = None if source else exact
        flowmc.fit(model, learned, loss=loss, max_steps=steps(1500), **source)
        draws = model.sample(2000, seed=1).numpy()
        near = np.linalg.norm(draws[:, None] - CENTERS, axis=-1) < 4.0
        axis.plot(*exact[:1000].T, ".", ms=2, color=COLORS[3], alpha=0.6)
        axis.plot(*draws[:1000].T, ".", ms=2, color=BLUE)
        first, second = near.mean(axis=0)
        axis.set_title(f"{title}\n{first:.0%} and {second:.0%}")
        axis.set(xlim=(-5, 10), ylim=(-5, 8), aspect="equal")
    return save(figure, "mode_seeking.png")


def _log_prob(x: tf.Tensor) -> tf.Tensor:
    """Return the log-density of the target up to a constant: `[n, 2] -> [n]`."""
    squares = tf.reduce_sum(tf.square(x[:, None, :] - CENTERS), axis=-1)
    return tf.reduce_logsumexp(np.log(WEIGHTS) - 0.5 * squares, axis=-1)


if __name__ == "__main__":
    main()
