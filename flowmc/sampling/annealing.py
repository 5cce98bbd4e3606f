"""Annealed start: particles carried from the reference to the target.

Chains that start where they happen to be dropped find one mode, or none.  Here draws of
the prior are reweighted, resampled and moved at rising inverse temperature `b`, so that
the chains start spread over all that the prior allows and the likelihood keeps.
"""

__all__ = ["Annealer", "Particles"]

from typing import Any, NamedTuple

import numpy as np

from flowmc import kernels, models
from flowmc.core.errors import InitialPositionError
from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.space import Space
from flowmc.sampling.temper import next_temperature, systematic_resample
from flowmc.sampling.tempered_walk import make_tempered_walk

FIRST_DRAWS_PER_PARTICLE = 2
TARGET_ACCEPTANCE = 0.25


class Particles(NamedTuple):
    """The cloud at one temperature."""

    x: np.ndarray  # [n, D]
    log_prob: np.ndarray  # [n], target
    log_reference: np.ndarray  # [n]
    inverse_temperature: float
    step_size: float
    log_evidence: float  # of the target at this temperature, by reweighting
    num_evaluations: int
    acceptance: float


class Annealer:
    """Moves particles from the reference to the target, one temperature a call.

    Args:
        space: The target in `x`.
        num_particles: Size of the cloud.
        ess_fraction: Effective share of particles kept by each temperature.
        num_steps: Random-walk steps at each temperature.
        seed: Seed of the whole start.
    """

    def __init__(
        self,
        space: Space,
        *,
        num_particles: int,
        ess_fraction: float,
        num_steps: int,
        seed: Any,
    ) -> None:
        self._space = space
        self._num_particles = num_particles
        self._fraction = ess_fraction
        self._num_steps = num_steps
        self._seed = seed
        self._affine = models.make("gaussian", event_size=space.event_size)
        self._walk = kernels.make("random_walk")
        kernel = kernels.make("preconditioned", model=self._affine, inner=self._walk)
        self._tempered = make_tempered_walk(kernel, space)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._tempered.compile_seconds

    def start(self) -> Particles:
        """Draw the first cloud; points of zero density are replaced by others.

        Raises:
            InitialPositionError: No draw of the reference has positive density.
        """
        wanted = FIRST_DRAWS_PER_PARTICLE * self._num_particles
        random = generator(fold_in(self._seed, "start"))
        x = self._space.sample_reference(wanted, random=random)
        log_prob = self._space.log_prob(x)
        if not np.isfinite(log_prob).any():
            names = self._space.target.names
            theta = self._space.to_theta(x[:1])[0][0]
            raise InitialPositionError(
                "Some starting point must have a finite log-density; all of "
                f"{wanted} draws of the {self._reference_name()} gave -inf, the first "
                f"at {dict(zip(names, theta, strict=True))}. Pass `initial` positions, "
                "or check the prior and the bounds.",
                theta=theta,
                names=names,
            )
        log_reference = self._space.log_reference(x)
        scale = 2.38 / np.sqrt(self._space.event_size)
        return Particles(x, log_prob, log_reference, 0.0, scale, 0.0, wanted, np.nan)

    def advance(self, particles: Particles, *, level: int) -> Particles:
        """Raise the temperature once: reweight, resample, move."""
        ratio = np.where(
            np.isfinite(particles.log_prob),
            particles.log_prob - particles.log_reference,
            -np.inf,
        )
        current = particles.inverse_temperature
        raised = next_temperature(ratio, current=current, fraction=self._fraction)
        with np.errstate(invalid="ignore"):
            log_weight = np.where(
                np.isfinite(ratio), (raised - current) * ratio, -np.inf
            )
        increment = float(np.logaddexp.reduce(log_weight) - np.log(len(log_weight)))
        random = generator(fold_in(self._seed, "resample", level))
        chosen = systematic_resample(log_weight, random=random, n=self._num_particles)
        x, log_prob = particles.x[chosen], particles.log_prob[chosen]
        self._affine.fit_whitening(x)
        self._walk.step_size.assign(particles.step_size)
        seed = fold_in(self._seed, "move", level)
        moved = self._tempered.run(
            x,
            log_prob,
            inverse_temperature=raised,
            num_steps=self._num_steps,
            seed=seed,
        )
        # Robbins-Monro on the log of the step, in units of the cloud's own scale.
        change = np.exp(
            np.clip(2.0 * (moved.acceptance - TARGET_ACCEPTANCE), -0.5, 0.5)
        )
        return Particles(
            x=moved.x,
            log_prob=moved.log_prob,
            log_reference=self._space.log_reference(moved.x),
            inverse_temperature=raised,
            step_size=float(np.clip(particles.step_size * change, 1e-3, 10.0)),
            log_evidence=particles.log_evidence + increment,
            num_evaluations=self._num_particles * self._num_steps,
            acceptance=float(moved.acceptance),
        )

    def _reference_name(self) -> str:
        if self._space.target.has_prior:
            return "prior"
        return "box of the bounds" if self._space.is_bounded else "default reference"
