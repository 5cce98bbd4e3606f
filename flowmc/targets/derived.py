"""Quantities computed from the parameters of kept draws, checked as they are called."""

__all__ = ["Derived"]

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowmc.core.errors import FlowmcError, LogProbError, TargetError
from flowmc.targets.parameters import Parameters
from flowmc.targets.values import as_scalar, as_values


class Derived:
    """The user's derived quantities as one function.

    Args:
        functions: `{name: function}`; each takes what the log-density takes.
        parameters: Their names must not be used again.
        vectorized: Whether the functions take `[n, D]` or `[D]`.

    Attributes:
        names: Names of the quantities.

    Raises:
        TargetError: A name is taken, or a value is not callable.
    """

    def __init__(
        self,
        functions: Mapping[str, Callable[[Any], Any]] | None,
        *,
        parameters: Parameters,
        vectorized: bool,
    ) -> None:
        functions = {} if functions is None else functions
        if not isinstance(functions, Mapping):
            raise TargetError(
                "`derived` must be a dict {name: function}; got "
                f"{type(functions).__name__}."
            )
        for name, function in functions.items():
            if name in parameters.names:
                raise TargetError(
                    f"`derived` names must differ from the parameters'; got {name!r}."
                )
            if not callable(function):
                raise TargetError(
                    f"`derived` must hold functions; `{name}` is "
                    f"{type(function).__name__}."
                )
        self.names = tuple(functions)
        self._functions = dict(functions)
        self._parameters = parameters
        self._vectorized = vectorized

    def __call__(self, theta: Any) -> dict[str, np.ndarray]:
        """Return `{name: [n]}` in float64 for points `[n, D]`.

        Raises:
            TargetError: A function returns something other than one number per point.
            LogProbError: A function raises.
        """
        theta = np.asarray(theta, dtype=np.float64)
        return {name: self._evaluated(name, theta) for name in self.names}

    def _evaluated(self, name: str, theta: np.ndarray) -> np.ndarray:
        label = f"derived[{name!r}]"
        function = self._functions[name]
        try:
            if self._vectorized:
                values = function(theta.copy())
                return as_values(values, num_points=len(theta), label=label)
            return np.array([as_scalar(function(r.copy()), label=label) for r in theta])
        except FlowmcError:
            raise
        except Exception as error:
            raise LogProbError(
                f"`{label}` raised {type(error).__name__}: {error}. Correct it; the "
                "draws themselves are not affected.",
                names=self._parameters.names,
            ) from error
