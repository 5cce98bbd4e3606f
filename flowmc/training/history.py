"""The record of a fit, with a figure and a readable form.

It adds no field to `core.records.History`, so that it is stored and loaded as one.
"""

__all__ = ["TrainingHistory"]

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowmc.core.records import History
from flowmc.results.files import PathLike, atomic_write
from flowmc.results.plot_style import INK, PALETTE, new_figure, png_bytes, style


@dataclass(frozen=True, repr=False)
class TrainingHistory(History):
    """What one call of `fit` did; see `History` for the fields.

    Example:
        >>> history = flowmc.fit(model, draws)
        >>> figure = history.plot("training.png")
    """

    def plot(self, path: PathLike | None = None) -> Any:
        """Draw training and held-out loss by step; with `path`, save it as PNG.

        Returns:
            The matplotlib figure.
        """
        with style():
            figure = new_figure(7.0, 3.6, layout="constrained")
            _draw(figure.subplots(), self)
        if path is not None:
            atomic_write(path, png_bytes(figure))
        return figure

    def __str__(self) -> str:
        baseline = ""
        if self.baseline_loss is not None:
            baseline = f" (affine map {self.baseline_loss:.4g})"
        num_steps, loss = int(self.steps[-1]), self.best_loss
        lines = [
            f"{num_steps} steps in {self.seconds:.1f} s: {self.stop_reason}",
            f"kept: step {self.best_step}, held-out loss {loss:.4g}{baseline}",
            *self.events,
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<TrainingHistory {int(self.steps[-1])} steps, best {self.best_step}, "
            f"held-out loss {self.best_loss:.4g}, {self.seconds:.1f} s>"
        )


def _draw(axes: Any, history: History) -> None:
    steps = np.asarray(history.steps)
    axes.plot(steps, history.train_loss, color=PALETTE[5], lw=1.0, label="training")
    held = np.asarray(history.validation_loss, dtype=np.float64)
    axes.plot(steps, held, color=PALETTE[0], lw=1.6, label="held out")
    kept = (history.best_step, history.best_loss)
    axes.plot(*kept, "o", color=PALETTE[1], ms=5, label="kept weights")
    if history.baseline_loss is not None:
        label = "affine map"
        axes.axhline(history.baseline_loss, color=INK, ls="--", lw=1.0, label=label)
    finite = held[np.isfinite(held)]
    if len(finite) > 2:
        # The first steps may lose a thousand nats; the end is what matters.
        low, high = float(finite.min()), float(np.quantile(finite, 0.97))
        margin = max(0.15 * (high - low), 0.05 * max(abs(low), 1e-3))
        axes.set_ylim(low - margin, high + 2.0 * margin)
    axes.set(xlabel="optimizer step", ylabel="loss")
    axes.legend(loc="upper right", ncols=2)
