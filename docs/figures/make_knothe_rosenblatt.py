"""A triangular layer, fitted to draws, finds the Knothe-Rosenblatt map in either order.

For a ~ N(1, 1/2), b | a ~ N(a^2, 1/20) the map that takes a first is known in closed
form: z1 = sqrt(2) (a - 1), z2 = sqrt(20) (b - a^2).
"""

__all__ = ["main"]

from pathlib import Path
from typing import Any

import numpy as np
from common import COLORS, new_figure, save, steps

import flowmc

NUM_DRAWS = 20_000


def main() -> Path:
    """Fit the map in both orders of the coordinates, and draw its level lines."""
    random = np.random.default_rng(0)
    a = 1.0 + np.sqrt(0.5) * random.normal(size=NUM_DRAWS)
    b = a**2 + np.sqrt(0.05) * random.normal(size=NUM_DRAWS)
    draws = np.stack([a, b], axis=-1)
    figure, axes = new_figure(7.4, 2.8, ncols=3)
    first = _fitted(draws)
    z, _ = first.inverse_and_log_det(draws)
    exact = np.stack([np.sqrt(2) * (a - 1), np.sqrt(20) * (b - a**2)], axis=-1)
    inside = (np.abs(exact) < 3.0).all(axis=1)
    rms = np.sqrt(np.mean(np.square(z.numpy() - exact)[inside]))
    for index, color in enumerate(COLORS[:2]):
        pair = exact[::20, index], z.numpy()[::20, index]
        axes[0].plot(*pair, ".", ms=2, color=color, label=f"$z_{index + 1}$")
    axes[0].plot([-3.5, 3.5], [-3.5, 3.5], color=COLORS[3], lw=1, zorder=0)
    axes[0].set(xlabel="closed form", ylabel="learned", title=f"a first: rms {rms:.2f}")
    axes[0].set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
    axes[0].legend(markerscale=4)
    u, v = np.meshgrid(np.linspace(-1.5, 3.5, 150), np.linspace(-1.0, 9.0, 150))
    points = np.stack([u.ravel(), v.ravel()], axis=-1)
    second = _fitted(draws[:, ::-1])
    for axis, values, title in (
        (axes[1], first.inverse_and_log_det(points)[0], "a first, then b"),
        (axes[2], second.inverse_and_log_det(points[:, ::-1])[0], "b first, then a"),
    ):
        _draw_levels(axis, u, v, values.numpy(), draws)
        axis.set(title=title, xlabel="a", ylabel="b", xlim=(-1.5, 3.5), ylim=(-1, 9))
    return save(figure, "knothe_rosenblatt.png")


def _fitted(draws: np.ndarray) -> Any:
    """Return one spline-autoregressive layer fitted to draws `[n, 2]`."""
    model = flowmc.models.make(
        "spline_autoregressive",
        event_size=2,
        num_layers=1,
        hidden_units=[64, 64],
        num_bins=16,
    )
    flowmc.fit(model, draws, max_steps=steps(3000))
    return model


def _draw_levels(axis: Any, u: Any, v: Any, z: np.ndarray, draws: np.ndarray) -> None:
    """Draw where z1 and z2 are -2, -1, 0, 1, 2, over some draws."""
    axis.plot(*draws[:1500].T, ".", ms=1.5, color="#cccccc")
    for index, color in enumerate(COLORS[:2]):
        level = z[:, index].reshape(u.shape)
        levels = [-2, -1, 0, 1, 2]
        axis.contour(u, v, level, levels=levels, colors=color, linewidths=1)


if __name__ == "__main__":
    main()
