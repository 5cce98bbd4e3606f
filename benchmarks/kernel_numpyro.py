"""NumPyro's NUTS in an environment of its own; run by `kernel_peers`, file to file.

    PYTHON benchmarks/kernel_numpyro.py INPUT.npz OUTPUT.npz

Float64, chains vectorized, the documented warm-up (step size and mass matrix) from the
same starts as every other contestant.
"""

__all__ = ["main"]

import json
import sys
import time
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from numpyro.infer import MCMC, NUTS  # noqa: E402


def main(source: str, destination: str) -> None:
    """Sample as the settings in `source` say; write draws, counts and times."""
    stored = np.load(source)
    settings = json.loads(str(stored["settings"]))
    kernel = NUTS(
        potential_fn=POTENTIALS[settings["target"]](stored),
        dense_mass=settings["dense_mass"],
    )
    mcmc = MCMC(
        kernel,
        num_warmup=settings["num_warmup"],
        num_samples=settings["num_steps"],
        num_chains=len(stored["initial"]),
        chain_method="vectorized",
        progress_bar=False,
    )
    start = jnp.asarray(stored["initial"])
    fields = ("num_steps",)
    key, again = jax.random.split(jax.random.key(settings["seed"]))
    started = time.perf_counter()
    mcmc.warmup(key, init_params=start, collect_warmup=True, extra_fields=fields)
    warmup_gradients = _total(mcmc)
    warmed = time.perf_counter()
    state = mcmc.post_warmup_state
    mcmc.run(again, extra_fields=fields)
    draws = np.asarray(mcmc.get_samples(group_by_chain=True))
    ended = time.perf_counter()
    gradients = _total(mcmc)
    # Once more from the same state, compiled by now, for the time of sampling alone.
    mcmc.post_warmup_state = state
    repeated = time.perf_counter()
    mcmc.run(again, extra_fields=fields)
    _total(mcmc)
    sampling = time.perf_counter() - repeated
    np.savez(
        destination,
        draws=draws,
        warmup_gradients=warmup_gradients,
        gradients=gradients,
        warmup_seconds=warmed - started + (ended - warmed) - sampling,
        seconds=sampling,
    )


def _total(mcmc: MCMC) -> int:
    return int(np.asarray(mcmc.get_extra_fields()["num_steps"]).sum())


def rosenbrock(stored: Any):
    """Return the potential of five pairs."""

    def potential(theta):
        a, b = theta[::2], theta[1::2]
        return jnp.sum(10.0 * (a**2 - b) ** 2 + (a - 1.0) ** 2)

    return potential


def funnel(stored: Any):
    """Return the potential of the funnel, sd 3 of its neck."""

    def potential(theta):
        v, body = theta[0], theta[1:]
        neck = (v / 3.0) ** 2 + len(body) * v
        return 0.5 * (neck + jnp.sum(body**2) * jnp.exp(-v))

    return potential


def gaussian(stored: Any):
    """Return the potential of a centred normal law from its precision."""
    precision = jnp.asarray(stored["precision"])
    return lambda theta: 0.5 * theta @ precision @ theta


POTENTIALS = {"rosenbrock10": rosenbrock, "funnel10": funnel, "gaussian50": gaussian}

if __name__ == "__main__":
    main(*sys.argv[1:])
