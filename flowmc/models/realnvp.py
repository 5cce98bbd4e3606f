"""RealNVP: affine coupling layers, one pass both ways, the cheapest of the flows.

Each layer shifts and scales some coordinates given the others.  It needs more layers
than autoregressive flows for the same fit, and fewer seconds for each.

Reference: Dinh, Sohl-Dickstein and Bengio (2017), arXiv:1605.08803.
"""

__all__ = ["RealNVP"]

from collections.abc import Sequence
from typing import Any

from flowmc.core.registry import MODELS
from flowmc.models.base import Flow
from flowmc.models.circles import Circles, refuse_circles
from flowmc.models.coupling import check_coupling_size, stack_coupling
from flowmc.models.given_base import BaseOption
from flowmc.models.scalar_maps import AffineMap
from flowmc.models.sizes import choose_sizes


@MODELS.register("realnvp")
class RealNVP(Flow):
    """Affine coupling layers whose moved coordinates alternate.

    Untrained, and before its whitening is fitted, it is the standard normal.

    Args:
        event_size: Number of parameters, `D`, at least 2.
        num_layers: Number of coupling layers; default from `D` and `num_draws`.
        hidden_units: Width of each hidden layer; default likewise.
        max_log_scale: Bound on `|log_scale|` of each layer.
        periodic: Circle coordinates: indices (on [-pi, pi)) or `{index: (low, high)}`;
            affine maps can only rotate them, so prefer splines where they matter.
        base: "normal" or "student_t", of the ordinary coordinates; or
            `{"covariance": ..., "location": ...}`: a Gaussian to start from.
        dtype: Float type of the networks; densities are float64 always.
        num_draws: About how many draws it will be fitted to; sets default sizes.
        seed: Seed of the initial weights.
    """

    def __init__(
        self,
        event_size: int,
        *,
        num_layers: int | None = None,
        hidden_units: Sequence[int] | None = None,
        max_log_scale: float = 3.0,
        periodic: Any = (),
        base: BaseOption = "normal",
        dtype: str = "float64",
        num_draws: int | None = None,
        seed: Any = 0,
    ) -> None:
        size = check_coupling_size(event_size, family="realnvp")
        circles = Circles(periodic, event_size=size)
        refuse_circles(circles, family="realnvp", only_if_all=True)
        sizes = choose_sizes(
            size,
            kind="affine coupling",
            num_layers=num_layers,
            hidden_units=hidden_units,
            num_draws=num_draws,
            dtype=dtype,
        )
        scalar_map = AffineMap(max_log_scale)
        layers = stack_coupling(
            scalar_map, sizes=sizes, is_circle=circles.is_circle, seed=seed
        )
        options = {**sizes._asdict(), "max_log_scale": float(max_log_scale)}
        super().__init__(
            size,
            layers=layers,
            base=base,
            options=options,
            name="realnvp",
            circles=circles,
        )
