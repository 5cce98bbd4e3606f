"""One mode or both: four ways to train on two separated normal laws, and a figure.

Losses that draw from the model look where the model is, and a mode it has left costs
nothing; losses that score draws of the target must cover all of them.  Codes and
density alike: what decides is the direction of the divergence.
"""

__all__ = ["FIGURE", "measure_two_modes"]

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from flowmc import fit, models

FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "vae_two_modes.png"
CENTERS, WEIGHTS = np.array([[-1.0, -1.0], [7.0, 5.0]]), np.array([0.6, 0.4])
NUM_DRAWS, NUM_JUDGED = 4000, 20_000
NEAR = 4.0  # from a centre, in standard deviations
CONTESTANTS = (  # title, family, loss
    ("VAE, reverse KL", "vae", "reverse_elbo"),
    ("VAE, IWAE", "vae", "iwae"),
    ("flow, reverse KL", "maf", "reverse_kl"),
    ("flow, forward KL", "maf", "forward_kl"),
)


def measure_two_modes(quick: bool, *, seeds: Iterable[int]) -> Iterator[tuple]:
    """Yield a row for each contestant and seed; draw the first seed."""
    shown = {}
    for seed in seeds:
        for title, family, loss in CONTESTANTS:
            model = _fitted(family, loss, seed=seed, max_steps=100 if quick else 1500)
            draws = model.sample(NUM_JUDGED, seed=seed).numpy()
            shown.setdefault(title, draws)
            yield title, seed, *_shares(draws)
    if not quick:
        _draw(shown)


def _fitted(family: str, loss: str, *, seed: int, max_steps: int) -> Any:
    model = models.make(family, event_size=2, seed=seed, hidden_units=[32, 32])
    if loss.startswith("reverse"):
        fit(model, target=_log_prob, loss=loss, seed=seed, max_steps=max_steps)
    else:
        exact = _sample(NUM_DRAWS, seed=seed)
        fit(model, exact, loss=loss, seed=seed, max_steps=max_steps)
    return model


def _shares(draws: np.ndarray) -> tuple[float, float, float]:
    """Return shares near the modes and between them."""
    distance = np.linalg.norm(draws[:, None] - CENTERS, axis=-1)
    first, second = (distance < NEAR).mean(axis=0)
    return float(first), float(second), float((distance >= NEAR).all(axis=1).mean())


def _log_prob(x: tf.Tensor) -> tf.Tensor:
    squares = tf.reduce_sum(tf.square(x[:, None, :] - CENTERS), axis=-1)
    return tf.reduce_logsumexp(np.log(WEIGHTS) - 0.5 * squares, axis=-1)


def _sample(n: int, *, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    which = random.choice(2, size=n, p=WEIGHTS)
    return CENTERS[which] + random.standard_normal((n, 2))


def _draw(shown: dict[str, np.ndarray]) -> None:
    from flowmc.results.plot_style import GREY, PALETTE, new_figure, png_bytes, style

    with style():
        figure = new_figure(9.0, 2.7)
        axes = figure.subplots(1, len(shown), sharex=True, sharey=True)
        target = _sample(1500, seed=99)
        for axis, (title, draws) in zip(axes, shown.items(), strict=True):
            first, second, _ = _shares(draws)
            axis.plot(*target.T, ".", ms=2, color=GREY, alpha=0.5, label="target")
            axis.plot(*draws[:1500].T, ".", ms=2, color=PALETTE[0], label="model")
            axis.set_title(f"{title}\n{first:.0%} and {second:.0%}")
            axis.set_xlim(-6.0, 12.0)
            axis.set_ylim(-6.0, 10.0)
        axes[0].legend(loc="upper left", markerscale=4)
        figure.tight_layout()
        _write_small(png_bytes(figure))


def _write_small(png: bytes) -> None:
    """Write a picture with few colours: a document's is to stay below 60 kB."""
    with Image.open(BytesIO(png)) as image:
        small = image.convert("RGB")
    small.thumbnail((900, 900))
    small.quantize(colors=32, dither=Image.Dither.NONE).save(FIGURE, optimize=True)
