"""Settings of the adaptive sampler, in small frozen records with defaults from `D`.

Everything counts draws, steps and evaluations; nothing here is a time.  Only
`shares_by` lets a clock decide something.
"""

__all__ = [
    "AnnealSettings",
    "JUMPS",
    "ROWS_PER_PARAMETER",
    "Schedule",
    "TrainSettings",
    "default_schedule",
    "smc_schedule",
    "within_budget",
]

from dataclasses import dataclass, field, replace

from flowmc.core.checks import check_choice, check_positive_integer

TEMPERATURES = 20  # that an annealing usually takes
ANNEAL_SHARE = 1.0 / 3.0  # of a budget of evaluations
SHARES_BY = ("counts", "seconds")
JUMPS = ("independence", "multiple_try")
DESCENT_PART = 8  # of a budget, for the descents of each group
MOST_LONGER = 8  # times as long as usual that windows may be
ROWS_PER_PARAMETER, MOST_ROWS = 200, 131_072  # of the reservoir
# Of `smc_schedule`: heavy tails of all, and of each cluster; the steps of a sweep;
# first draws, as a multiple of one temperature's; networks at the end, and steps of a
# fit at one temperature.
SMC_TAILS, SMC_WIDE = 0.05, 0.1
SMC_LOCAL, SMC_JUMPS = 2, 4
SMC_FIRST = 2
SMC_NETWORKS, SMC_STEPS = 4, 1000


@dataclass(frozen=True)
class AnnealSettings:
    """The start: particles annealed from the reference to the target.

    Attributes:
        particles_per_chain: Particles, as a multiple of the chains.
        max_particles: Most that the number of parameters may ask for.
        first_draws: Draws of the reference, for each particle.
        rows_per_sweep: States of each particle's sweep that are kept and weighted.
        max_sweeps: Most sweeps at one temperature, while places are remembered.
        recycles: Whether proposals that were refused are kept and weighted, too.
        ess_fraction: Effective draws kept by each step of temperature, as a share of
            those of one temperature.
        train_steps: Most optimizer steps at each temperature.
        max_levels: Most temperatures.
        max_descent: Gradients after which no further descent begins.
    """

    particles_per_chain: int = 4
    max_particles: int = 100_000
    first_draws: int = 4
    rows_per_sweep: int = 6
    max_sweeps: int = 3
    recycles: bool = False
    ess_fraction: float = 0.5
    train_steps: int = 300
    max_levels: int = 200
    max_descent: int = 300_000


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
    learning_rate: float = 5e-3
    batch_size: int = 256
    patience: int = 1500
    capacity: int = 16_384
    min_draws_per_parameter: int = 50


@dataclass(frozen=True)
class Schedule:
    """Windows of warm-up, and the pattern of a sweep.

    Attributes:
        windows: Sweeps in each warm-up window; a fit follows each.
        extra_windows: Most windows, as long as the last one, that may follow while the
            jumps are poor or still getting better.
        num_local: Local steps of a sweep; from the first window on the pilot chooses
            up to twice as many.
        num_jumps: Jumps of a sweep, drawn and evaluated in one call.
        jump: "independence": each is accepted or not, and each is a state;
            "multiple_try": one of all is chosen, and a sweep has one state of them.
        defensive_weight: Share of the heavy-tailed parts of the proposal.
        max_clusters: Most normal laws that stand for the affine map in proposals, one
            a cluster of the draws; fewer in many dimensions.  1: the affine map alone.
        wide_share: Part of each cluster's normal law, and of a network's base, that is
            a wider copy of it.
        num_networks: Networks of the frozen proposal of `sample_smc`; 1: the one that
            was trained on the way.
        num_importance: Codes a point in the jumps of a VAE.
        adapt_every: Sweeps between two changes of a step size in warm-up.
        record_per_sweep: States of each sweep that enter the reservoir.
        second_group: Whether a second group looks for what the chains have missed.
        enough_acceptance: Acceptance of jumps at which warm-up may end early.
        shares_by: What a local step costs beside a jump in production: "counts" of
            evaluations, or "seconds", measured once when warm-up ends; draws then
            depend on the machine.
        anneal: Settings of the start.
        train: Settings of the fits.
    """

    windows: tuple[int, ...] = (8, 16, 24, 32)
    extra_windows: int = 4
    num_local: int = 4
    num_jumps: int = 12
    jump: str = "independence"
    defensive_weight: float = 0.1
    max_clusters: int = 32
    wide_share: float = 0.0
    num_networks: int = 1
    num_importance: int = 8
    adapt_every: int = 4
    record_per_sweep: int = 8
    second_group: bool = True
    enough_acceptance: float = 0.6
    shares_by: str = "counts"
    anneal: AnnealSettings = field(default_factory=AnnealSettings)
    train: TrainSettings = field(default_factory=TrainSettings)

    def __post_init__(self) -> None:
        for name in (
            "adapt_every",
            "max_clusters",
            "num_importance",
            "num_jumps",
            "num_local",
            "num_networks",
            "record_per_sweep",
        ):
            check_positive_integer(getattr(self, name), name=f"schedule.{name}")
        check_choice(self.shares_by, name="schedule.shares_by", choices=SHARES_BY)
        check_choice(self.jump, name="schedule.jump", choices=JUMPS)
        for count in self.windows or (None,):
            check_positive_integer(count, name="every number of `schedule.windows`")

    @property
    def jump_states(self) -> int:
        """States of each chain that a sweep's jumps make."""
        return self.num_jumps if self.jump == "independence" else 1


