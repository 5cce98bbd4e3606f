"""What the main loops of all samplers have in common: books, stops and checkpoints."""

__all__ = ["MainLoop", "carry"]

from dataclasses import replace

from flowmc.core.errors import InterruptedRunError
from flowmc.core.progress import Progress
from flowmc.sampling.budget import Budget
from flowmc.sampling.engine import Engine, PartialBlockError
from flowmc.sampling.saver import Saver
from flowmc.sampling.state import RunState


class MainLoop:
    """One run's way through its phases; a method `_phase` does a unit of each.

    Args:
        engine: The run's machinery.

    Attributes:
        reasons: Against trusting the run, found on the way.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before = self._counts()
        self.reasons: list[str] = []

    def advance(self, state: RunState) -> RunState:
        """Do one unit of work and count its evaluations."""
        self._before = self._counts()
        try:
            state = getattr(self, f"_{state.phase}")(state)
        except PartialBlockError as error:
            error.state = self._counted(error.state)
            raise
        return self._counted(state)

    def _counts(self) -> tuple[int, int, int]:
        """Evaluations and rejected bad values so far, of this process."""
        target = self._engine.space.target
        num_bad = target.num_nan + target.num_crashed
        return target.num_evaluations, target.num_gradients, num_bad

    def _counted(self, state: RunState) -> RunState:
        """Return the state with the present unit's evaluations added."""
        done, gradients, bad = (
            now - then for now, then in zip(self._counts(), self._before, strict=True)
        )
        return replace(
            state,
            last_cost=done + gradients,
            num_log_prob=state.num_log_prob + done,
            num_gradient=state.num_gradient + gradients,
            num_bad_values=state.num_bad_values + bad,
            bad_values=state.bad_values or self._bad_values(),
        )

    def _bad_values(self) -> tuple[dict[str, float], ...]:
        target = self._engine.space.target
        return tuple(
            dict(zip(target.names, map(float, point), strict=True))
            for point in target.bad_values
        )


def carry(
    loop: MainLoop,
    state: RunState,
    *,
    budget: Budget,
    saver: Saver,
    progress: Progress,
) -> RunState:
    """Advance, save and stop, until the run is done.

    Raises:
        InterruptedRunError: `budget.should_stop` said so; the state was saved.
        LogProbError: The target failed; what was sampled before was saved.
    """
    if budget.max_seconds is not None:
        state = replace(state, is_clocked=True)
    try:
        while state.phase != "done":
            if budget.is_interrupted():
                raise KeyboardInterrupt
            state = loop.advance(state)
            saver.offer(state)
    except PartialBlockError as error:
        saver.save(error.state)
        if not isinstance(error.cause, KeyboardInterrupt):
            raise error.cause from error.cause.__cause__
        raise _interrupted(error.state, saver) from error.cause
    except KeyboardInterrupt as interrupt:
        saver.save(state)
        raise _interrupted(state, saver) from interrupt
    except Exception:
        if state.num_spent:  # a start that fails has nothing to go on from
            saver.save(state)
        raise
    finally:
        progress.close()
    saver.save(state)
    return state


def _interrupted(state: RunState, saver: Saver) -> InterruptedRunError:
    return InterruptedRunError(
        f"The run was interrupted in its phase `{state.phase}`; {saver.told()}"
    )
