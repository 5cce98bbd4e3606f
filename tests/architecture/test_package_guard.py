"""`import flowmc` refuses a folder merged with the other package of that name."""

import os
import shutil
import subprocess
import sys

import pytest

from flowmc.core.package_guard import FOREIGN_FILES, refuse_merged_package
from tests.architecture.source import PACKAGE


def import_flowmc(folder) -> subprocess.CompletedProcess:
    """Import the package that lies in `folder`, in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", "import flowmc; print(flowmc.__file__)"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_fails_where_the_packages_are_merged(tmp_path):
    folder = tmp_path / "flowmc"
    (folder / "core").mkdir(parents=True)
    shutil.copy(PACKAGE / "__init__.py", folder)
    for name in ("__init__.py", "package_guard.py", "quiet.py", "threads.py"):
        shutil.copy(PACKAGE / "core" / name, folder / "core")
    alone = import_flowmc(tmp_path)
    assert alone.returncode == 0, alone.stderr
    assert str(folder) in alone.stdout

    (folder / "Sampler.py").touch()
    merged = import_flowmc(tmp_path)
    assert merged.returncode != 0
    assert "ImportError" in merged.stderr
    assert "pip uninstall flowmc flowmc-tf" in merged.stderr


@pytest.mark.parametrize("name", FOREIGN_FILES)
def test_guard_knows_each_foreign_file(tmp_path, name):
    refuse_merged_package([str(tmp_path)])
    (tmp_path / name).mkdir()
    with pytest.raises(ImportError, match=f"found {name}"):
        refuse_merged_package([str(tmp_path)])


def test_guard_names_no_file_of_ours():
    """On a case-insensitive file system too."""
    ours = {path.name.lower() for path in PACKAGE.iterdir()}
    assert not ours & {name.lower() for name in FOREIGN_FILES}
