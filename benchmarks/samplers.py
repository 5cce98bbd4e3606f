"""Samplers: `flowmc.sample` with its defaults on hard known answers, beside its peers.

    python benchmarks/samplers.py [--problems NAME ...] [--seeds 5] [--resume]
        [--peers [NAME ...]] [--peer-python PATH] [--honesty] [--jobs 1] [--report]

Peers may live in an environment of their own: give its interpreter, or set
FLOWMC_NUMPYRO_PYTHON; those not installed are left out.  `--honesty` adds runs with
crippled settings and counts wrong answers called good.  Each run is a process.  Writes
`benchmarks/results/samplers.json` run by run, and the tables of
`docs/samplers_measured.md` at the end (`--report`: only that).
"""

__all__ = ["main"]

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from common import RESULTS, Table, fingerprint, quiet_tensorflow

quiet_tensorflow()

from metrics import spell  # noqa: E402
from samplers_cripples import CRIPPLES  # noqa: E402
from samplers_peers import PEERS, VARIABLE, find_versions  # noqa: E402
from samplers_problems import PROBLEMS  # noqa: E402
from samplers_report import write_report  # noqa: E402

import flowmc  # noqa: E402

SCRIPT = Path(__file__).with_name("samplers_run.py")
STORE = RESULTS / "samplers.json"
KEY = ("problem", "contestant", "settings", "seed")
COLUMNS = (
    *("problem", "contestant", "settings", "seed", "wall s", "evals", "grads"),
    *("own ESS", "R-hat", "good?", "iid", "weighted", "/1000", "/s", "failed checks"),
)


def main() -> None:
    """Make the runs asked for, show them, save them, write the report."""
    options = _options()
    if options.peer_python:
        os.environ[VARIABLE] = options.peer_python
    document = json.loads(STORE.read_text()) if STORE.exists() else {}
    rows = {_key(row): row for row in document.get("rows", [])}
    versions = {} if options.peers is None or options.report else find_versions()
    plan = [] if options.report else list(_plan(options, versions))
    if options.resume:
        plan = [item for item in plan if "error" in rows.get(_key(item), {"error": 1})]
    machine, table = fingerprint() | {"code": _digest()}, Table("Runs", COLUMNS)
    with ThreadPoolExecutor(options.jobs) as pool:
        pending = [pool.submit(_run, item, options.time_limit) for item in plan]
        for done in as_completed(pending):
            row = {**done.result(), "machine": machine}
            row["version"] = versions.get(row["contestant"])
            rows[_key(row)] = row
            table.add(*_cells(row))
            # Run by run: what was measured outlives an interruption.
            _save(list(rows.values()))
    write_report(list(rows.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(PROBLEMS)
    parser.add_argument("--problems", nargs="*", choices=names, default=names)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=None)
    parser.add_argument("--peer-python", default=None)
    parser.add_argument("--only-peers", action="store_true", help="no runs of our own")
    parser.add_argument(
        "--resume", action="store_true", help="keep runs that are there"
    )
    parser.add_argument("--honesty", action="store_true", help="crippled settings too")
    parser.add_argument(
        "--cripples", nargs="*", choices=list(CRIPPLES), default=list(CRIPPLES)
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--time-limit", type=float, default=1800.0, help="s of a run")
    parser.add_argument("--report", action="store_true", help="only write the tables")
    return parser.parse_args()


def _plan(options: argparse.Namespace, versions: dict) -> Iterator[dict[str, Any]]:
    """Yield specifications: for each seed and problem, everybody in turn."""
    chosen = set() if options.peers is None else set(options.peers or PEERS)
    peers = chosen & set(versions)
    if chosen - peers:
        print("not installed, left out:", *sorted(chosen - peers))
    spoiled = options.cripples if options.honesty else []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in options.problems:
            settings = [] if options.only_peers else ["default", *spoiled]
            runs = [("flowmc", setting) for setting in settings]
            runs += [
                (peer, "default") for peer in PROBLEMS[name].peers if peer in peers
            ]
            for contestant, setting in runs:
                yield dict(zip(KEY, (name, contestant, setting, seed), strict=True))


def _run(specification: dict[str, Any], time_limit: float) -> dict[str, Any]:
    """Make one run in a process; return its row, or the end of its complaint."""
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.json"), Path(folder, "out.json")
        source.write_text(json.dumps(specification))
        command = [sys.executable, str(SCRIPT), str(source), str(destination)]
        started, before = time.perf_counter(), os.getloadavg()
        try:
            done = subprocess.run(
                command, timeout=time_limit, capture_output=True, text=True
            )
            complaint = f"{done.stderr[-2000:]}\nexit code {done.returncode}"
        except subprocess.TimeoutExpired:
            complaint = f"stopped after {time_limit:g} s"
        load = {"load_average": [round(before[0], 1), round(os.getloadavg()[0], 1)]}
        if destination.exists():
            return {**json.loads(destination.read_text()), **load}
    elapsed = time.perf_counter() - started
    return {**specification, "error": complaint, "wall": elapsed, **load}


def _cells(row: dict[str, Any]) -> tuple:
    head = (*(row[name] for name in KEY), row["wall"])
    if "error" in row:
        last = row["error"].strip().splitlines()[-1:] or ["died"]
        return (*head, *("-",) * (len(COLUMNS) - len(head) - 1), last[0][:100])
    failed = [c["name"] for c in row["checks"] if not c["met"]]
    rate = row["iid_per_1000_gradients"] or row["iid_per_1000_evaluations"]
    weighted = row["iid_weighted"]
    return (
        *head,
        row["evaluations"],
        row["gradients"],
        row["ess_bulk"],
        "-" if row["r_hat"] is None else f"{row['r_hat']:.3f}",
        row["verdict_ok"],
        spell(row["iid"]),
        "-" if weighted is None else spell(weighted),
        rate,
        row["iid_per_second"],
        ", ".join(failed) or "-",
    )


def _digest() -> str:
    """Return a digest of the package's code, to tell rows of two versions apart."""
    found = hashlib.sha256()
    for path in sorted(Path(flowmc.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _key(row: dict[str, Any]) -> tuple:
    return tuple(row[name] for name in KEY)


def _save(rows: list[dict[str, Any]]) -> None:
    order = {name: place for place, name in enumerate(PROBLEMS)}
    rows = sorted(rows, key=lambda row: (order.get(row["problem"], 99), *_key(row)))
    RESULTS.mkdir(exist_ok=True)
    part = STORE.with_suffix(".part")
    part.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    part.replace(STORE)


if __name__ == "__main__":
    main()
