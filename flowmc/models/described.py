"""What every model family tells of itself: its options, its description, its repr.

The description is plain JSON from which the untrained model can be built again; with
the arrays of `saving` it is all that a saved model consists of.
"""

__all__ = ["Described"]

import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

MOST_SHOWN = 16  # numbers of one option in the repr


class Described(tf.Module):
    """A module that can be built again from its own description.

    Args:
        event_size: Number of parameters, `D`.
        options: Keyword arguments that rebuild the model, as plain JSON values.
        name: The family's registered name.
    """

    def __init__(
        self, event_size: int, *, options: Mapping[str, Any], name: str
    ) -> None:
        super().__init__(name=name)
        self.event_size = event_size
        # As text: tf.Module would wrap lists and dicts in types of its own.
        self._options_json = json.dumps(dict(options), sort_keys=True)

    @property
    def has_given_base(self) -> bool:
        """Whether the user gave the location and covariance it starts from."""
        return False

    @classmethod
    def option_names(cls) -> list[str]:
        """Return the names of the family's own options."""
        skipped = ("self", "event_size", "seed")
        return [
            n for n in inspect.signature(cls.__init__).parameters if n not in skipped
        ]

    @property
    def description(self) -> dict[str, Any]:
        """Plain JSON values from which the untrained model can be built again."""
        return {
            "family": self.name,
            "event_size": self.event_size,
            "options": json.loads(self._options_json),
        }

    def __repr__(self) -> str:
        settings = self.description["options"]
        options = ", ".join(f"{key}={_shown(value)}" for key, value in settings.items())
        size = sum(int(np.prod(v.shape)) for v in self.trainable_variables)
        return f"{self.name}(event_size={self.event_size}, {options}) [{size} weights]"


def _shown(value: Any) -> str:
    """Return a value's repr; of a list of many numbers its shape alone."""
    if isinstance(value, dict):
        parts = (f"{key!r}: {_shown(part)}" for key, part in value.items())
        return "{" + ", ".join(parts) + "}"
    is_vector = isinstance(value, list) and np.size(value) > MOST_SHOWN
    return f"<{list(np.shape(value))} numbers>" if is_vector else repr(value)
