"""Drawing from a MAF: coordinates come right one a pass, or all in one incremental.

The textbook repeats whole passes; pass k leaves k coordinates right.  On the right, the
stored measurement of what the slower direction costs here (`benchmarks/flows.py`).
"""

__all__ = ["main"]

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from common import COLORS, new_figure, save, steps

import flowmc

SIZE = 16
MEASURED = Path(__file__).parents[2] / "benchmarks" / "results" / "flows.json"


def main() -> Path:
    """Fit one masked layer, invert it both ways, and draw."""
    model = flowmc.models.make(
        "maf", event_size=SIZE, num_layers=1, hidden_units=[64, 64]
    )
    flowmc.fit(model, _draws(10_000), max_steps=steps(1500), whiten=False)
    errors, incremental = _errors(model)
    figure, (left, right) = new_figure(7.4, 3.0, ncols=2)
    shown = left.imshow(np.log10(errors + 1e-17), cmap="Blues", vmin=-16, vmax=0)
    left.set(xlabel="coordinate", ylabel="passes", title="whole passes")
    left.set_xticks(range(0, SIZE, 3), range(1, SIZE + 1, 3))
    left.spines[["top", "right"]].set_visible(True)
    figure.colorbar(shown, ax=left, label="log10 of the largest error")
    left.text(
        *(0.97, 0.96, f"one incremental pass:\nall within {incremental:.0e}"),
        transform=left.transAxes, ha="right", va="top", fontsize=8, color="white",
    )  # fmt: skip
    rows = json.loads(MEASURED.read_text())["ratio"]["rows"]
    for family, color in zip(("maf", "iaf"), COLORS, strict=False):
        pairs = [(r["D"], r["slow/fast"]) for r in rows if r["family"] == family]
        right.plot(*zip(*pairs, strict=True), "o-", color=color, label=family.upper())
    sizes = [pair[0] for pair in pairs]
    right.plot(sizes, sizes, ":", color=COLORS[3], label="textbook: D passes")
    right.set(xscale="log", yscale="log", xlabel="dimensions D")
    right.set(ylabel="slower over faster direction")
    right.set_xticks(sizes, sizes)
    right.set_yticks([1, 2, 4, 8, 16, 32, 64], [1, 2, 4, 8, 16, 32, 64])
    right.minorticks_off()
    right.legend()
    return save(figure, "maf_iaf.png")


def _draws(n: int) -> np.ndarray:
    """Return standardized draws of a chain in which each coordinate bends the next."""
    random = np.random.default_rng(0)
    columns = [random.normal(size=n)]
    for _ in range(SIZE - 1):
        columns.append(1.5 * np.sin(columns[-1]) + 0.5 * random.normal(size=n))
    draws = np.stack(columns, axis=-1)
    return (draws - draws.mean(axis=0)) / draws.std(axis=0)


def _errors(model: Any) -> tuple[np.ndarray, float]:
    """Return the largest errors of whole passes, `[passes, D]`, and of the flow."""
    x = tf.constant(_draws(200))
    z, _ = model.inverse_and_log_det(x)
    guess, rows = tf.zeros_like(x), []
    for _ in range(SIZE + 1):
        rows.append(np.max(np.abs(guess - x), axis=0))
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(guess)
            image, _ = model.inverse_and_log_det(guess)
        jacobian = tape.batch_jacobian(image, guess, experimental_use_pfor=False)
        # x_i = shift_i + scale_i z_i, with shift and scale of the guess before it.
        guess = guess + (z - image) / tf.linalg.diag_part(jacobian)
    own, _ = model.forward_and_log_det(z)
    return np.array(rows), float(np.max(np.abs(own - x)))


if __name__ == "__main__":
    main()
