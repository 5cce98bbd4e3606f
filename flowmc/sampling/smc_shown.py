"""What the progress display is told of an annealing with evidence."""

__all__ = ["SmcShown"]

import logging
from typing import Any

from flowmc.core.progress import Progress
from flowmc.sampling.engine import Engine
from flowmc.sampling.ladder import Ladder
from flowmc.sampling.smc_draw import LIKELY, effective_draws, weights_so_far
from flowmc.sampling.smc_refine import SWEEPS
from flowmc.sampling.state import RunState

LEVELS_TO_TELL = 3  # temperatures after which the whole cost is foreseen
_logger = logging.getLogger(__name__)


class SmcShown:
    """Turns states into reports; nothing here decides anything.

    Args:
        engine: The run's machinery.
        progress: Where reports go.
        wanted: Effective draws to be made.
    """

    def __init__(self, engine: Engine, progress: Progress, *, wanted: float) -> None:
        self._engine, self._progress, self._wanted = engine, progress, wanted
        self._has_told = False

    def temperature(self, state: RunState, counted: RunState, ladder: Ladder) -> None:
        """Show one temperature; after a few, foresee the cost of the run.

        Args:
            state: After it.
            counted: The same, with its evaluations.
            ladder: What was visited.
        """
        figures = state.history[-1].settings
        b = float(state.scalars["inverse_temperature"])
        self._show("anneal", round(100 * b**0.1), 100, counted, {**figures, "b": b})
        if self._has_told or not (b >= 1.0 or state.unit > LEVELS_TO_TELL):
            return
        self._has_told = True
        levels = ladder.levels_ahead() if b < 1.0 else 0.0
        windows = SWEEPS * self._engine.num_chains * self._engine.draws_per_sweep(state)
        total = counted.num_spent + levels * counted.last_cost + windows
        _logger.info(
            "about %.0f more temperatures; by the pace so far, the whole run will take "
            "about %.2g evaluations",
            levels,
            total + self._wanted / LIKELY,
        )

    def refined(self, state: RunState, counted: RunState) -> None:
        """Show a window of sweeps at the target."""
        done = state.unit if state.phase == "refine" else 1
        total = done + (state.phase == "refine")
        self._show("refine", done, total, counted, state.history[-1].settings)

    def drawn(self, state: RunState, counted: RunState) -> None:
        """Show the effective number of the final draws."""
        effective, count = effective_draws(state), len(weights_so_far(state))
        done = int(min(effective, self._wanted))
        figures = {"ess": effective, "efficiency": effective / max(count, 1)}
        self._show("draw", done, int(self._wanted), counted, figures)

    def _show(self, phase, done, total, counted: RunState, figures: Any) -> None:
        titles = {
            "b": "b",
            "ess": "ESS",
            "efficiency": "ESS/draw",
            "log_evidence": "ln Z",
        }
        stats = {title: figures[key] for key, title in titles.items() if key in figures}
        if phase != "draw":
            rates = counted.history[-1].acceptance
            stats |= {name: float(rate) for name, rate in rates.items()}
        stats["evaluations"] = counted.num_spent
        self._progress.update(phase, done, total, stats)
