"""Refuse to run from a folder merged with the other package of nearly this name.

PyPI's `flowmc` imports as `flowMC`.  On a case-insensitive file system both packages
land in one folder and overwrite one another's files, silently.
"""

__all__ = ["refuse_merged_package"]

from collections.abc import Iterable
from pathlib import Path

# Files of the other package's releases; none of them exists in ours.
FOREIGN_FILES = (
    "Sampler.py",
    "resource",
    "strategy",
    "nfmodel",
    "resource_strategy_bundle",
)


def refuse_merged_package(path: Iterable[str]) -> None:
    """Raise ImportError if files of the JAX package `flowMC` lie in our folder."""
    for folder in map(Path, path):
        found = [name for name in FOREIGN_FILES if (folder / name).exists()]
        if found:
            raise ImportError(
                "The packages flowmc (this one, distribution `flowmc-tf`) and flowMC "
                f"(distribution `flowmc`) were merged in {folder}: found {found[0]}. "
                "This file system does not distinguish upper from lower case. Remove "
                "both (`pip uninstall flowmc flowmc-tf`) and install one per "
                "environment."
            )
