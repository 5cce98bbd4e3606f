"""Native chatter is held back; Python's own words and failures pass."""

import os
import subprocess
import sys
import textwrap

import pytest


def run(script):
    command = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_native_lines_are_held_and_python_lines_pass():
    result = run(
        """
        import os, sys
        from flowmc.core.quiet import native_stderr_held
        with native_stderr_held():
            os.write(2, b"native chatter\\n")
            sys.stderr.write("from Python\\n")
        os.write(2, b"afterwards\\n")
        sys.stderr.write("the end\\n")
        """
    )
    assert result.stderr == "from Python\nafterwards\nthe end\n"


def test_log_handlers_made_meanwhile_go_on_working():
    result = run(
        """
        import logging
        from flowmc.core.quiet import native_stderr_held
        with native_stderr_held():
            handler = logging.StreamHandler()
        logging.getLogger("x").addHandler(handler)
        logging.getLogger("x").warning("later")
        """
    )
    assert result.stderr == "later\n"


def test_held_lines_are_shown_when_the_block_fails():
    result = run(
        """
        import os
        from flowmc.core.quiet import native_stderr_held
        with native_stderr_held():
            os.write(2, b"native reason\\n")
            raise OSError("no such library")
        """
    )
    assert result.returncode == 1
    assert "native reason" in result.stderr
    assert "OSError: no such library" in result.stderr


def test_closed_stderr_does_not_matter():
    result = subprocess.run(
        [
            "sh",
            "-c",
            '"$0" -c "from flowmc.core.quiet import native_stderr_held as held\n'
            'with held(): pass\nprint(1)" 2>&-',
            sys.executable,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "1\n"


@pytest.mark.full
def test_tensorflow_says_nothing():
    result = run(
        """
        import os
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
        from flowmc.core.quiet import import_tensorflow
        import_tensorflow()
        import tensorflow as tf
        tf.function(lambda x: tf.linalg.cholesky(x), jit_compile=True)(tf.eye(3))
        """
    )
    assert result.returncode == 0
    assert result.stderr == ""


def test_what_needs_no_tensorflow_does_not_load_it():
    result = run(
        """
        import sys, flowmc
        names = set(flowmc.__all__) - flowmc._WITH_TENSORFLOW
        loaded = [getattr(flowmc, name) for name in sorted(names)]
        print(len(loaded), "tensorflow" in sys.modules)
        """
    )
    assert result.stdout.split()[1] == "False"


@pytest.mark.parametrize("level", [None, "0"])
def test_python_users_are_spared_the_start_up_lines(level):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}
    script = """
        import flowmc
        flowmc.Target(lambda t: -t[:, 0] ** 2, names=["x"]).log_prob([1.0])
        import tensorflow as tf
        tf.config.set_soft_device_placement(True)
        """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    )
    assert (result.stderr == "") == (level is None)
