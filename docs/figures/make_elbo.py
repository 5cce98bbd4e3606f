"""The evidence lower bound while a VAE with one code learns a noisy parabola.

With one code log p(x) is an integral over a line, so the gap of the bound is exact.
"""

__all__ = ["main"]

from pathlib import Path

import numpy as np
from codes import log_joint, log_marginal, noisy_parabola
from common import BLUE, COLORS, ORANGE, new_figure, save, steps

import flowmc
from flowmc.training.trainer import Trainer

STAGES = (0, 25, 25, 50, 100, 200, 400, 800)  # steps between two looks
NUM_JUDGED = 400


def main() -> Path:
    """Train in stages, look at both terms of the bound after each, and draw."""
    draws, judged = noisy_parabola(4000, seed=0), noisy_parabola(NUM_JUDGED, seed=1)
    vae = flowmc.models.make("vae", event_size=2, latent_size=1, hidden_units=[32, 32])
    vae.fit_whitening(draws)
    trainer = Trainer(vae, loss="elbo", batch_size=256)
    taken, rows = 0, []
    for number, count in enumerate(map(steps, STAGES)):
        if count:
            options = {"loss": "elbo", "schedule": "plateau", "patience": 10_000}
            flowmc.fit(
                vae,
                draws,
                trainer=trainer,
                whiten=False,
                max_steps=count,
                seed=number,
                **options,
            )
        taken += count
        terms = vae.elbo(judged, seed=0, num_codes=32)
        exact = log_marginal(log_joint(vae, judged))
        means = (terms.reconstruction, terms.kl, terms.bound, exact)
        rows.append((taken, *(float(np.mean(term)) for term in means)))

    figure, (left, right) = new_figure(7.2, 2.9, ncols=2)
    step, reconstruction, kl, bound, exact = np.array(rows).T
    step = np.maximum(step, 10)
    left.plot(step, reconstruction, color=COLORS[2], label="reconstruction")
    left.plot(step, kl, color=COLORS[3], label="KL(encoder, prior)")
    left.plot(step, exact, color=BLUE, lw=2, label="log p(x), by quadrature")
    left.plot(step, bound, "--", color=ORANGE, lw=2, label="ELBO")
    left.fill_between(step, bound, exact, color=ORANGE, alpha=0.2, lw=0)
    left.set(xscale="log", xlabel="optimizer steps", ylabel="mean over points (nats)")
    left.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.25))
    made = vae.sample(1500, seed=2).numpy()
    right.plot(*draws[:1500].T, ".", ms=2, color=COLORS[3], label="draws learned from")
    right.plot(*made.T, ".", ms=2, color=BLUE, label="draws of the VAE")
    curve = vae.decode(np.linspace(-2.5, 2.5, 200)[:, None]).mean().numpy()
    right.plot(*curve.T, color=ORANGE, lw=2, label="mean of the decoder")
    right.set(xlabel="a", ylabel="b", xlim=(-3.5, 3.5), ylim=(-2, 10))
    right.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=2)
    return save(figure, "elbo.png")


if __name__ == "__main__":
    main()
