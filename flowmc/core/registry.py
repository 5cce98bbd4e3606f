"""Name -> class tables, so that a new family is one new file.

A class files itself with `@MODELS.register("maf")`; the room's `__init__` imports its
siblings; other distributions join through entry points of the group given here.
"""

__all__ = ["KERNELS", "LOSSES", "MODELS", "Registry"]

from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from pkgutil import iter_modules
from typing import Any, TypeVar

from flowmc.core.errors import ConfigurationError

T = TypeVar("T")


class Registry:
    """A table of named classes or functions of one kind.

    Args:
        kind: Singular noun used in error messages, such as "model".
        group: Entry-point group searched for classes of other distributions.
    """

    def __init__(self, kind: str, *, group: str) -> None:
        self._kind = kind
        self._group = group
        self._entries: dict[str, Any] = {}
        self._searched = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files its class under `name`."""

        def decorate(entry: T) -> T:
            if name in self._entries and self._entries[name] is not entry:
                raise ConfigurationError(
                    f"{self._kind.capitalize()} names must be unique; `{name}` is "
                    f"taken by {self._entries[name]!r}. Choose another name."
                )
            self._entries[name] = entry
            return entry

        return decorate

    def get(self, name: str) -> Any:
        """Return the entry called `name`, or raise naming the known ones."""
        self._load_entry_points()
        if name not in self._entries:
            known = ", ".join(sorted(self._entries)) or "none"
            raise ConfigurationError(
                f"`{name}` is not a known {self._kind}; known are: {known}."
            )
        return self._entries[name]

    def names(self) -> list[str]:
        """Return every known name, sorted."""
        self._load_entry_points()
        return sorted(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def _load_entry_points(self) -> None:
        if self._searched:
            return
        self._searched = True
        for point in metadata.entry_points(group=self._group):
            self.register(point.name)(point.load())


def import_siblings(package: str, path: list[str]) -> None:
    """Import every module of a room, so that its classes file themselves."""
    for module in iter_modules(path):
        import_module(f"{package}.{module.name}")


MODELS = Registry("model", group="flowmc.models")
KERNELS = Registry("kernel", group="flowmc.kernels")
LOSSES = Registry("loss", group="flowmc.losses")
