"""emcee with our moves beside emcee's own and zeus: evaluations and seconds to a goal.

    python benchmarks/emcee_moves.py [--problems NAME ...] [--contestants NAME ...]
        [--seeds 3] [--resume] [--overhead] [--peer-python PATH] [--report]

zeus runs in the interpreter of `--peer-python`, and is left out without one.  Writes
`benchmarks/results/emcee_moves.json` run by run, and `docs/emcee_measured.md` at the
end (`--report`: only that).
"""

__all__ = ["main"]

import argparse
import json
import os
from typing import Any

from common import RESULTS, Table, fingerprint, quiet_tensorflow

quiet_tensorflow()

from emcee_overhead import overhead  # noqa: E402
from emcee_problems import PROBLEMS  # noqa: E402
from emcee_report import write_report  # noqa: E402
from emcee_runs import CONTESTANTS, PEERS, run  # noqa: E402

STORE = RESULTS / "emcee_moves.json"
KEY = ("problem", "contestant", "seed")
COLUMNS = (*KEY, "evaluations", "effective", "to goal", "seconds to goal")


def main() -> None:
    """Make the runs asked for, show them, save them, write the report."""
    options = _options()
    stored = json.loads(STORE.read_text()) if STORE.exists() else {}
    document = {"machine": fingerprint(), "runs": [], "overhead": [], **stored}
    rows = {tuple(row[k] for k in KEY): row for row in document["runs"]}
    if options.peer_python:
        os.environ["FLOWMC_PEER_PYTHON"] = options.peer_python
    table = Table("Runs", COLUMNS)
    for key in [] if options.report else _plan(options):
        if options.resume and key in rows:
            continue
        rows[key] = {**run(key[0], key[1], seed=key[2]), "load": os.getloadavg()[0]}
        table.add(*(rows[key][name] for name in COLUMNS))
        document["runs"] = [rows[k] for k in sorted(rows)]
        _save(document)
    if options.overhead and not options.report:
        timings = Table("Milliseconds a step", ("move", "median", "smallest"))
        for timing in overhead():
            timings.add(*timing)
        document["overhead"] = timings.rows
        document["overhead_load"] = os.getloadavg()[0]
        _save(document)
    write_report(document)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everyone = (*CONTESTANTS, *PEERS)
    parser.add_argument("--problems", nargs="*", choices=PROBLEMS, default=[*PROBLEMS])
    parser.add_argument("--contestants", nargs="*", choices=everyone, default=everyone)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--resume", action="store_true", help="keep runs there are")
    parser.add_argument("--overhead", action="store_true", help="time steps, too")
    parser.add_argument("--peer-python", default=None)
    parser.add_argument("--report", action="store_true", help="only write the tables")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> list[tuple[str, str, int]]:
    """Return (problem, contestant, seed), seed by seed."""
    peers = PEERS if options.peer_python else ()
    chosen = [c for c in options.contestants if c in CONTESTANTS or c in peers]
    return [
        (problem, contestant, seed)
        for seed in range(options.seeds)
        for problem in options.problems
        for contestant in chosen
    ]


def _save(document: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    part = STORE.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1) + "\n")
    part.replace(STORE)


if __name__ == "__main__":
    main()
