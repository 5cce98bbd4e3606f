"""What a move did, in a few lines to read."""

__all__ = ["describe", "in_short"]

import math
from collections.abc import Iterable, Iterator
from typing import Any

from flowmc.core.records import WindowRecord
from flowmc.moves.tally import Tally


def describe(
    *,
    title: str,
    num_steps: int,
    num_adapt: int,
    frozen_at: int | None,
    tallies: dict[str, Tally],
    records: Iterable[WindowRecord],
) -> str:
    """Return the summary, one fact a line.

    Args:
        title: What moved.
        num_steps: Own steps so far.
        num_adapt: Own steps it adapts for.
        frozen_at: Draws to discard, or None while it adapts.
        tallies: Counts by kind of step.
        records: One for each fit.
    """
    if frozen_at is None:
        state = f"adapting: {num_steps} of {num_adapt} own steps; no draw counts yet"
    else:
        state = f"frozen after {num_adapt} own steps; discard {frozen_at} of the chain"
    lines = [title, f"  {state}"]
    lines += [f"  {line}" for line in _count_lines(tallies)]
    for record in records:
        lines.append(f"  {record.name}, after {record.num_steps} more own steps:")
        lines += [f"    {note}" for note in record.notes]
    return "\n".join(lines)


def in_short(move: Any) -> str:
    """Return one line on a move: its kind, map, progress and acceptance.

    Args:
        move: A `LearningMove`.
    """
    asked, found = move._settings.model, getattr(move.model, "name", None)
    facts = [asked if isinstance(asked, str) else found or "a given model"]
    if found not in (None, facts[0]):
        facts.append(f"map in force {found}")
    if move.frozen_at is None:
        learned = move._position.num_learned
        facts.append(f"adapting: {learned:,} of {move.ntune:,} own steps")
    else:
        facts += [f"frozen_at={move.frozen_at}", f"{move.num_steps:,} own steps"]
    rates = {"acceptance": "", "walk_acceptance": "of walks "}
    for name, of_what in rates.items():
        rate = getattr(move, f"{name}_fraction", math.nan)
        if not math.isnan(rate):
            facts.append(f"acceptance {of_what}{rate:.2f}")
    return f"{type(move).__name__}({', '.join(facts)})"


def _count_lines(tallies: dict[str, Tally]) -> Iterator[str]:
    for name, tally in tallies.items():
        if tally.num_steps:
            yield (
                f"{name}: {tally.num_steps} steps, acceptance {tally.acceptance:.2f}, "
                f"longest run of rejections {tally.longest_wait}"
            )
    masked = sum(tally.num_masked for tally in tallies.values())
    unscored = sum(tally.num_unscored for tally in tallies.values())
    yield f"proposals masked (not finite, or not inside the bounds): {masked}"
    yield f"walkers that could not be scored, and stayed: {unscored}"
