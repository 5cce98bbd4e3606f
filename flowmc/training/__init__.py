"""Training on the fly: the step loop, the losses, the reservoir of draws, the gate."""

__all__ = ["fit"]

from flowmc.core.registry import import_siblings
from flowmc.training.fit import fit

import_siblings(__name__, list(__path__))
