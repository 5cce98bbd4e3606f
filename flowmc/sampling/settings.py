"""Settings of the adaptive sampler, in small frozen records with defaults from `D`.

Everything counts draws, steps and evaluations; nothing here is a time.
"""

__all__ = ["AnnealSettings", "Schedule", "TrainSettings"]

from dataclasses import dataclass, field

from flowmc.core.checks import check_positive_integer


@dataclass(frozen=True)
class AnnealSettings:
    """The start: particles annealed from the reference to the target.

    Attributes:
        particles_per_chain: Particles, as a multiple of the chains.
        ess_fraction: Effective sample size kept by each step of temperature.
        num_steps: Random-walk steps of every particle at each temperature.
        max_levels: Most temperatures.
    """

    particles_per_chain: int = 4
    ess_fraction: float = 0.5
    num_steps: int = 5
    max_levels: int = 200


@dataclass(frozen=True)
class TrainSettings:
    """Fits during warm-up.

    Attributes:
        max_steps: Most optimizer steps in a window.
        learning_rate: Adam's initial rate.
        batch_size: Draws a step.
        patience: Steps without progress on held-out draws.
        capacity: Draws the reservoir holds.
        min_draws_per_parameter: Draws needed, per parameter, before a network is tried.
    """

    max_steps: int = 1500
    learning_rate: float = 1e-2
    batch_size: int = 256
    patience: int = 400
    capacity: int = 8192
    min_draws_per_parameter: int = 50


@dataclass(frozen=True)
class Schedule:
    """Windows of warm-up, and the pattern of a sweep.

    Attributes:
        windows: Sweeps in each warm-up window; a fit follows each.
        num_local: Local steps of a sweep.
        num_jumps: Independence steps of a sweep, drawn and evaluated in one call.
        defensive_weight: Share of the heavy-tailed parts of the proposal.
        num_importance: Codes a point in the jumps of a VAE.
        adapt_every: Sweeps between two changes of a step size in warm-up.
        record_per_sweep: States of each sweep that enter the reservoir.
        anneal: Settings of the start.
        train: Settings of the fits.
    """

    windows: tuple[int, ...] = (8, 16, 24, 32)
    num_local: int = 4
    num_jumps: int = 12
    defensive_weight: float = 0.1
    num_importance: int = 8
    adapt_every: int = 4
    record_per_sweep: int = 4
    anneal: AnnealSettings = field(default_factory=AnnealSettings)
    train: TrainSettings = field(default_factory=TrainSettings)

    def __post_init__(self) -> None:
        check_positive_integer(self.num_importance, name="schedule.num_importance")
