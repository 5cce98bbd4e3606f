"""A flow carries the base space to the target's: the same points, and areas between."""

__all__ = ["main"]

from pathlib import Path

import numpy as np
from common import COLORS, banana, new_figure, save, steps

import flowmc

RADII = (0.5, 1.0, 1.5, 2.0, 2.5)


def main() -> Path:
    """Fit a flow, and draw circles and rays of the base space in both spaces."""
    model = flowmc.models.make("maf", event_size=2, hidden_units=[32, 32])
    flowmc.fit(model, banana(10_000, seed=0), max_steps=steps(2000))
    angle = np.linspace(0.0, 2.0 * np.pi, 400)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    circles = [radius * circle for radius in RADII]
    length = np.linspace(0.0, RADII[-1], 100)[:, None]
    rays = [length * circle[i] for i in range(0, 400, 50)]

    normal = np.random.default_rng(1).normal(size=(1500, 2))
    figure, (left, right) = new_figure(7.0, 3.2, ncols=2)
    made, _ = model.forward_and_log_det(normal)
    for axis, cloud in ((left, normal), (right, made.numpy())):
        axis.plot(*cloud.T, ".", ms=2, color="#bbbbbb")
    for lines, color in ((circles, COLORS[0]), (rays, COLORS[1])):
        for line in lines:
            left.plot(*line.T, color=color, lw=1)
            image, _ = model.forward_and_log_det(line)
            right.plot(*image.numpy().T, color=color, lw=1)
    left.set(title="base space", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    right.set(title="the target's space", xlabel="$x_1$", ylabel="$x_2$")
    right.set(xlim=(-3.2, 3.2), ylim=(-2.5, 9))
    return save(figure, "change_of_variables.png")


if __name__ == "__main__":
    main()
