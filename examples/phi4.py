"""Lattice phi^4: a chain with exact answers, and a square lattice with a flow and HMC.

The chain has two phases; its evidence, and their weights in a small field, are known
from the transfer matrix.  On the periodic lattice of L = 8 (or `phi4.py 16`) a RealNVP
trained by reverse KL from a free field proposes whole configurations; HMC is its rival.
Known there: the equation of motion, <phi dS/dphi> = 1 at each site.
Action: arXiv:1904.12072.  Chain: arXiv:2105.12603.  Errors of times: hep-lat/0306017.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from study import finish, is_quick

import flowmc
from flowmc.targets.known_lattice import phi_four_chain

SITES, FIELD = 16, 0.005  # of the chain
MASS_SQUARED = -4.0
COUPLING = {8: 6.008, 16: 5.3}  # in the symmetric phase, near the critical line
FREE_MASS_SQUARED = 1.0  # of the field that the flow starts from


def graph_target(**options: Any) -> "flowmc.Target":
    """Return the chain, with the free field as prior; `options` go to `Target`."""
    return phi_four_chain(SITES, field=FIELD, prior=True).target(**options)


def parts(phi: Any, size: int) -> tuple[Any, Any]:
    """Return the quadratic part of the action and the sum of phi^4, `[n]` each."""
    field = tf.reshape(phi, [-1, size, size])
    near = tf.roll(field, 1, axis=1) + tf.roll(field, 1, axis=2)
    quadratic = (4 + MASS_SQUARED) * field**2 - 2 * field * near
    return tf.reduce_sum(quadratic, axis=[1, 2]), tf.reduce_sum(field**4, axis=[1, 2])


def lattice_target(size: int) -> "flowmc.Target":
    """Return exp(-S) of the periodic lattice with `size`^2 sites."""

    def log_prob(phi: Any) -> Any:
        quadratic, quartic = parts(phi, size)
        return -quadratic - COUPLING[size] * quartic

    return flowmc.Target(log_prob, names=[f"phi{i}" for i in range(size**2)])


def free_covariance(size: int) -> np.ndarray:
    """Return the covariance `[size^2, size^2]` of the free field on the lattice."""
    ring = 2 * np.eye(size) - np.roll(np.eye(size), 1, 0) - np.roll(np.eye(size), -1, 0)
    steps = np.kron(ring, np.eye(size)) + np.kron(np.eye(size), ring)
    return np.linalg.inv(2 * (steps + FREE_MASS_SQUARED * np.eye(size**2)))


def autocorrelation_time(series: np.ndarray) -> tuple[float, float]:
    """Return the integrated time of `[steps, chains]`, and its standard error."""
    steps, chains = series.shape
    power = np.abs(np.fft.fft(series - series.mean(), 2 * steps, axis=0)) ** 2
    covariance = np.fft.ifft(power.mean(axis=1)).real[:steps] / np.arange(steps, 0, -1)
    times = np.cumsum(covariance / covariance[0]) - 0.5
    wide = np.append(np.arange(steps - 1) > 5 * times[:-1], True)  # Wolff's, cruder
    window = int(np.argmax(wide))
    time = times[window]
    return 2 * time, 4 * time * np.sqrt((window + 0.5 - time) / (steps * chains))


def compare(size: int, folder: Path) -> list[tuple[str, float, float, float, float]]:
    """Run flow and HMC on the lattice; print, draw, return what is to be checked."""
    train, steps, warmup = (50, 200, 50) if is_quick() else (3000, 2000, 300)
    run = {"num_steps": steps, "num_warmup": warmup, "seed": 4}
    target, base = lattice_target(size), {"covariance": free_covariance(size)}
    shape = {"num_layers": 8, "hidden_units": [64, 64]}
    flow = flowmc.models.make("realnvp", event_size=size**2, base=base, **shape)
    flowmc.fit(flow, target=target, loss="reverse_kl", max_steps=train, seed=4)
    start, checks = flow.sample(64, seed=4).numpy(), []
    kernels = {"flow": flowmc.kernels.make("independence", model=flow)}
    kernels["HMC"] = flowmc.kernels.make("hmc", trajectory_length=1.0)
    figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
    for axis, (name, kernel) in zip(axes, kernels.items(), strict=True):
        chains = flowmc.run_chains(kernel, target, start, **run)
        quadratic, quartic = parts(chains.theta.reshape(-1, size**2), size)
        motion = (2 * quadratic + 4 * COUPLING[size] * quartic).numpy() / size**2
        magnetization = chains.theta.mean(axis=-1)
        time, error = autocorrelation_time(magnetization)
        cost = sum(chains.counts[f"{kind}_calls"] for kind in ("log_prob", "gradient"))
        print(f"{name}: acceptance {chains.acceptance.mean():.2f}, magnetization over")
        print(
            f"  {time:.2f} +- {error:.2f} steps of {cost / 64 / steps:.1f} evaluations"
        )
        slow, _ = autocorrelation_time(motion.reshape(steps, -1))
        deviation = motion.std() * np.sqrt(max(1.0, slow) / motion.size)
        checks.append((f"<phi dS/dphi>, {name}", motion.mean(), deviation, 1.0))
        axis.plot(magnetization[:300, 0], drawstyle="steps", lw=1)
        axis.set(title=f"{name}: {time:.1f} steps", ylabel="magnetization")
    figure.savefig(folder / "magnetization.png", dpi=120)
    return [(*check, 4 * check[2]) for check in checks]


def main() -> None:
    """Sample the chain, then the lattice by two kernels."""
    folder = Path("results", "phi4")
    folder.mkdir(parents=True, exist_ok=True)
    checks = compare(int(sys.argv[1]) if len(sys.argv) > 1 else 8, folder)
    exact = phi_four_chain(SITES, field=FIELD)
    few = {"num_particles": 256, "model": "gaussian"} if is_quick() else {}
    chain = flowmc.sample_smc(graph_target(), seed=4, **few)
    error = chain.log_evidence_error
    found = chain.log_evidence, error, exact.log_evidence, max(0.1, 4 * error)
    checks.append(("ln Z of the chain", *found))
    upper = exact.is_upper(chain.flat()).mean()
    error = np.sqrt(upper * (1 - upper) / chain.flat().shape[0])
    checks.append(("weight of the upper phase", upper, error, exact.upper_weight, 0.03))
    finish(chain, "phi4", checks)


if __name__ == "__main__":
    main()
