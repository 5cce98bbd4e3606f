"""Pools of MPI, each in an `mpiexec` of its own: the values of this process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.architecture.source import ROOT
from tests.unit.parallel import functions

SCRIPT = """
import json, sys
import numpy as np
from tests.unit.parallel import functions

def main(pool):
    from flowmc import Target
    points = np.random.default_rng(0).normal(size=(23, 2))
    options = dict(names=["a", "b"], backend="numpy", pool=pool, on_crash="reject")
    values = Target(functions.log_prob, **options).log_prob(points).tolist()
    points[4] = 60.0
    failing = Target(functions.log_prob_exits_at_corner, **options)
    crashed = np.isneginf(failing.log_prob(points)).nonzero()[0].tolist()
    from flowmc.parallel.ordered_map import ordered_map
    loaded = ordered_map(functions.has_tensorflow, pool=pool)(range(8))
    print(json.dumps([values, crashed, loaded]))

if __name__ == "__main__":
    if sys.argv[1] == "mpi4py":
        from mpi4py.futures import MPIPoolExecutor
        with MPIPoolExecutor() as pool:
            main(pool)
    else:
        from schwimmbad import MPIPool
        with MPIPool() as pool:
            main(pool)
"""


def mpiexec():
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("mpiexec is not installed: the extra `cluster` brings it")
    return found


@pytest.mark.full
@pytest.mark.parametrize("kind", ["mpi4py", "schwimmbad"])
def test_mpi_gives_the_values_of_this_process(kind, tmp_path):
    pytest.importorskip("mpi4py")
    pytest.importorskip("schwimmbad")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    launcher = ["-m", "mpi4py.futures"] if kind == "mpi4py" else []
    allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    done = subprocess.run(
        [mpiexec(), "-n", "3", "--oversubscribe", sys.executable, *launcher]
        + [str(script), kind],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, **allowed, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    values, crashed, loaded = json.loads(done.stdout)
    points = np.random.default_rng(0).normal(size=(23, 2))
    np.testing.assert_array_equal(values, functions.log_prob(points))
    assert crashed == [4]
    assert loaded == [False] * 8
