"""Annealed flow SMC: `flowmc.sample_smc` on known evidences, beside its peers.

    python benchmarks/smc.py [--problems NAME ...] [--seeds 10] [--resume]
        [--peers [NAME ...]] [--peer-python PATH] [--peers-alone]
        [--own {flowmc,flowmc-hmc}] [--report]

Peers run one seed a problem, in the interpreter of `--peer-python` or
FLOWMC_NUMPYRO_PYTHON; those not installed are left out.  `--own flowmc-hmc` moves with
gradients, on the TensorFlow target of the same law.  Each run is a process.  Writes
`benchmarks/results/smc.json` run by run, and `docs/smc_measured.md` at the end
(`--report`: only that).
"""

__all__ = ["main"]

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import RESULTS, Table, fingerprint, quiet_tensorflow

quiet_tensorflow()

from samplers_peers import VARIABLE, find_versions  # noqa: E402
from smc_problems import OTHERS, OURS, PROBLEMS  # noqa: E402
from smc_report import write_report  # noqa: E402

SCRIPT = Path(__file__).with_name("smc_run.py")
STORE = RESULTS / "smc.json"
KEY = ("problem", "contestant", "seed")
COLUMNS = (
    *KEY,
    "wall s",
    "evals",
    "ln Z - truth",
    "pull",
    "Kish",
    "iid",
    "/1000",
    "ok",
)


def main() -> None:
    """Make the runs asked for, show them, save them, write the report."""
    options = _options()
    if options.peer_python:
        os.environ[VARIABLE] = options.peer_python
    stored = json.loads(STORE.read_text())["rows"] if STORE.exists() else []
    rows = {_key(row): row for row in stored}
    versions = {} if options.peers is None or options.report else find_versions()
    plan = [] if options.report else list(_plan(options, versions))
    if options.resume:
        plan = [
            item for item in plan if "failed" in rows.get(_key(item), {"failed": 1})
        ]
    machine, table = fingerprint(), Table("Runs", COLUMNS)
    for item in plan:
        row = {**_run(item, options.time_limit), "machine": machine}
        row["version"] = versions.get(row["contestant"])
        rows[_key(row)] = row
        table.add(*_cells(row))
        # Run by run: what was measured outlives an interruption.
        _save([rows[key] for key in sorted(rows)])
    write_report([rows[key] for key in sorted(rows)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(PROBLEMS)
    parser.add_argument("--problems", nargs="*", choices=names, default=names)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--peers", nargs="*", choices=OTHERS, default=None)
    parser.add_argument("--peer-python", default=None)
    parser.add_argument("--own", choices=OURS, default=OURS[0], help="which of ours")
    parser.add_argument("--peers-alone", action="store_true", help="no runs of ours")
    parser.add_argument(
        "--resume", action="store_true", help="keep runs that are there"
    )
    parser.add_argument("--time-limit", type=float, default=1800.0, help="s of a run")
    parser.add_argument("--report", action="store_true", help="only write the tables")
    return parser.parse_args()


def _plan(options: argparse.Namespace, versions: dict) -> Iterator[dict[str, Any]]:
    """Yield specifications: seed by seed; the peers beside our first seed."""
    chosen = set() if options.peers is None else set(options.peers or OTHERS)
    if chosen - set(versions):
        print("not installed, left out:", *sorted(chosen - set(versions)))
    last = options.first_seed + options.seeds
    for seed in range(options.first_seed, last):
        for name in options.problems:
            peers = PROBLEMS[name].peers if seed == options.first_seed else ()
            kept = [peer for peer in peers if peer in chosen & set(versions)]
            own = () if options.peers_alone else (options.own,)
            for contestant in (*own, *kept):
                yield dict(zip(KEY, (name, contestant, seed), strict=True))


def _run(specification: dict[str, Any], time_limit: float) -> dict[str, Any]:
    """Make one run in a process; return its row, or the end of its complaint."""
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.json"), Path(folder, "out.json")
        source.write_text(json.dumps(specification))
        command = [sys.executable, str(SCRIPT), str(source), str(destination)]
        started, load = time.perf_counter(), os.getloadavg()[0]
        try:
            done = subprocess.run(
                command, timeout=time_limit, capture_output=True, text=True
            )
            complaint = f"{done.stderr[-2000:]}\nexit code {done.returncode}"
        except subprocess.TimeoutExpired:
            complaint = f"stopped after {time_limit:g} s"
        if destination.exists():
            return {**json.loads(destination.read_text()), "load": round(load, 1)}
    elapsed = time.perf_counter() - started
    return {**specification, "failed": complaint, "wall": elapsed}


def _cells(row: dict[str, Any]) -> tuple:
    head = (*(row[name] for name in KEY), row["wall"])
    if "failed" in row:
        last = row["failed"].strip().splitlines()[-1:] or ["died"]
        return (*head, *("-",) * (len(COLUMNS) - len(head) - 1), last[0][:60])
    off = row["error"]
    return (
        *head,
        row["evaluations"] + row["gradients"],
        off["nats"],
        off["pull"],
        row["kish"],
        row["iid"] or "-",
        row["rate"] or "-",
        row["verdict_ok"],
    )


def _key(row: dict[str, Any]) -> tuple:
    return tuple(row[name] for name in KEY)


def _save(rows: list[dict[str, Any]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    part = STORE.with_suffix(".part")
    part.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    part.replace(STORE)


if __name__ == "__main__":
    main()