def default_schedule(
    num_chains: int, *, event_size: int, max_evaluations: int | None = None
) -> Schedule:
    """Return the settings for a run.

    Few chains get longer windows: the first one is to give the network as many draws
    as it needs before it is tried.  Many parameters get a larger reservoir.  A small
    budget gets fewer particles (`within_budget`).

    Args:
        num_chains: Chains moved at once.
        event_size: Number of parameters, `D`.
        max_evaluations: The budget, or None.
    """
    usual = Schedule()
    train, first = usual.train, usual.windows[0]
    needed = train.min_draws_per_parameter * event_size
    factor = max(1, -(-needed // (usual.record_per_sweep * num_chains * first)))
    usual = replace(
        usual,
        windows=tuple(min(factor, MOST_LONGER) * count for count in usual.windows),
        train=replace(train, capacity=max(train.capacity, _reservoir(event_size))),
    )
    return within_budget(usual, num_chains, max_evaluations)


def within_budget(
    schedule: Schedule, num_chains: int, max_evaluations: int | None
) -> Schedule:
    """Return the schedule with as many particles as a budget allows; also of a user's.

    Annealing takes some twenty temperatures, at each of which every particle is
    evaluated `num_local + num_jumps` times, and a third of the budget is for that.
    """
    if max_evaluations is None:
        return schedule
    usual = schedule.anneal
    of_one = TEMPERATURES * (schedule.num_local + schedule.num_jumps)
    affordable = int(ANNEAL_SHARE * max_evaluations / of_one)
    per_chain = min(affordable // num_chains, usual.particles_per_chain)
    anneal = replace(
        usual,
        particles_per_chain=max(1, per_chain),
        max_particles=min(affordable, usual.max_particles),
        max_descent=min(usual.max_descent, max_evaluations // DESCENT_PART),
    )
    return replace(schedule, anneal=anneal)


def _reservoir(event_size: int) -> int:
    """Return a power of two of at least `ROWS_PER_PARAMETER` draws a parameter."""
    wanted = min(ROWS_PER_PARAMETER * event_size, MOST_ROWS)
    return 1 << (wanted - 1).bit_length()


def smc_schedule() -> Schedule:
    """Return the settings of an annealing whose every state counts.

    A sweep of each chain makes six states, all of which are kept and weighted, so
    that a temperature costs one evaluation a particle.
    """
    sweep = SMC_LOCAL + SMC_JUMPS
    anneal = AnnealSettings(
        particles_per_chain=1,
        first_draws=SMC_FIRST * sweep,
        rows_per_sweep=sweep,
        max_sweeps=2,
        recycles=True,
        train_steps=SMC_STEPS,
    )
    return Schedule(
        num_local=SMC_LOCAL,
        num_jumps=SMC_JUMPS,
        defensive_weight=SMC_TAILS,
        wide_share=SMC_WIDE,
        num_networks=SMC_NETWORKS,
        second_group=False,
        anneal=anneal,
    )
