"""What every benchmark shares: machine fingerprint, interleaved timing, tables, JSON.

Runs on shared machines scatter, so contestants take turns within one process, and a
table gives the median wall time, the smallest, and the processor time of all threads.
"""

__all__ = [
    "RESULTS",
    "Table",
    "Timing",
    "fingerprint",
    "interleave",
    "load_rows",
    "quiet_tensorflow",
    "save",
]

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "tensorflow",
    "tensorflow-probability",
    "numpy",
    "torch",
    "zuko",
    "jax",
    "flowjax",
    "pocomc",
)


class Timing(NamedTuple):
    """Milliseconds of one contestant: wall median and minimum, processor median."""

    median: float
    minimum: float
    processor: float


@dataclass
class Table:
    """Rows of one figure and its goal; `measure(quick)`, if given, yields the rows."""

    title: str
    columns: tuple[str, ...]
    goal: str = ""
    measure: Callable[[bool], Iterable[tuple[Any, ...]]] | None = None
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, *row: Any) -> None:
        """Add a row and show it at once: some take minutes."""
        if not self.rows:
            print(f"\n{self.title}" + (f"\n(goal: {self.goal})" if self.goal else ""))
            print("  ".join(f"{name:>14}" for name in self.columns))
        self.rows.append(row)
        print("  ".join(f"{_text(cell):>14}" for cell in row), flush=True)

    def document(self) -> dict[str, Any]:
        """Return the table as plain JSON values."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "goal": self.goal, "rows": rows}


def quiet_tensorflow() -> None:
    """Keep TensorFlow on the processor and silent; call before any import of it."""
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Threads of one contestant must not spin while another one works.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def fingerprint() -> dict[str, Any]:
    """Describe the machine and the versions behind a figure; no paths, no host name."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
    }


def interleave(
    contestants: Mapping[str, Callable[[], Any]], *, repeats: int
) -> dict[str, Timing]:
    """Time functions in turns, after one call each that is not counted.

    Args:
        contestants: Functions that return only when their result is there.
        repeats: Turns.
    """
    for run in contestants.values():
        run()
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    processor: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            cpu, start = time.process_time(), time.perf_counter()
            run()
            wall[name].append(1e3 * (time.perf_counter() - start))
            processor[name].append(1e3 * (time.process_time() - cpu))
    return {
        name: Timing(
            statistics.median(wall[name]),
            min(wall[name]),
            statistics.median(processor[name]),
        )
        for name in contestants
    }


def save(name: str, tables: Mapping[str, Table], started: Mapping[str, Any]) -> None:
    """Write tables to `results/NAME.json`, keeping the figures that were not re-run.

    Args:
        name: The benchmark.
        tables: What was measured so far, by figure.
        started: `fingerprint()` taken before the run.
    """
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = json.loads(path.read_text()) if path.exists() else {}
    finished = [round(load, 2) for load in os.getloadavg()]
    for figure, table in tables.items():
        machine = {**started, "load_average_at_end": finished}
        document[figure] = {"machine": machine, **table.document()}
    path.write_text(json.dumps(document, indent=1) + "\n")


def load_rows(name: str, figure: str) -> list[tuple[Any, ...]]:
    """Return the rows that an earlier run wrote for one figure."""
    path = RESULTS / f"{name}.json"
    document = json.loads(path.read_text()) if path.exists() else {}
    return [tuple(row.values()) for row in document.get(figure, {}).get("rows", [])]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.0f}" if 100 <= abs(cell) < 1e5 else f"{cell:.3g}"
    return str(cell)
