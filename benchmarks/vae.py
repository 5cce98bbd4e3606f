"""VAEs: tightness of the bounds, jumps against codes, a curved surface, two modes.

    python benchmarks/vae.py [--quick] [--only FIGURE ...] [--seeds 3]
        [--first-seed 0] [--resume] [--problems ring roll]
        [--learned "exact draws" "HMC's draws"] [--families NAME ...]

Writes `benchmarks/results/vae.json`, row by row, and `docs/figures/vae_two_modes.png`.
"""

__all__ = ["main"]

import argparse
from typing import Any

from common import Table, fingerprint, load_rows, quiet_tensorflow, save

quiet_tensorflow()

from vae_bounds import measure_bounds  # noqa: E402
from vae_contestants import CONTESTANTS  # noqa: E402
from vae_jumps import measure_jumps  # noqa: E402
from vae_manifold import PROBLEMS, measure_manifold  # noqa: E402
from vae_measure import median_rows  # noqa: E402
from vae_modes import measure_two_modes  # noqa: E402

LEARNED = ("exact draws", "HMC's draws")


def main() -> None:
    """Measure the figures asked for, show them and save them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short runs, one seed")
    parser.add_argument("--resume", action="store_true", help="keep earlier rows")
    parser.add_argument("--only", nargs="*", choices=list(MEASURES), default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS))
    parser.add_argument("--learned", nargs="*", default=list(LEARNED))
    parser.add_argument("--families", nargs="*", default=list(CONTESTANTS))
    options = parser.parse_args()
    count = 1 if options.quick else options.seeds
    options.seeds = range(options.first_seed, options.first_seed + count)
    name = "vae_quick" if options.quick else "vae"
    for figure in options.only or MEASURES:
        measure_figure(figure, name, options)


def measure_figure(figure: str, name: str, options: Any) -> None:
    """Measure one figure, row by row: what was measured outlives an interruption."""
    started = fingerprint()
    if figure == "bounds":
        save(name, {figure: measure_bounds(options.quick)}, started)
        return
    table = TABLES[figure]
    if options.resume:
        table.rows += load_rows(name, figure)
    for row in MEASURES[figure](options):
        table.add(*row)
        save(name, {figure: table}, started)
    medians = Table(table.title + ", medians", table.columns, table.goal)
    for row in _medians(table):
        medians.add(*row)
    save(name, {f"{figure}_medians": medians}, started)


def _medians(table: Table) -> list[tuple]:
    """Return medians over seeds, with the number of seeds in their place."""
    place = table.columns.index("seed")
    rows = [(*row[:place], *row[place + 1 :]) for row in table.rows]
    medians = []
    for row in median_rows(rows, num_labels=place):
        count = sum(other[:place] == row[:place] for other in rows)
        medians.append((*row[:place], count, *row[place:]))
    return medians


MEASURES = {
    "bounds": None,
    "jumps": lambda options: measure_jumps(options.quick, seeds=options.seeds),
    "manifold": lambda options: measure_manifold(
        options.quick,
        seeds=options.seeds,
        problems=options.problems,
        learned=options.learned,
        families=options.families,
        done=[row[:4] for row in TABLES["manifold"].rows],
    ),
    "modes": lambda options: measure_two_modes(options.quick, seeds=options.seeds),
}
TABLES = {
    "jumps": Table(
        "Jumps of a VAE against the number of codes",
        ("vae", "codes", "seed", "acceptance", "ESS/eval", "ESS/1000 evals"),
        "grows with the number of codes toward independence by the density",
    ),
    "manifold": Table(
        "A curved surface in 20-D: ESS per 1000 evaluations or gradients",
        (
            *("target", "learned from", "contestant", "seed", "acceptance"),
            *("worst ESS/1000", "surface/1000", "ESS/draw", "evals/draw"),
            *("warm-up", "training s"),
        ),
        "VAE moves, and latent_hmc by itself, 3x plain HMC",
    ),
    "modes": Table(
        "Share of a model's draws near each of two modes (truth 0.6 and 0.4)",
        ("model and loss", "seed", "first", "second", "between"),
        "reverse KL keeps one mode; IWAE and forward KL cover both",
    ),
}

if __name__ == "__main__":
    main()
