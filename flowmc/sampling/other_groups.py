"""When other groups of particles are sent, which, and for how much of the budget.

A second group looks for what the chains have missed.  Where the chains, begun at given
positions, go on from its draws, it is no longer another group: then one more is sent.
"""

__all__ = ["OtherGroups"]

from dataclasses import replace

from flowmc.sampling.budget import Budget, Room
from flowmc.sampling.conclusion import half_way, is_unconfirmed, scout_window
from flowmc.sampling.costs import least_sweep
from flowmc.sampling.engine import Engine
from flowmc.sampling.scout import ScoutPhase
from flowmc.sampling.state import RunState

SCOUT_SHARE = 0.15  # of a budget, for a group
FIRST_SCOUT_SHARE = 0.35  # where nothing else was annealed
LOOK_SHARE = 0.5  # spent, after which no further group is sent
LAST_SHARE = 0.9  # spent, at which any group stops


class OtherGroups:
    """The groups beside the chains.

    Args:
        engine: The run's machinery.
        budget: Its limits.
        is_annealed: Whether the chains themselves began with an annealing.
    """

    def __init__(self, engine: Engine, budget: Budget, *, is_annealed: bool) -> None:
        self._engine, self._budget, self._is_annealed = engine, budget, is_annealed
        self._first = ScoutPhase(engine, name="scout", is_small=is_annealed)
        self._further = ScoutPhase(engine, name="second look", is_small=True)

    def is_due(self, state: RunState) -> bool:
        """Whether a group's turn has come, where it has a place to start."""
        schedule, space = self._engine.schedule, self._engine.space
        if not (schedule.second_group and space.has_reference) or state.unit:
            return False
        first = scout_window(schedule, state)
        if not state.modes:
            return state.window == first and not self._is_too_late(state)
        return (
            is_unconfirmed(state)
            and state.window == max(half_way(schedule), first + 1)
            and not self._budget.is_spent(state.num_spent, share=LOOK_SHARE)
        )

    def _is_too_late(self, state: RunState) -> bool:
        """Whether a group's first two temperatures would use up the budget."""
        first = 2 * self._first.num_particles * self._engine.draws_per_sweep(state)
        return self._budget.is_spent(state.num_spent + first, share=LAST_SHARE)

    def send(self, state: RunState) -> RunState:
        """Begin with a group."""
        scalars = {**state.scalars, "spent_before": state.num_spent}
        return replace(state, phase="scout", unit=0, scalars=scalars, scout={})

    def advance(self, state: RunState) -> RunState:
        """Carry the group on by one temperature; the last returns to the warm-up."""
        is_further = is_unconfirmed(state)
        group = self._further if is_further else self._first
        is_cheap = self._is_annealed or is_further
        share = SCOUT_SHARE if is_cheap else FIRST_SCOUT_SHARE
        spent, limit = state.num_spent, self._budget.max_evaluations
        own = spent - int(state.scalars["spent_before"])
        likely = state.last_cost if state.unit else 0
        is_last = limit is not None and own + likely > share * limit
        is_last |= self._budget.is_spent(spent + likely, share=LAST_SHARE)
        return group.advance(state, is_last=is_last, room=self._room(state, own, share))

    def _room(self, state: RunState, own: int, share: float) -> Room:
        """Return what is left for a group that has spent `own` of its share."""
        reserve = least_sweep(self._engine, state)
        spent, limit = state.num_spent, self._budget.max_evaluations
        room = self._budget.room(spent, share=LAST_SHARE, reserve=reserve)
        if limit is None:
            return room
        return room._replace(share=min(room.share, share * limit - own))
