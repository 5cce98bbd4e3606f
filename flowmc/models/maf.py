"""Masked autoregressive flow (MAF): scores in one pass, draws in one incremental pass.

The default family: its layers see every coordinate before the one they move, and the
incremental inverse makes drawing about as cheap as scoring.

Reference: Papamakarios, Pavlakou and Murray (2017), arXiv:1705.07057.
"""

__all__ = ["MaskedAutoregressiveFlow"]

from collections.abc import Sequence
from typing import Any

from flowmc.core.checks import check_event_size, check_positive_integer
from flowmc.core.registry import MODELS
from flowmc.core.seeds import fold_in
from flowmc.models.autoregressive import AffineAutoregressive
from flowmc.models.base import Flow
from flowmc.models.layers import Layer, Reverse
from flowmc.models.networks import MaskedNetwork


@MODELS.register("maf")
class MaskedAutoregressiveFlow(Flow):
    """Affine autoregressive layers with the order reversed between them.

    Untrained, and before its whitening is fitted, it is the standard normal.

    Args:
        event_size: Number of parameters, `D`.
        num_layers: Number of autoregressive layers.
        hidden_units: Width of each hidden layer; default from `D`.
        max_log_scale: Bound on `|log_scale|` of each layer.
        base: "normal" or "student_t".
        dtype: Float type of the networks; densities are float64 always.
        seed: Seed of the initial weights.

    Example:
        >>> model = flowmc.models.make("maf", event_size=2, seed=0)
        >>> model.log_prob([[0.0, 0.0]]).numpy().round(4)
        array([-1.8379])
    """

    def __init__(
        self,
        event_size: int,
        *,
        num_layers: int = 5,
        hidden_units: Sequence[int] | None = None,
        max_log_scale: float = 3.0,
        base: str = "normal",
        dtype: str = "float64",
        seed: Any = 0,
    ) -> None:
        size = check_event_size(event_size)
        check_positive_integer(num_layers, name="num_layers")
        widths = list(hidden_units or default_hidden_units(size))
        layers: list[Layer] = []
        for index in range(num_layers):
            network = MaskedNetwork(
                size,
                num_params=2,
                hidden_units=widths,
                seed=fold_in(seed, "maf", index),
                dtype=dtype,
            )
            layers += [
                AffineAutoregressive(network, max_log_scale=max_log_scale),
                Reverse(),
            ]
        options = {
            "num_layers": num_layers,
            "hidden_units": widths,
            "max_log_scale": max_log_scale,
            "dtype": dtype,
        }
        # A reversal after the last layer would only relabel its coordinates.
        super().__init__(
            size, layers=layers[:-1], base=base, options=options, name="maf"
        )


def default_hidden_units(event_size: int) -> list[int]:
    """Return two layers of width about 3 D, between 32 and 128."""
    width = int(min(128, max(32, 3 * event_size)))
    return [width, width]
