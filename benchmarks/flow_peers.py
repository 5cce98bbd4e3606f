"""The same MAF in flowmc, zuko (PyTorch) and flowjax (JAX): density, draw, step.

Five affine layers, two hidden layers of equal width, tanh, order reversed between
layers, float64, as many threads as there are cores.  zuko runs eagerly, as it is
documented, and once more on one thread, which small tensors may prefer; flowjax inside
`eqx.filter_jit`; flowmc inside XLA.  "step" is one call for one step; "steps" is a step
as flowmc's `fit` takes it, in compiled blocks, where the peers' own loops call a step.
"""

__all__ = ["measure_peers"]

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import tensorflow as tf
from common import Timing, interleave

from flowmc.models import make

NUM_LAYERS = 5
DRAWS, STEP_BATCH = 1024, 512
RATE = 1e-4
BLOCK = 50  # steps in one of flowmc's compiled blocks

Contest = dict[str, Callable[[], Any]]  # task -> function that waits for its result


def measure_peers(quick: bool, *, gradient_step: Callable) -> Iterator[tuple]:
    """Time the tasks for every package that is installed; yield rows.

    Args:
        quick: Few repeats at one size.
        gradient_step: Makes flowmc's compiled training step from a model.
    """
    for size in (10,) if quick else (10, 32):
        width = 4 * (size - 1) if size < 20 else 3 * (size - 1)
        packages = {"flowmc": _flowmc(size, width, gradient_step)}
        if find_spec("zuko"):
            packages["zuko"] = _zuko(size, width, os.cpu_count() or 1)
            packages["zuko, 1 thread"] = _zuko(size, width, 1)
        if find_spec("flowjax"):
            packages["flowjax"] = _flowjax(size, width)
        for task in ("density", "draw", "step", "steps"):
            runs = {name: contest[task] for name, contest in packages.items()}
            timing = interleave(runs, repeats=5 if quick else 25)
            if task == "steps":
                timing["flowmc"] = Timing(*(t / BLOCK for t in timing["flowmc"]))
            ours = timing["flowmc"].median
            for name, time in timing.items():
                row = (time.median, time.minimum, time.processor, time.median / ours)
                yield size, task, name, *row


def _points(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, size))


def _flowmc(size: int, width: int, gradient_step: Callable) -> Contest:
    model = make(
        "maf",
        event_size=size,
        num_layers=NUM_LAYERS,
        hidden_units=[width, width],
        seed=0,
    )
    x, batch = tf.constant(_points(DRAWS, size)), tf.constant(_points(STEP_BATCH, size))
    step = gradient_step(model)
    block = tf.function(
        lambda x: tf.while_loop(
            lambda index, _: index < BLOCK,
            lambda index, _: (index + 1, step(x)),
            (0, tf.constant(0.0, tf.float64)),
        )[1],
        jit_compile=True,
        autograph=False,
    )
    density = tf.function(model.log_prob, jit_compile=True, autograph=False)
    seed = tf.constant([1, 2])
    draw = tf.function(
        lambda seed: model.sample_and_log_prob(DRAWS, seed=seed),
        jit_compile=True,
        autograph=False,
    )
    return {
        "density": lambda: density(x).numpy(),
        "draw": lambda: [part.numpy() for part in draw(seed)],
        "step": lambda: step(batch).numpy(),
        "steps": lambda: block(batch).numpy(),
    }


def _zuko(size: int, width: int, num_threads: int) -> Contest:
    import torch
    import zuko

    torch.manual_seed(0)
    flow = zuko.flows.MAF(
        size,
        transforms=NUM_LAYERS,
        hidden_features=(width, width),
        activation=torch.nn.Tanh,
    ).double()
    optimizer = torch.optim.Adam(flow.parameters(), lr=RATE)
    x, batch = (torch.from_numpy(_points(n, size)) for n in (DRAWS, STEP_BATCH))

    def threaded(run: Callable[[], Any]) -> Callable[[], Any]:
        def on_threads() -> Any:
            torch.set_num_threads(num_threads)
            return run()

        return on_threads

    def density() -> Any:
        with torch.no_grad():
            return flow().log_prob(x).numpy()

    def draw() -> Any:
        with torch.no_grad():
            return [part.numpy() for part in flow().rsample_and_log_prob((DRAWS,))]

    def step() -> float:
        optimizer.zero_grad()
        loss = -flow().log_prob(batch).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    # The base density has float32 parameters until the module is cast: check.
    if density().dtype != np.float64:
        raise TypeError("zuko must run in float64 here; it returned another type.")
    tasks = {"density": density, "draw": draw, "step": step, "steps": step}
    return {name: threaded(run) for name, run in tasks.items()}


def _flowjax(size: int, width: int) -> Contest:
    import jax

    jax.config.update("jax_enable_x64", True)
    import equinox as eqx
    import jax.numpy as jnp
    import optax
    from flowjax.distributions import StandardNormal
    from flowjax.flows import masked_autoregressive_flow
    from flowjax.train.losses import MaximumLikelihoodLoss
    from flowjax.train.train_utils import step as train_step
    from paramax import NonTrainable

    flow = masked_autoregressive_flow(
        jax.random.key(0),
        base_dist=StandardNormal((size,)),
        flow_layers=NUM_LAYERS,
        nn_width=width,
        nn_depth=2,
        nn_activation=jnp.tanh,
    )
    x, batch = (jnp.asarray(_points(n, size)) for n in (DRAWS, STEP_BATCH))
    key = jax.random.key(1)
    density = eqx.filter_jit(lambda flow, x: flow.log_prob(x))
    draw = eqx.filter_jit(lambda flow, key: flow.sample_and_log_prob(key, (DRAWS,)))
    params, static = eqx.partition(
        flow, eqx.is_inexact_array, is_leaf=lambda leaf: isinstance(leaf, NonTrainable)
    )
    optimizer = optax.adam(RATE)
    state = {"params": params, "optimizer": optimizer.init(params)}
    loss_fn = MaximumLikelihoodLoss()

    def step() -> float:
        state["params"], state["optimizer"], loss = train_step(
            state["params"],
            static,
            batch,
            optimizer=optimizer,
            opt_state=state["optimizer"],
            loss_fn=loss_fn,
        )
        return float(loss)

    if density(flow, x).dtype != jnp.float64:
        raise TypeError("flowjax must run in float64 here; it returned another type.")
    return {
        "density": lambda: np.asarray(density(flow, x)),
        "draw": lambda: [np.asarray(part) for part in draw(flow, key)],
        "step": step,
        "steps": step,
    }
