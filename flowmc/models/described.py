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
        options = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        size = sum(int(np.prod(v.shape)) for v in self.trainable_variables)
        return f"{self.name}(event_size={self.event_size}, {options}) [{size} weights]"
