"""A proposal as it was: its density anywhere, after the maps have changed."""

__all__ = ["PastProposal"]

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowmc.sampling.evidence_chains import in_batches
from flowmc.sampling.maps import Maps


class PastProposal:
    """What a run's maps propose at the moment when this is made.

    Args:
        maps: The run's maps; they are put back as they are after each call.
        arrays: What `to_arrays` returned, of another moment; now if not given.
    """

    def __init__(self, maps: Maps, arrays: Mapping[str, Any] | None = None) -> None:
        self._maps = maps
        self._arrays = Maps.to_arrays(maps) if arrays is None else arrays

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-density it had at `x` `[n, D]`."""
        now = Maps.to_arrays(self._maps)
        Maps.from_arrays(self._maps, self._arrays)
        try:
            (log_q,) = in_batches(self._maps.proposal.log_prob, x)
        finally:
            Maps.from_arrays(self._maps, now)
        return log_q

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that it is made of, for checkpoints."""
        return dict(self._arrays)
