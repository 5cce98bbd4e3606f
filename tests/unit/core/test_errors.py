"""Typed errors: one base, and the built-in classes users already catch."""

import copy

import numpy as np
import pytest

from flowmc.core import errors

BUILT_IN = {
    "CheckpointCorruptError": OSError,
    "CheckpointMismatchError": ValueError,
    "ConfigurationError": ValueError,
    "FlowmcError": Exception,
    "InitialPositionError": ValueError,
    "InterruptedRunError": KeyboardInterrupt,
    "LogProbError": ValueError,
    "MissingDependencyError": ImportError,
    "ModelError": ValueError,
    "OutputExistsError": FileExistsError,
    "TargetError": ValueError,
    "TrainingError": ValueError,
}


def test_table_is_complete():
    assert set(BUILT_IN) == set(errors.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_error_is_ours_and_a_built_in_one(name):
    kind = getattr(errors, name)
    error = kind("rule; value. Remedy.")
    assert isinstance(error, errors.FlowmcError)
    assert isinstance(error, BUILT_IN[name])
    assert str(error) == "rule; value. Remedy."


def test_log_prob_error_carries_the_point():
    theta = np.array([1.0, np.nan])
    error = errors.LogProbError("bad", theta=theta, names=["a", "b"])
    assert error.theta is theta
    assert error.names == ("a", "b")
    assert errors.LogProbError("bad").theta is None


def test_log_prob_error_survives_a_copy():
    """Process pools send errors home by copying them."""
    error = copy.copy(errors.InitialPositionError("bad", theta=[1.0], names=("a",)))
    assert (str(error), error.theta, error.names) == ("bad", [1.0], ("a",))


def test_interruption_passes_through_handlers_of_ordinary_interrupts():
    with pytest.raises(KeyboardInterrupt):
        raise errors.InterruptedRunError("saved")
