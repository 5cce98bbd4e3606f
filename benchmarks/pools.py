"""Pools: what a 20 ms likelihood gains from two workers, and from a thousand.

    python benchmarks/pools.py [--quick] [--kinds NAME ...] [--schedules] [--report]

Measures each kind of pool in a process of its own (the MPI kinds under `mpiexec`), then
records the batches that both samplers send and simulates them on up to 1000 workers.
`--schedules` records these anew.  Needs the extra `cluster`; kinds that are not
installed are left out.  Writes `benchmarks/results/pools.json`, and
`docs/pools_measured.md` (`--report`: only that).
"""

__all__ = ["main"]

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import RESULTS, fingerprint, quiet_tensorflow

quiet_tensorflow()

from pools_report import write_report  # noqa: E402
from pools_scaling import CASES, record  # noqa: E402
from pools_work import KINDS, MPI_KINDS, WORKERS  # noqa: E402

STORE = RESULTS / "pools.json"
SCRIPT = Path(__file__).with_name("pools_measure.py")
TIME_LIMIT = 300.0


def main() -> None:
    """Measure what was asked for, save it, write the page."""
    options = _options()
    stored = json.loads(STORE.read_text()) if STORE.exists() else {}
    stored.setdefault("kinds", {})
    stored.setdefault("schedules", {})
    if not options.report:
        for kind in options.kinds:
            machine = fingerprint()
            found = _measure(kind, quick=options.quick)
            print(kind, json.dumps(found)[:2000], flush=True)
            if isinstance(found, list):
                stored["kinds"][kind] = {"machine": machine, "rows": found}
                _save(stored)
        for case in CASES:
            if options.schedules or case not in stored["schedules"]:
                stored["schedules"][case] = record(case)
                print(stored["schedules"][case], flush=True)
                _save(stored)
    write_report(stored)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--schedules", action="store_true", help="record them anew")
    parser.add_argument("--report", action="store_true", help="only write the page")
    return parser.parse_args()


def _measure(kind: str, *, quick: bool) -> Any:
    """Return the rows of one kind, or the end of its complaint."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out.json")
        try:
            command = [*_launcher(kind), str(SCRIPT), kind, str(out)]
            done = subprocess.run(
                [*command, *(["--quick"] if quick else [])],
                timeout=TIME_LIMIT,
                capture_output=True,
                text=True,
                env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1"}
                | {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"},
            )
        except subprocess.TimeoutExpired:
            return f"stopped after {TIME_LIMIT:g} s"
        except FileNotFoundError as error:
            return f"not installed: {error.filename}"
        return json.loads(out.read_text()) if out.exists() else done.stderr[-1500:]


def _launcher(kind: str) -> list[str]:
    if kind not in MPI_KINDS:
        return [sys.executable]
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"
    launcher = [mpiexec, "-n", str(WORKERS + 1), "--oversubscribe", sys.executable]
    return [*launcher, "-m", "mpi4py.futures"] if "futures" in kind else launcher


def _save(stored: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    part = STORE.with_suffix(".part")
    part.write_text(json.dumps(stored, indent=1) + "\n")
    part.replace(STORE)


if __name__ == "__main__":
    main()
