"""The end of warm-up: the groups compared once more, and the last proposal made.

Whatever one group had seen and the other had not must now be seen by the map that
proposes; where a mixture of both groups' flows does so better than one flow trained on
all draws, the mixture is what proposes in production.
"""

__all__ = ["GIVEN", "conclude", "half_way", "is_unconfirmed", "scout_window"]

from dataclasses import replace

import numpy as np

from flowmc.core.records import WindowRecord
from flowmc.sampling.engine import Engine
from flowmc.sampling.groups import UNSEEN_LIMIT, mixture_weights, unseen_share
from flowmc.sampling.latent import is_latent
from flowmc.sampling.parts import part_of, spread
from flowmc.sampling.settings import Schedule
from flowmc.sampling.state import RunState

MIN_GAIN = 0.02  # nats for which a second flow is worth its time
MOST_JUDGED = 2048
GIVEN = "initial positions"  # name of a start from `initial` in the history


def half_way(schedule: Schedule) -> int:
    """Return the number of the window at which half of the warm-up is over."""
    return max(0, len(schedule.windows) - 2)


def scout_window(schedule: Schedule, state: RunState) -> int:
    """Return the number of the window before which the second group is sent.

    Chains at given positions know one place each: what they learn from there is soon
    to be learned anew, so the group that has seen the whole reference goes early.
    """
    begun_anywhere = state.history[0].name == GIVEN
    return min(1, half_way(schedule)) if begun_anywhere else half_way(schedule)


def is_unconfirmed(state: RunState) -> bool:
    """Whether chains went on from a group that no further group has looked at."""
    return bool(state.modes.get("replaced")) and not state.modes.get("confirmed")


def conclude(engine: Engine, state: RunState) -> RunState:
    """Look at the second group's draws again; raise the alarm if they are unseen."""
    if "draws" not in state.scout:
        return state
    learner, found = engine.learner, spread(state.scout["draws"], MOST_JUDGED)
    own = learner.replay.draws
    is_density = not is_latent(learner.model)
    notes = []
    is_second = state.modes["adopted"] and not is_unconfirmed(state)
    if is_second and is_density and learner.rules == "network":
        note = _mix(engine, state, np.concatenate([spread(own, MOST_JUDGED), found]))
        notes += [note] if note else []
    # Judged by what the chains knew before the group's draws were among theirs.
    known = state.scout.get("chains_draws", own)
    known = spread(known if len(known) else own, MOST_JUDGED)
    unseen = unseen_share(learner.density, own=known, other=found)
    modes = {**state.modes, "unseen_at_the_end": unseen}
    has_arrived = modes["scout_inverse_temperature"] >= 1.0  # else: another density
    if has_arrived and modes["unseen_at_the_end"] > UNSEEN_LIMIT:
        modes["alarm"] = _alarm(modes["unseen_at_the_end"])
    record = WindowRecord(
        name="groups compared",
        model=learner.model.name,
        num_steps=0,
        settings={"unseen": modes["unseen_at_the_end"]},
        notes=tuple(notes),
    )
    return replace(
        state,
        modes=modes,
        learned=learner.to_arrays(),
        history=(*state.history, record),
    )


def _alarm(share: float) -> str:
    return (
        "Every group of chains must see what the others found; "
        f"{share:.1%} of the draws of a second, independent group have practically no "
        "density under the proposal. A mode may be missing: leave `initial` out, warm "
        "up longer, or use more chains."
    )


def _mix(engine: Engine, state: RunState, draws: np.ndarray) -> str:
    """Propose from both groups' flows if that is better than from one."""
    learner = engine.learner
    second = part_of(state.scout, "learner")
    is_other = bytes(second["family"]).decode() != learner.family
    if int(second["rules"]) == 0 or is_other:
        return ""
    learner.mix_with(part_of(second, "network"), weights=(0.5, 0.5))
    weights, gain = mixture_weights([learner.network, learner.second], draws)
    if gain < MIN_GAIN:
        learner.unmix()
        return (
            f"a mixture with the second group's flow would gain {gain:.3f} nats: not "
            "used"
        )
    learner.mix_with(part_of(second, "network"), weights=weights)
    learner.fit_affine()
    learner.weigh(draws)
    return (
        f"production proposes from a mixture of both groups' flows, {weights[0]:.0%} "
        f"and {weights[1]:.0%}, which gains {gain:.2f} nats over one"
    )
