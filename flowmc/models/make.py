"""Build a model by the name of its family."""

__all__ = ["make"]

from typing import Any

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import MODELS


def make(name: str, *, event_size: int, seed: Any = 0, **options: Any) -> Any:
    """Build the model family `name` for `event_size` parameters.

    Args:
        name: Family, such as "gaussian" or "maf"; `flowmc list models` names them all.
        event_size: Number of parameters, `D`.
        seed: Seed of the initial weights (integer or int32 pair).
        **options: The family's own settings; its class documents them.

    Returns:
        An untrained model: the standard normal density until it is fitted.

    Raises:
        ConfigurationError: Unknown family or option.
    """
    family = MODELS.get(name)
    try:
        return family(event_size, seed=seed, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        known = ", ".join(sorted(family.option_names()))
        raise ConfigurationError(
            f"Options of the model `{name}` are: {known}; got {sorted(options)}."
        ) from error
