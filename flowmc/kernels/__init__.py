"""Exact transitions on `[num_chains, D]`: one kernel a file, one accept/reject."""

__all__ = ["make"]

from flowmc.core.registry import import_siblings
from flowmc.kernels.make import make

import_siblings(__name__, list(__path__))
