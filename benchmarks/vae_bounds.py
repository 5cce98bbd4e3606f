"""Bounds of a VAE against the exact density, where that is known: ELBO and IWAE.

    python benchmarks/vae_bounds.py [--quick]

A linear-Gaussian VAE with four parameters and two codes, once with the exact posterior
as encoder and once with an encoder 1.4 times too wide and 0.6 sd off in either code.
Writes `benchmarks/results/vae_bounds.json`.
"""

__all__ = ["main"]

import argparse
import sys
from pathlib import Path

from common import Table, fingerprint, quiet_tensorflow, save

quiet_tensorflow()
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np  # noqa: E402

from tests.unit.models.linear_vae import LinearVae  # noqa: E402

ENCODERS = {"exact": {}, "wrong": {"scale": 1.4, "shift": 0.6}}
COUNTS = (1, 5, 50, 500)
NUM_CODES = 4_000_000  # drawn in all for one row
MOST_POINTS = 20_000


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few points")
    quick = parser.parse_args().quick
    started = fingerprint()
    save("vae_bounds", {"bounds": measure_bounds(quick)}, started)


def measure_bounds(quick: bool) -> Table:
    """Return the mean gap of each bound to the exact log p(x)."""
    table = Table(
        "Linear-Gaussian VAE (D = 4, K = 2 codes): gap of the bounds to log p(x), nats",
        (
            *("encoder", "bound", "codes", "points"),
            *("gap", "error", "steady gap", "expected", "largest"),
        ),
        goal="falls with K, within 0.01 at 500, Var(w) / 2K within 20 %; exact: 1e-9",
    )
    for name, errors in ENCODERS.items():
        linear = LinearVae(**errors)
        for bound, num in (("elbo", 1), *(("iwae", count) for count in COUNTS)):
            points = min(MOST_POINTS, NUM_CODES // num) // (10 if quick else 1)
            row = measure_gap(linear, bound, num, points)
            table.add(name, bound, num, points, *row)
    return table


def measure_gap(linear: LinearVae, bound: str, num: int, points: int) -> tuple:
    """Return the mean gap, its error, both again with less noise, and the largest.

    The mean of w - 1 is zero; added to the gap it takes off most of the noise.  The
    expected gap is exact for one code and Var(w) / 2K, to first order, for many.
    """
    x = linear.draw(points)
    if bound == "elbo":
        values = linear.model.elbo(x, seed=1).bound.numpy()
    else:
        values = linear.model.iwae_bound(x, num_importance=num, seed=1).numpy()
    gap = linear.log_prob(x) - values
    steady = gap if num == 1 else gap + np.expm1(-gap)
    expected = linear.elbo_gap if num == 1 else linear.weight_variance / (2 * num)
    error = gap.std() / np.sqrt(points)
    return gap.mean(), error, steady.mean(), expected, np.abs(gap).max()


if __name__ == "__main__":
    main()
