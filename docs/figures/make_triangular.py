"""Which coordinate of z sees which of x: coupling, autoregressive, and a stack."""

__all__ = ["main"]

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from common import new_figure, save, steps

import flowmc

NUM_PAIRS = 4


def main() -> Path:
    """Fit three flows to Rosenbrock pairs, and draw the size of their Jacobians."""
    size = 2 * NUM_PAIRS
    draws = _draws(5000)
    panels = {
        "one coupling layer": ("realnvp", {"num_layers": 1}),
        "one autoregressive layer": ("maf", {"num_layers": 1}),
        "five of them, alternating": ("maf", {"num_layers": 5}),
    }
    figure, axes = new_figure(7.4, 2.8, ncols=3)
    for axis, (title, (family, options)) in zip(axes, panels.items(), strict=True):
        model = flowmc.models.make(
            family, event_size=size, hidden_units=[32, 32], **options
        )
        flowmc.fit(model, draws, max_steps=steps(1000), whiten=False)
        jacobian = _jacobian(model, draws[:100])
        shown = axis.imshow(jacobian, cmap="Blues", vmin=0.0, vmax=1.0)
        axis.set(title=title, xlabel="coordinate of x")
        axis.spines[["top", "right"]].set_visible(True)
        axis.set_xticks(range(size), range(1, size + 1))
        axis.set_yticks(range(size), range(1, size + 1))
    axes[0].set_ylabel("coordinate of z")
    label = r"rms of $\partial z_i / \partial x_j$"
    figure.colorbar(shown, ax=axes, label=label, extend="max", shrink=0.8)
    return save(figure, "triangular.png")


def _draws(n: int) -> np.ndarray:
    """Return standardized draws of pairs a ~ N(0, 1), b | a ~ N(a^2 / 2 + a, 0.3^2).

    Each a is correlated with the one of the pair before.
    """
    random = np.random.default_rng(0)
    columns, a = [], random.normal(size=n)
    for _ in range(NUM_PAIRS):
        a = 0.7 * a + np.sqrt(1 - 0.7**2) * random.normal(size=n)
        columns += [a, 0.5 * a**2 + a + 0.3 * random.normal(size=n)]
    draws = np.stack(columns, axis=-1)
    return (draws - draws.mean(axis=0)) / draws.std(axis=0)


def _jacobian(model: Any, x: np.ndarray) -> np.ndarray:
    """Return the root mean square over points of dz/dx, `[D, D]`."""
    points = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(points)
        z, _ = model.inverse_and_log_det(points)
    jacobian = tape.batch_jacobian(z, points, experimental_use_pfor=False)
    return np.sqrt(np.mean(np.square(jacobian.numpy()), axis=0))


if __name__ == "__main__":
    main()
