"""Kernels: learned HMC against NUTS, mode weights, proposals, speed.

    python benchmarks/kernels.py [--quick] [--only FIGURE ...] [--resume] [--seeds 5]
        [--problems NAME ...] [--numpyro-python PATH]

NumPyro may live in an environment of its own: give its interpreter, or set
FLOWMC_NUMPYRO_PYTHON; without NumPyro its rows are left out.  Writes
`benchmarks/results/kernels.json`, row by row.
"""

__all__ = ["main"]

import argparse
import os
from typing import Any

from common import Table, fingerprint, load_rows, quiet_tensorflow, save

quiet_tensorflow()

from kernel_hmc import PROBLEMS, measure_hmc  # noqa: E402
from kernel_modes import measure_modes  # noqa: E402
from kernel_peers import VARIABLE  # noqa: E402
from kernel_proposals import measure_proposals  # noqa: E402
from kernel_speed import measure_host, measure_speed  # noqa: E402

HMC_COLUMNS = (
    *("problem", "contestant", "seed", "KL", "sw1", "iid", "draws"),
    *("gradients", "warm-up", "iid/1000", "with warm-up", "iid/s", "s with warm-up"),
)


def main() -> None:
    """Measure the figures asked for, show them and save them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short chains, one seed")
    parser.add_argument("--resume", action="store_true", help="keep rows of `hmc`")
    parser.add_argument("--only", nargs="*", choices=list(FIGURES), default=None)
    parser.add_argument("--seeds", type=int, default=5, help="of `hmc` and `modes`")
    parser.add_argument("--problems", nargs="*", choices=list(PROBLEMS), default=None)
    parser.add_argument("--numpyro-python", default=None)
    options = parser.parse_args()
    if options.numpyro_python:
        os.environ[VARIABLE] = options.numpyro_python
    name = "kernels_quick" if options.quick else "kernels"
    for figure in options.only or FIGURES:
        table, started = FIGURES[figure], fingerprint()
        if options.resume and figure == "hmc":
            table.rows += load_rows(name, figure)
        for row in MEASURES[figure](options, table):
            table.add(*row)
            # Row by row: what was measured outlives an interruption.
            save(name, {figure: table}, started)


def _seeds(options: Any) -> int:
    return 1 if options.quick else options.seeds


MEASURES = {
    "hmc": lambda options, table: measure_hmc(
        options.quick,
        seeds=_seeds(options),
        done=[row[:3] for row in table.rows],
        problems=options.problems,
    ),
    "modes": lambda options, _: measure_modes(options.quick, seeds=_seeds(options)),
    "proposals": lambda options, _: measure_proposals(options.quick),
    "speed": lambda options, _: measure_speed(options.quick),
    "host": lambda options, _: measure_host(options.quick),
}
FIGURES = {
    "hmc": Table(
        "iid-equivalent draws of HMC in a trained flow's space, and of NUTS",
        HMC_COLUMNS,
        "5x NumPyro NUTS per gradient on rosenbrock10 and funnel10; 0.8x on gaussian50",
    ),
    "modes": Table(
        "Weight of the lighter of two normals in 10-D (truth 1/3)",
        (
            *("contestant", "use", "seed", "weight", "error", "crossings"),
            *("acceptance", "evaluations", "seconds"),
        ),
        "error at most 0.02 with jumps, in both modes of use",
    ),
    "proposals": Table(
        "ESS per evaluation of one proposal used in several ways, Rosenbrock-10",
        (
            *(
                "training steps",
                "KL",
                "log10 max pi/q",
                "way",
                "acceptance",
                "ESS/eval",
            ),
            *("theory acc.", "theory ESS/eval"),
        ),
    ),
    "speed": Table(
        "Steps a second beside TFP's own kernels, Rosenbrock-10, float64, XLA",
        (
            *("chains", "kernel", "flowmc", "TFP", "median ratio", "smallest ratio"),
            "cpu ratio",
        ),
        "at least 0.9",
    ),
    "host": Table(
        "A step of 64 chains in 10-D on a NumPy target, without the target's time (ms)",
        ("kernel", "median", "smallest", "thread cpu", "target", "calls a step"),
        "at most 1 ms",
    ),
}

if __name__ == "__main__":
    main()
