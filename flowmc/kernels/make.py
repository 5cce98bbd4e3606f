"""Build a kernel by name."""

__all__ = ["make"]

from typing import Any

from flowmc.core.registry import KERNELS


def make(name: str, **arguments: Any) -> Any:
    """Build the kernel `name`.

    Args:
        name: Such as "random_walk", "independence" or "preconditioned".
        **arguments: The kernel's own arguments; `target_log_prob_fn` for all, `model`
            for those that use one.

    Returns:
        A `core.types.Kernel`: `init`, `propose`, `complete` and `step`.

    Raises:
        ConfigurationError: Unknown kernel, or a model of the wrong kind.
    """
    return KERNELS.get(name)(**arguments)
