"""Gaussian (triangular affine) family: fitted in closed form, always available.

It is the fallback when draws are few, the baseline that a network has to beat, and the
natural preconditioner of nearly Gaussian posteriors.
"""

__all__ = ["Gaussian"]

from typing import Any

from flowmc.core.checks import check_event_size
from flowmc.core.registry import MODELS
from flowmc.models.base import Flow
from flowmc.models.circles import Circles, refuse_circles
from flowmc.models.given_base import BaseOption


@MODELS.register("gaussian")
class Gaussian(Flow):
    """A multivariate normal, or t, with fitted location and triangular scale.

    Args:
        event_size: Number of parameters, `D`.
        base: "normal", "student_t", or `{"covariance": ..., "location": ...}`: a
            Gaussian of your own, which is then not fitted.
        periodic: Must be empty; the spline families take circle coordinates.
        seed: Accepted for uniformity; nothing here is random.
    """

    def __init__(
        self,
        event_size: int,
        *,
        base: BaseOption = "normal",
        periodic: Any = (),
        seed: Any = 0,
    ) -> None:
        size = check_event_size(event_size)
        circles = Circles(periodic, event_size=size)
        refuse_circles(circles, family="gaussian")
        super().__init__(size, layers=[], base=base, options={}, name="gaussian")
