"""Why a run was set up as it was: every setting in force, with its reason, in words."""

__all__ = ["log_q_and_why", "settings_and_why"]

from flowmc.sampling.engine import Engine
from flowmc.sampling.latent import is_latent
from flowmc.sampling.learner import Learner
from flowmc.sampling.local_kernels import IN_AFFINE, WITH_GRADIENT, tuned_part
from flowmc.sampling.particles import PARTICLES_PER_DIMENSION, num_particles
from flowmc.sampling.settings import ROWS_PER_PARAMETER, Schedule
from flowmc.sampling.shares import LEAST_USEFUL
from flowmc.sampling.state import RunState


def settings_and_why(engine: Engine, state: RunState) -> dict[str, str]:
    """Return setting -> "value: reason" for the report.

    Args:
        engine: Of a run that is done.
        state: Its last state.
    """
    schedule, size = engine.schedule, engine.space.event_size
    learner, chains = engine.learner, engine.num_chains
    per_chain = schedule.anneal.particles_per_chain
    needed = schedule.train.min_draws_per_parameter * size
    pilot = state.pilot
    return {
        **dict(pilot.get("reasons", {})),
        "model": _model(engine, state),
        "kernel": _kernel(engine),
        "step_size": _step_size(engine, state),
        "particles": (
            f"{num_particles(engine, per_chain=per_chain)}: {per_chain} for each of "
            f"{chains} chains, at least {PARTICLES_PER_DIMENSION} a dimension; fewer "
            "where evaluations are limited"
        ),
        "min_draws": (
            f"{needed}: {schedule.train.min_draws_per_parameter} for each of {size} "
            "parameters, before a network is tried"
        ),
        "windows": f"{_windows(state)}; {_lengths(schedule, chains, size)}",
        "reservoir": (
            f"{schedule.train.capacity} draws: {schedule.train.capacity // size} for "
            f"each of {size} parameters, {ROWS_PER_PARAMETER} being enough"
        ),
        "clusters": _clusters(learner),
        "num_jumps": (
            f"{schedule.num_jumps}: drawn and evaluated in one batch of "
            f"{schedule.num_jumps * chains}"
        ),
        "defensive_weight": (
            f"{schedule.defensive_weight:g}: heavy tails in the proposal bound its "
            "weights where the map fails"
        ),
        "proposal": f"{_proposal(learner)}: with heavy tails, for jumps",
        **_as_given(schedule),
    }


def _step_size(engine: Engine, state: RunState) -> str:
    if not hasattr(tuned_part(engine.block()[0].local), "step_size"):
        return f"none: {engine.local_kernel} has no step size"
    return (
        f"{state.scalars.get('step_size', float('nan')):.3g}: adapted in warm-up, "
        f"starting from the rule for {engine.space.event_size} dimensions"
    )


def _clusters(learner: Learner) -> str:
    found, room = learner.clusters.num_laws, learner.clusters.room
    if room == 1:
        return "1: the affine map alone, as asked for"
    return (
        f"{found}: held-out draws gain by no more; room for {room} in "
        f"{learner.event_size} dimensions"
    )


def _proposal(learner: Learner) -> str:
    """Say what is proposed from."""
    if is_latent(learner.model):
        return learner.family
    density = learner.density
    parts = list(getattr(density, "parts", [density]))
    networks = len([part for part in parts if part is not learner.clusters])
    if not networks:
        return learner.affine_name
    names = f"two {learner.family} networks" if networks > 1 else learner.family
    share = float(density.weights[-1]) if parts[-1] is learner.clusters else 0.0
    if share < LEAST_USEFUL:
        return names
    return f"{names} and, for {share:.0%}, {learner.affine_name}"


def _as_given(schedule: Schedule) -> dict[str, str]:
    """Return the settings that no measurement changes, with what they are for."""
    train, anneal = schedule.train, schedule.anneal
    return {
        "adapt_every": f"{schedule.adapt_every}: sweeps between changes of step size",
        "record_per_sweep": (
            f"{schedule.record_per_sweep}: states of a sweep that are learned from; "
            "successive ones are alike"
        ),
        "extra_windows": (
            f"{schedule.extra_windows}: added at most, while jumps are poor or better "
            "each time"
        ),
        "enough_acceptance": (
            f"{schedule.enough_acceptance:g}: of jumps, at which warm-up may end"
        ),
        "second_group": (
            "on: looks for what the chains have missed"
            if schedule.second_group
            else "off, as asked for"
        ),
        "training": (
            f"at most {train.max_steps} steps of {train.batch_size} draws, rate "
            f"{train.learning_rate:g}, patience {train.patience}: the best weights on "
            "held-out draws are kept in any case"
        ),
        "annealing": (
            f"at most {anneal.max_levels} temperatures: each keeps "
            f"{anneal.ess_fraction:.0%} of the effective draws and trains for "
            f"{anneal.train_steps} steps"
        ),
    }


def _lengths(schedule: Schedule, chains: int, size: int) -> str:
    """Say why the windows are as long as they are."""
    first = schedule.windows[0]
    drawn = schedule.record_per_sweep * chains * first
    return (
        f"the first is of {first} sweeps, {drawn} recorded draws for {size} parameters"
    )


def log_q_and_why(engine: Engine, num_draws: int, *, most: int) -> str:
    """Say whether the draws come with log q and weights, and why not.

    Args:
        engine: Of a run that is done.
        num_draws: Production draws of all chains.
        most: Most draws that are scored.
    """
    if is_latent(engine.learner.model):
        return "left out: a VAE has no density that draws could be scored by"
    if num_draws <= most:
        return "stored: the proposal scores every draw"
    return (
        f"left out: {num_draws:,} draws are more than the {most:,} that are scored at "
        f"{engine.space.event_size} parameters; bridge and harmonic mean use every "
        f"{-(-num_draws // most)}th, and `weighted` has the weights of all proposals"
    )


def _model(engine: Engine, state: RunState) -> str:
    """Say which map rules, in the words of the last window that decided."""
    learner = engine.learner
    words = ("affine map", "affine:", "replaces", "no better than")
    said = [
        note
        for window in state.history
        for note in window.notes
        if any(word in note for word in words)
    ]
    return f"{learner.model.name}: {said[-1] if said else 'as given'}"


def _kernel(engine: Engine) -> str:
    name = engine.kernel.removesuffix(IN_AFFINE)
    if is_latent(engine.learner.model):
        return f"{engine.local_kernel}: it moves the VAE's codes and noise"
    if engine.kernel.endswith(IN_AFFINE):
        return (
            f"{name}: the target has gradients; trajectories run in the affine map's "
            "coordinates, where they cost least"
        )
    if name in WITH_GRADIENT:
        return f"{name}: as asked for, in the base space of the map in force"
    has_gradient = engine.space.target.has_gradient
    known = (
        "gradients would cost more than the budget allows, or were not asked for"
        if has_gradient
        else "the target has no gradients"
    )
    return f"{name}: {known}; steps are taken in the base space of the map in force"


def _windows(state: RunState) -> str:
    done = [window for window in state.history if window.name.startswith("warmup ")]
    windows = [window for window in done if window.num_steps]
    if not windows:
        return "0: the budget ended the warm-up"
    rates = [f"{window.acceptance.get('jump', float('nan')):.2f}" for window in windows]
    return (
        f"{len(windows)}: acceptance of jumps went {', '.join(rates)}; more would "
        "follow while it is poor or rising"
    )
