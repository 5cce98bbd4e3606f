"""Learned densities: flow families, the defensive mixture, saving and loading.

Each family is one file that registers itself; `make` finds it by name.
"""

__all__ = ["defensive", "load_model", "make", "save_model"]

from flowmc.core.registry import import_siblings
from flowmc.models.defensive import defensive
from flowmc.models.make import make
from flowmc.models.saving import load_model, save_model

import_siblings(__name__, list(__path__))
