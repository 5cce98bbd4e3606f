"""Inverse autoregressive flow (IAF): draws in one pass, scores in one incremental pass.

The mirror image of the MAF: what moves a coordinate depends on the base coordinates
before it.  Natural where draws and their gradients are wanted most, as in a latent
space walked by HMC; the incremental inverse keeps its density of any point cheap.

Reference: Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling (2016),
arXiv:1606.04934.
"""

__all__ = ["InverseAutoregressiveFlow"]

from collections.abc import Sequence
from typing import Any

from flowmc.core.checks import check_event_size
from flowmc.core.registry import MODELS
from flowmc.models.autoregressive import stack_autoregressive
from flowmc.models.base import Flow
from flowmc.models.circles import Circles, refuse_circles
from flowmc.models.given_base import BaseOption
from flowmc.models.layers import Inverted
from flowmc.models.scalar_maps import AffineMap
from flowmc.models.sizes import choose_sizes


@MODELS.register("iaf")
class InverseAutoregressiveFlow(Flow):
    """Affine layers autoregressive in `z`, the order reversed between them.

    Untrained, and before its whitening is fitted, it is the standard normal.

    Args:
        event_size: Number of parameters, `D`.
        num_layers: Number of autoregressive layers; default from `D` and `num_draws`.
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
        size = check_event_size(event_size)
        circles = Circles(periodic, event_size=size)
        refuse_circles(circles, family="iaf", only_if_all=True)
        sizes = choose_sizes(
            size,
            kind="affine",
            num_layers=num_layers,
            hidden_units=hidden_units,
            num_draws=num_draws,
            dtype=dtype,
        )
        scalar_map = AffineMap(max_log_scale)
        layers = stack_autoregressive(
            scalar_map,
            sizes=sizes,
            is_circle=circles.is_circle,
            seed=seed,
            wrap=Inverted,
        )
        options = {**sizes._asdict(), "max_log_scale": float(max_log_scale)}
        super().__init__(
            size,
            layers=layers,
            base=base,
            options=options,
            name="iaf",
            circles=circles,
        )
