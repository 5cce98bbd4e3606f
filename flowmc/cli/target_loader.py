"""Import the posterior that a configuration names and build its target.

A file is imported under its own stem and its folder joins `sys.path`, so that worker
processes started afresh find the same module by the same name.
"""

__all__ = ["load_target"]

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from flowmc.cli.config import Config
from flowmc.cli.config_errors import nearest
from flowmc.core.errors import ConfigurationError, FlowmcError

KEY = "`target.posterior`"


def load_target(config: Config) -> Any:
    """Return the `flowmc.Target` of a configuration.

    Raises:
        ConfigurationError: The file, module, attribute or an argument does not exist,
            importing or building raised, or the result is not a target.
    """
    import flowmc

    where, _, name = config.target.posterior.rpartition(":")
    module = _import(where, config.folder)
    found = _attribute(module, where, name)
    arguments = config.target.arguments
    if not isinstance(found, flowmc.Target):
        found = _build(found, name, arguments)
    elif arguments:
        raise ConfigurationError(
            f"`target.arguments` needs a function to pass them to; `{name}` in {where} "
            "is a finished target. Remove the table or name the function."
        )
    if not isinstance(found, flowmc.Target):
        raise ConfigurationError(
            f"{KEY} must give a flowmc.Target; `{name}` in {where} gives "
            f"{type(found).__name__}."
        )
    return found


def _import(where: str, folder: Path) -> ModuleType:
    path = folder / where
    try:
        return _import_file(path) if where.endswith(".py") else import_module(where)
    except FlowmcError:
        raise
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == where:
            raise ConfigurationError(
                f"{KEY}: there is no module {where}; give the path of a .py file, or "
                "install the package."
            ) from error
        raise ConfigurationError(
            f"{KEY}: importing {where} failed with {_told(error)}"
        ) from error


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise ConfigurationError(f"{KEY}: there is no file {path}.")
    loaded = sys.modules.get(path.stem)
    if loaded is not None:
        if getattr(loaded, "__file__", None) == str(path):
            return loaded
        raise ConfigurationError(
            f"{KEY}: the file name {path.name} hides the module {path.stem} that is "
            "already loaded; rename the file."
        )
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{KEY}: {path} is not a Python file.")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _attribute(module: ModuleType, where: str, name: str) -> Any:
    if not hasattr(module, name):
        public = [key for key in vars(module) if not key.startswith("_")]
        guess = nearest(name, public)
        raise ConfigurationError(f"{KEY}: {where} has no `{name}`{guess or '.'}")
    return getattr(module, name)


def _build(factory: Callable, name: str, arguments: dict[str, Any]) -> Any:
    if not callable(factory):
        raise ConfigurationError(
            f"{KEY} must name a function or a flowmc.Target; `{name}` is "
            f"{type(factory).__name__}."
        )
    _check_arguments(factory, name, arguments)
    try:
        return factory(**arguments)
    except FlowmcError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"{KEY}: {name}() failed with {_told(error)}"
        ) from error


def _check_arguments(factory: Callable, name: str, arguments: dict[str, Any]) -> None:
    signature = inspect.signature(factory)
    known = signature.parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
    unknown = [key for key in arguments if key not in known and not open_ended]
    if unknown:
        guess = nearest(unknown[0], known) or "."
        raise ConfigurationError(
            f"`target.arguments.{unknown[0]}` is not an argument of {name}(){guess} "
            f"It takes: {', '.join(known) or 'none'}."
        )
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise ConfigurationError(f"`target.arguments`: {name}(): {error}.") from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).rstrip('.')}."
