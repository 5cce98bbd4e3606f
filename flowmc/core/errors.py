"""Typed exceptions: each message says the rule, then the value, then what to do."""

__all__ = [
    "CheckpointCorruptError",
    "CheckpointMismatchError",
    "ConfigurationError",
    "FlowmcError",
    "InitialPositionError",
    "InterruptedRunError",
    "LogProbError",
    "MissingDependencyError",
    "ModelError",
    "OutputExistsError",
    "TargetError",
    "TrainingError",
]


class FlowmcError(Exception):
    """Base of every error that flowmc raises on purpose."""


class ConfigurationError(FlowmcError, ValueError):
    """An argument or a configuration key is wrong."""


class TargetError(FlowmcError, ValueError):
    """The target's definition is unusable (shape, prior, bounds, backend)."""


class LogProbError(FlowmcError, ValueError):
    """The log-density gave NaN or +inf, or raised.

    Attributes:
        theta: The offending parameter vector `[D]`, or None.
        names: The parameters' names.
    """

    def __init__(self, message: str, *, theta=None, names=()) -> None:
        super().__init__(message)
        self.theta = theta
        self.names = tuple(names)


class InitialPositionError(LogProbError):
    """No usable starting point."""


class ModelError(FlowmcError, ValueError):
    """A model cannot do what is asked of it."""


class TrainingError(FlowmcError, ValueError):
    """The training data or the training run is unusable."""


class OutputExistsError(FlowmcError, FileExistsError):
    """The output folder holds results already."""


class CheckpointCorruptError(FlowmcError, OSError):
    """A file is truncated, damaged, or not ours."""


class CheckpointMismatchError(FlowmcError, ValueError):
    """A checkpoint belongs to another target, configuration or version."""


class InterruptedRunError(FlowmcError, KeyboardInterrupt):
    """The run was interrupted after its state was saved."""


class MissingDependencyError(FlowmcError, ImportError):
    """An optional package is needed; the message names the line that installs it."""
