"""Which packages made a file, read from their metadata: none of them is imported."""

__all__ = ["package_versions"]

import platform
from functools import cache
from importlib import metadata

_DISTRIBUTIONS = ("numpy", "h5py", "tensorflow", "tensorflow-probability")


@cache
def package_versions() -> dict[str, str]:
    """Return `{package: version}` of Python, flowmc and what it computes with."""
    from flowmc import __version__

    versions = {"python": platform.python_version(), "flowmc": __version__}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
