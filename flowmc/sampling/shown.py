"""What the progress display is told of each phase; nothing here decides anything."""

__all__ = ["Shown"]

import logging
from typing import Any

from flowmc.core.progress import NullProgress, Progress
from flowmc.sampling.budget import Budget
from flowmc.sampling.engine import Engine
from flowmc.sampling.production import smallest_ess
from flowmc.sampling.state import RunState
from flowmc.sampling.warmup import acceptance_by_kernel

USUAL_ESS = 400.0  # that a good verdict needs
_logger = logging.getLogger(__name__)
GROWTH = 1.3  # draws more than at the last look, before the ESS is computed again


class Shown:
    """Turns states into reports.

    Args:
        engine: The run's machinery.
        progress: Where reports go.
        budget: What is wanted.
    """

    def __init__(self, engine: Engine, progress: Progress, *, budget: Budget) -> None:
        self._engine, self._progress, self._wanted = engine, progress, budget.num_draws
        self._target_ess = budget.target_ess or USUAL_ESS
        self._is_by_ess = budget.target_ess is not None
        self._has_told = False
        self._ess, self._looked_at = float("nan"), 0

    def annealing(self, b: float, *, phase: str = "anneal") -> None:
        """Show how far along the temperatures are."""
        done = round(100 * b**0.1)
        self._progress.update(phase, done, 100, {"b": b} if b < 1.0 else None)

    def warm_up(self, state: RunState, *, window: int) -> None:
        """Show a piece of warm-up.

        Args:
            state: After it.
            window: Number of the window it was in.
        """
        windows = self._engine.schedule.windows
        sizes = windows + max(0, window + 1 - len(windows)) * windows[-1:]
        is_over = state.phase == "produce"
        done = sum(sizes) if is_over else sum(sizes[: state.window]) + state.unit
        recent = state.warmup[-1:]
        stats: dict[str, Any] = {
            "window": f"{window + 1}/{len(sizes)}",
            "model": self._engine.learner.model.name,
            **acceptance_by_kernel(recent, int(recent[0].window[0])),
        }
        if state.pilot and not self._has_told:
            self._has_told = True
            cost = self._target_ess * state.pilot["evaluations_per_ess"]
            _logger.info(
                "by the first window, %.0f effective draws would cost about %.3g "
                "evaluations; later windows do better",
                self._target_ess,
                cost,
            )
        if state.pilot:
            each = float(state.pilot["evaluations_per_ess"])
            stats["evaluations/ESS"] = each
            stats[f"expected for ESS {self._target_ess:.0f}"] = each * self._target_ess
        self._progress.update("warm-up", done, sum(sizes), stats)

    def production(self, state: RunState) -> None:
        """Show the draws so far, their acceptance and their effective number."""
        if isinstance(self._progress, NullProgress):
            return  # nobody looks, and the ESS costs seconds
        if state.num_draws >= GROWTH * max(self._looked_at, 4):
            self._ess, self._looked_at = smallest_ess(state), state.num_draws
        rates = acceptance_by_kernel(state.draws[-1:], len(state.history))
        done, total = min(state.num_draws, self._wanted), self._wanted
        if self._is_by_ess and state.num_draws >= self._wanted:
            # From here on draws go on until enough of them are effective.
            reached = 0.0 if self._ess != self._ess else self._ess
            total = round(state.num_draws * max(1.0, self._target_ess / (reached + 1)))
            done = state.num_draws
        self._progress.update("sample", done, total, {**rates, "ESS": self._ess})
