"""Gaussian (triangular affine) family: fitted in closed form, always available.

It is the fallback when draws are few, the baseline that a network has to beat, and the
natural preconditioner of nearly Gaussian posteriors.
"""

__all__ = ["Gaussian"]

from typing import Any

from flowmc.core.registry import MODELS
from flowmc.models.base import Flow


@MODELS.register("gaussian")
class Gaussian(Flow):
    """A multivariate normal, or t, with fitted location and triangular scale.

    Args:
        event_size: Number of parameters, `D`.
        base: "normal" or "student_t".
        seed: Accepted for uniformity; nothing here is random.
    """

    def __init__(self, event_size: int, *, base: str = "normal", seed: Any = 0) -> None:
        super().__init__(event_size, layers=[], base=base, options={}, name="gaussian")
