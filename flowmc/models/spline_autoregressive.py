"""Autoregressive flow of monotone splines: the most expressive family, layer for layer.

One layer is a Knothe-Rosenblatt map with knobs of capacity (bins, width).  Takes
circle coordinates, mixed with ordinary ones or alone, and a single dimension.

Reference: Durkan, Bekasov, Murray and Papamakarios (2019), arXiv:1906.04032; on
circles, Rezende et al. (2020), arXiv:2002.02428.
"""

__all__ = ["SplineAutoregressiveFlow"]

from collections.abc import Sequence
from typing import Any

from flowmc.core.checks import check_event_size
from flowmc.core.registry import MODELS
from flowmc.models.autoregressive import stack_autoregressive
from flowmc.models.base import Flow
from flowmc.models.circles import Circles
from flowmc.models.given_base import BaseOption
from flowmc.models.scalar_maps import SplineMap
from flowmc.models.sizes import choose_bins, choose_sizes


@MODELS.register("spline_autoregressive")
class SplineAutoregressiveFlow(Flow):
    """Spline autoregressive layers with the order reversed between them.

    Untrained, and before its whitening is fitted, it is the standard normal;
    circle coordinates are uniform.

    Args:
        event_size: Number of parameters, `D`.
        num_layers: Number of autoregressive layers; default from `D` and `num_draws`.
        hidden_units: Width of each hidden layer; default likewise.
        num_bins: Bins of each spline, at least 2; default from `num_draws`.
        bound: The splines cover [-bound, bound] in base units; beyond it the map is
            affine.
        max_log_scale: Bound on `|log_scale|` of each layer.
        periodic: Circle coordinates: indices (on [-pi, pi)) or `{index: (low, high)}`.
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
        num_bins: int | None = None,
        bound: float = 5.0,
        max_log_scale: float = 3.0,
        periodic: Any = (),
        base: BaseOption = "normal",
        dtype: str = "float64",
        num_draws: int | None = None,
        seed: Any = 0,
    ) -> None:
        size = check_event_size(event_size)
        circles = Circles(periodic, event_size=size)
        bins = choose_bins(num_bins, num_draws=num_draws)
        scalar_map = SplineMap(bins, bound=bound, max_log_scale=max_log_scale)
        sizes = choose_sizes(
            size,
            kind="spline",
            num_layers=num_layers,
            hidden_units=hidden_units,
            num_draws=num_draws,
            dtype=dtype,
        )
        layers = stack_autoregressive(
            scalar_map, sizes=sizes, is_circle=circles.is_circle, seed=seed
        )
        options = {
            **sizes._asdict(),
            "num_bins": int(bins),
            "bound": float(bound),
            "max_log_scale": float(max_log_scale),
        }
        super().__init__(
            size,
            layers=layers,
            base=base,
            options=options,
            name="spline_autoregressive",
            circles=circles,
        )
