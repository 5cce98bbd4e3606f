"""Flow families: both directions, against TFP, zuko and flowjax; compilation; fit.

    python benchmarks/flows.py [--quick] [--only ratio tfp peers compile kl] [--resume]

Peers come with the extra `bench`; a peer that is not installed is left out.  Writes
`benchmarks/results/flows.json`.
"""

__all__ = ["main"]

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

from common import (
    Table,
    fingerprint,
    interleave,
    load_rows,
    quiet_tensorflow,
    save,
)

quiet_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from flow_fits import measure_fits  # noqa: E402
from flow_peers import measure_peers  # noqa: E402
from tensorflow_probability import bijectors as tfb  # noqa: E402

from flowmc.core.registry import MODELS  # noqa: E402
from flowmc.models import make  # noqa: E402
from flowmc.models.networks import MaskedNetwork  # noqa: E402
from flowmc.training.adam import Adam  # noqa: E402

BATCH = 1024
AUTOREGRESSIVE = ("maf", "iaf", "spline_autoregressive")


def main() -> None:
    """Measure the figures asked for, show them and save them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats, small sizes")
    parser.add_argument("--resume", action="store_true", help="keep rows of `kl`")
    parser.add_argument("--only", nargs="*", choices=list(FIGURES), default=None)
    options = parser.parse_args()
    for figure in options.only or FIGURES:
        table, started = FIGURES[figure], fingerprint()
        name = "flows_quick" if options.quick else "flows"
        if options.resume and figure == "kl":
            table.rows += load_rows(name, figure)
        for row in table.measure(options.quick):
            table.add(*row)
            # Row by row: what was measured outlives an interruption.
            save(name, {figure: table}, started)


def measure_ratio(quick: bool) -> Iterator[tuple]:
    """Time both directions of every registered flow; yield rows."""
    for family in flows():
        for size in (8, 32) if quick else (8, 16, 32, 64):
            if family not in AUTOREGRESSIVE and size != 32:
                continue
            yield family, size, *_directions(family, size, 5 if quick else 25)


def _directions(family: str, size: int, repeats: int) -> tuple[float, ...]:
    model = perturbed(make(family, event_size=size, seed=0))
    density = compiled(model.inverse_and_log_det)
    draw = compiled(model.forward_and_log_det)
    x = points(BATCH, size)
    z, _ = density(x)
    error = float(np.abs(draw(z)[0] - x).max())
    timing = interleave(
        {"density": lambda: wait(density(x)), "draw": lambda: wait(draw(z))},
        repeats=repeats,
    )
    times = [timing[name].median for name in ("density", "draw")]
    processor = [timing[name].processor for name in ("density", "draw")]
    ratios = [max(pair) / min(pair) for pair in (times, processor)]
    return (*times, *ratios, error)


def measure_tfp(quick: bool) -> Iterator[tuple]:
    """Time one layer's draw against TFP's, both around the same network; yield rows."""
    for size in (8, 32) if quick else (8, 16, 32, 64):
        yield size, *_against_tfp(size, 5 if quick else 25)


def _against_tfp(size: int, repeats: int) -> tuple[float, ...]:
    network = perturbed(
        MaskedNetwork(
            size, num_params=2, hidden_units=[3 * size, 3 * size], seed=0, name="layer"
        )
    )

    def shift_and_log_scale(x: tf.Tensor, **_: Any) -> tuple[tf.Tensor, tf.Tensor]:
        shift, log_scale = tf.unstack(network(tf.transpose(x)))
        return tf.transpose(shift), tf.tanh(tf.transpose(log_scale))

    def solve(z_i: tf.Tensor, parameters: tf.Tensor, index: tf.Tensor) -> tuple:
        log_scale = tf.tanh(parameters[1])
        return parameters[0] + tf.exp(log_scale) * z_i, log_scale

    bijector = tfb.MaskedAutoregressiveFlow(shift_and_log_scale)
    ours = compiled(lambda z: tf.transpose(network.solve(tf.transpose(z), solve)[0]))
    theirs = compiled(lambda z: bijector.forward(tf.identity(z)))
    graph = tf.function(lambda z: bijector.forward(tf.identity(z)), autograph=False)
    z = points(BATCH, size)
    gap = float(np.abs(ours(z) - theirs(z)).max())
    runs = {"flowmc": ours, "xla": theirs, "graph": graph}
    timing = interleave(
        {name: (lambda run=run: wait(run(z))) for name, run in runs.items()},
        repeats=repeats,
    )
    times = [timing[name].median for name in runs]
    return (*times, times[1] / times[0], times[2] / times[0], gap)


def measure_compile(quick: bool) -> Iterator[tuple]:
    """Time the first call of each function, tracing and compilation; yield rows."""
    for size in (8,) if quick else (8, 32):
        for family in flows():
            yield family, size, *_compilations(family, size)


def _compilations(family: str, size: int) -> tuple[float | str, ...]:
    model = perturbed(make(family, event_size=size, seed=0))
    x = points(BATCH, size)
    functions = [
        compiled(model.inverse_and_log_det),
        compiled(model.forward_and_log_det),
    ]
    if model.trainable_variables:
        functions.append(gradient_step(model))
    times, processor = [], []
    for function in functions:
        start, cpu = time.perf_counter(), time.process_time()
        wait(function(x))
        times.append(time.perf_counter() - start)
        processor.append(time.process_time() - cpu)
    return (*times, *["none"] * (3 - len(times)), max(processor))


def gradient_step(model: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return one compiled step of maximum likelihood with Adam."""
    adam = Adam(model.trainable_variables, clip_norm=10.0)

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(model.log_prob(x))
        gradients = tape.gradient(loss, model.trainable_variables)
        adam.apply(gradients, learning_rate=tf.constant(1e-4, tf.float64))
        return loss

    return compiled(step)


