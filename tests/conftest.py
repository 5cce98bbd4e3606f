"""Settings every test shares; set before TensorFlow or matplotlib is loaded."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes beside one another: threads of each would wait for those of the other,
    # and most tests took twice as long.
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


# Files whose tests share runs that take long to make: one process has them all.
SHARING = ("test_reasons.py", "test_resume.py", "test_sample.py")


@pytest.hookimpl(optionalhook=True)  # also where xdist is left out
def pytest_xdist_make_scheduler(config, log):
    """Send tests to processes file by file, and those that share runs together."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            is_sharing = file.endswith(SHARING) and "unit/sampling" in file
            return "whole runs" if is_sharing else file

    return Together(config, log) if config.getvalue("dist") == "loadfile" else None
