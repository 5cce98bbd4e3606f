"""What the scripts of the figures share: size of a run, style, and small files."""

__all__ = ["BLUE", "COLORS", "ORANGE", "QUICK", "banana", "new_figure", "save", "steps"]

import os
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("agg")

import matplotlib.pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402

QUICK = os.environ.get("FLOWMC_QUICK") == "1"
# A quick run does not replace the pictures of the site.
HOME = Path(tempfile.gettempdir(), "flowmc_figures") if QUICK else Path(__file__).parent
FOLDER = Path(os.environ.get("FLOWMC_FIGURES", HOME))
MOST_BYTES = 60_000
BLUE, ORANGE, GREEN, GREY = "#3566a8", "#d9822b", "#4a8c5c", "#8a8a8a"
COLORS = (BLUE, ORANGE, GREEN, GREY)


def steps(count: int) -> int:
    """Return the number of training steps: `count`, or a few in a quick run."""
    return min(count, 40) if QUICK else count


def new_figure(width: float, height: float, **options: Any) -> tuple[Any, Any]:
    """Return a figure of a size in inches, and its axes, in the style of the site."""
    plt.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "axes.labelsize": 9,
            "font.size": 9,
            "legend.frameon": False,
            "legend.fontsize": 8,
        }
    )
    return plt.subplots(figsize=(width, height), layout="constrained", **options)


def save(figure: Any, name: str) -> Path:
    """Write a PNG of few colours, smaller than `MOST_BYTES`."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / name
    figure.savefig(path, dpi=110)
    plt.close(figure)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(colors=64, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise RuntimeError(f"{path} must be below {MOST_BYTES} bytes; it has {size}.")
    return path


def banana(num_draws: int, *, seed: int) -> np.ndarray:
    """Return draws `[n, 2]` of a ~ N(0, 1), b | a ~ N(a^2, 0.6^2)."""
    random = np.random.default_rng(seed)
    a = random.normal(size=num_draws)
    return np.stack([a, a**2 + 0.6 * random.normal(size=num_draws)], axis=-1)