def flows() -> list[str]:
    """Return the registered families that map both ways."""
    return [name for name in MODELS if hasattr(MODELS.get(name), "forward_and_log_det")]


def compiled(function: Callable) -> Callable:
    """Compile a function with XLA."""
    return tf.function(function, jit_compile=True, autograph=False)


def points(count: int, size: int) -> tf.Tensor:
    """Return fixed standard normal points `[count, size]`."""
    return tf.constant(np.random.default_rng(0).normal(size=(count, size)))


def perturbed(model: Any) -> Any:
    """Move every weight off its start, where flows are the identity."""
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign_add(0.05 * random.normal(size=variable.shape))
    return model


def wait(result: Any) -> None:
    """Return when the numbers are there."""
    for tensor in tf.nest.flatten(result):
        tensor.numpy()


FIGURES = {
    "ratio": Table(
        "Both directions, batch 1024, float64, compiled (ms)",
        ("family", "D", "density", "draw", "slow/fast", "cpu slow/fast", "round trip"),
        "at most 2.5 for autoregressive families at every D",
        measure_ratio,
    ),
    "tfp": Table(
        "Draw of one affine layer, batch 1024, and TFP's around the same network (ms)",
        ("D", "flowmc", "TFP, XLA", "TFP, graph", "XLA ratio", "graph ratio", "gap"),
        "at least 5x faster at D = 32",
        measure_tfp,
    ),
    "peers": Table(
        "The same MAF: density, draw at 1024 points, gradient step at 512 (ms)",
        ("D", "task", "package", "median", "minimum", "cpu", "flowmc faster"),
        "faster in each; gradient step at least 1.5x",
        lambda quick: measure_peers(quick, gradient_step=gradient_step),
    ),
    "compile": Table(
        "Compilation, first call (s)",
        ("family", "D", "density", "draw", "gradient step", "largest cpu"),
        "at most 10 s at D = 32",
        measure_compile,
    ),
    "kl": Table(
        "Held-out KL in nats, and log10 of the largest pi/q of 50,000 draws",
        (
            "target",
            "draws",
            "family",
            "KL",
            "error",
            "log10 max pi/q",
            "defended",
            "seconds",
        ),
        "best family below 0.15 on rosenbrock and 0.3 on funnel at 10^4 draws",
        lambda quick: measure_fits(quick, done=[row[:3] for row in FIGURES["kl"].rows]),
    ),
}

if __name__ == "__main__":
    main()
