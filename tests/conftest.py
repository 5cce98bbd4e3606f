"""Settings every test shares; set before TensorFlow or matplotlib is loaded."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")


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
