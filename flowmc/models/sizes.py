"""Default sizes of the flows' networks, from the dimension and the number of draws.

    hidden units   two layers of 3 D, at least 32 and at most 128
    layers         affine autoregressive 5, spline autoregressive 3, coupling
                   2 ceil(log2 D), at least 4, at most 10 (affine) or 6 (spline)
    spline bins    8

With `num_draws` n, widths and bins are multiplied by (n / 10^4)^(1/4), kept between 1/2
and 2: few draws cannot hold many weights.  Below 2000 draws autoregressive flows have
two layers fewer, but two at least.  What was chosen stands in the model's repr.
"""

__all__ = ["Sizes", "choose_bins", "choose_sizes", "default_hidden_units"]

from collections.abc import Sequence
from typing import Any, NamedTuple

from flowmc.core.checks import check_choice, check_event_size, check_positive_integer

REFERENCE_DRAWS = 10_000
FEW_DRAWS = 2000
DTYPES = ("float32", "float64")


class Sizes(NamedTuple):
    """Number of layers, and the networks in each."""

    num_layers: int
    hidden_units: list[int]
    dtype: str


def choose_sizes(
    event_size: int,
    *,
    kind: str,
    num_layers: int | None,
    hidden_units: Sequence[int] | None,
    num_draws: int | None,
    dtype: str,
) -> Sizes:
    """Check the sizes a user gave, and choose those not given.

    Args:
        event_size: `D`.
        kind: "affine" or "spline" autoregressive, or "affine coupling" or "spline
            coupling".
        num_layers: Number of layers, or None.
        hidden_units: Width of each hidden layer, or None.
        num_draws: About how many draws the model will be fitted to, or None.
        dtype: Float type of the networks.

    Raises:
        ConfigurationError: A size is not a positive integer, or the type unknown.
    """
    size = check_event_size(event_size)
    factor = _factor(num_draws)
    if num_layers is None:
        num_layers = _default_layers(size, kind=kind, num_draws=num_draws)
    if hidden_units is None:
        hidden_units = [
            int(round(factor * width)) for width in default_hidden_units(size)
        ]
    return Sizes(
        check_positive_integer(num_layers, name="num_layers"),
        [check_positive_integer(units, name="hidden_units") for units in hidden_units],
        check_choice(dtype, name="dtype", choices=DTYPES),
    )


def choose_bins(num_bins: Any, *, num_draws: int | None) -> int:
    """Return `num_bins`, or the default for `num_draws` where it is None."""
    return int(round(8 * _factor(num_draws))) if num_bins is None else num_bins


def default_hidden_units(event_size: int) -> list[int]:
    """Return two layers of width about 3 D, between 32 and 128."""
    width = int(min(128, max(32, 3 * event_size)))
    return [width, width]


def _default_layers(event_size: int, *, kind: str, num_draws: int | None) -> int:
    if kind.endswith("coupling"):
        most = 10 if kind.startswith("affine") else 6
        return min(most, max(4, 2 * (event_size - 1).bit_length()))
    num_layers = 5 if kind == "affine" else 3
    is_few = num_draws is not None and num_draws < FEW_DRAWS
    return max(2, num_layers - 2) if is_few else num_layers


def _factor(num_draws: int | None) -> float:
    if num_draws is None:
        return 1.0
    draws = check_positive_integer(num_draws, name="num_draws")
    return min(2.0, max(0.5, (draws / REFERENCE_DRAWS) ** 0.25))
