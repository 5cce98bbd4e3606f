"""What is said where a foreign package is not installed."""

__all__ = ["missing_package"]

from flowmc.core.errors import MissingDependencyError


def missing_package(requirement: str, *, extra: str) -> MissingDependencyError:
    """Return the error that names the package and the line that installs it.

    Args:
        requirement: As pip has it, such as "bilby>=2.7".
        extra: The extra of flowmc-tf that holds it.
    """
    return MissingDependencyError(
        f"This adapter needs {requirement}, which is not installed here. Install it: "
        f"pip install 'flowmc-tf[{extra}]'"
    )
