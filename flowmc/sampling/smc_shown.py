"""What the progress display is told of an annealing with evidence."""

__all__ = ["SmcShown"]

import logging
from typing import Any

import numpy as np

from flowmc.core.progress import Progress
from flowmc.sampling.engine import Engine
from flowmc.sampling.ladder import Ladder
from flowmc.sampling.smc_draw import LIKELY, effective_draws, weights_so_far
from flowmc.sampling.smc_refine import SWEEPS
from flowmc.sampling.state import RunState

LEVELS_TO_TELL = 3  # temperatures after which the whole cost is foreseen
FIRST = {"b": "b", "log_evidence": "ln Z"}
LAST = {"ess": "ESS", "efficiency": "ESS/draw"}
_logger = logging.getLogger(__name__)


class SmcShown:
    """Turns states into reports; nothing here decides anything.

    Args:
        engine: The run's machinery.
        progress: Where reports go.
        wanted: Effective draws to be made.
        most: Evaluations that will not be exceeded, or None.
    """

    def __init__(
        self,
        engine: Engine,
        progress: Progress,
        *,
        wanted: float,
        most: int | None = None,
    ) -> None:
        self._engine, self._progress, self._wanted = engine, progress, wanted
        self._most = np.inf if most is None else float(most)
        self._foreseen: float | None = None  # evaluations at the end of the run

    def temperature(self, state: RunState, counted: RunState, ladder: Ladder) -> None:
        """Show one temperature; after a few, with the foreseen cost of the run.

        Args:
            state: After it.
            counted: The same, with its evaluations.
            ladder: What was visited.
        """
        figures = state.history[-1].settings
        b = float(state.scalars["inverse_temperature"])
        if b >= 1.0 or state.unit > LEVELS_TO_TELL:
            self._foresee(state, counted, ladder.levels_ahead() if b < 1.0 else 0.0)
        self._show("anneal", round(100 * b**0.1), 100, counted, {**figures, "b": b})

    def refined(self, state: RunState, counted: RunState) -> None:
        """Show a window of sweeps at the target."""
        done = state.unit if state.phase == "refine" else 1
        total = done + (state.phase == "refine")
        self._show("refine", done, total, counted, state.history[-1].settings)

    def drawn(self, state: RunState, counted: RunState) -> None:
        """Show the effective number of the final draws."""
        effective, count = effective_draws(state), len(weights_so_far(state))
        done, efficiency = min(effective, self._wanted), effective / max(count, 1)
        if efficiency > 0.0:
            missing = (self._wanted - done) / efficiency
            self._foreseen = counted.num_spent + missing
        figures = {"ess": effective, "efficiency": efficiency}
        self._show("draw", int(done), int(self._wanted), counted, figures)

    def _foresee(self, state: RunState, counted: RunState, levels: float) -> None:
        """Reckon what the run will have cost at its end; log the first reckoning."""
        windows = SWEEPS * self._engine.num_chains * self._engine.draws_per_sweep(state)
        ahead = levels * counted.last_cost + windows + self._wanted / LIKELY
        if self._foreseen is None:
            _logger.info(
                "about %.0f more temperatures; by the pace so far, the whole run will "
                "take about %.2g evaluations",
                levels,
                min(counted.num_spent + ahead, self._most),
            )
        self._foreseen = counted.num_spent + ahead

    def _show(self, phase, done, total, counted: RunState, figures: Any) -> None:
        """Report; what matters most comes first, as terminals may be narrow."""
        stats = {title: figures[key] for key, title in FIRST.items() if key in figures}
        stats["evaluations"] = counted.num_spent
        if self._foreseen is not None:
            foreseen = max(min(self._foreseen, self._most), counted.num_spent)
            stats["of about"] = float(foreseen)
        stats |= {title: figures[key] for key, title in LAST.items() if key in figures}
        if phase != "draw":
            rates = counted.history[-1].acceptance
            stats |= {name: float(rate) for name, rate in rates.items()}
        self._progress.update(phase, done, total, stats)
