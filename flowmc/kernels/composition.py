"""What `cycle` and `mixture` share: kernels that are made of kernels.

The parts are built anew at every step from position, density and payload, so that no
cache outlives a change of weights or a move made by another part.
"""

__all__ = ["Composition", "check_kernel"]

from collections.abc import Sequence
from typing import Any

from flowmc.core.errors import ConfigurationError
from flowmc.core.types import (
    Array,
    CompositeKernel,
    Kernel,
    LogProbFn,
    RequestKernel,
    Seed,
    WholeStepKernel,
)
from flowmc.kernels.drive import start_tally, step_with
from flowmc.kernels.metropolis import MetropolisInfo, MetropolisState
from flowmc.kernels.starts import starting_log_prob
from flowmc.kernels.tally import add

WAYS_TO_STEP = (RequestKernel, WholeStepKernel, CompositeKernel)


class Composition:
    """Base of composites; a subclass says in `compose` which parts step when.

    Args:
        target_log_prob_fn: `[n, D] -> [n]`, or None; the parts need none.
        kernels: The parts.

    Attributes:
        kernels: The parts, as a tuple.
    """

    name: str

    def __init__(
        self, *, target_log_prob_fn: LogProbFn | None, kernels: Sequence[Kernel]
    ) -> None:
        self._target_log_prob_fn = target_log_prob_fn
        self.kernels = _check_parts(kernels)

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> MetropolisState:
        """Build the state at `position` `[num_chains, D]`; it holds no caches."""
        position, log_prob = starting_log_prob(
            self._target_log_prob_fn, position, log_prob
        )
        return MetropolisState(position, log_prob, payload)

    def step(
        self, state: MetropolisState, *, seed: Seed
    ) -> tuple[MetropolisState, Any]:
        """Take one step in every chain."""
        return step_with(self, state, self._target_log_prob_fn, seed=seed)

    @staticmethod
    def _advance(kernel: Kernel, state: MetropolisState, *, stepper: Any, seed: Seed):
        """Step one part; return what all parts have in common."""
        inner = stepper.init(kernel, state.position, state.log_prob, state.payload)
        begun = start_tally(kernel, inner)
        inner, info = stepper(kernel, inner, seed=seed)
        moved = MetropolisState(inner.position, inner.log_prob, inner.payload)
        return moved, MetropolisInfo(
            info.is_accepted, info.log_accept_ratio, add(begun, info.tally)
        )


def check_kernel(kernel: Any, *, name: str) -> Any:
    """Return `kernel` if it can be initialized and stepped."""
    if isinstance(kernel, WAYS_TO_STEP) and hasattr(kernel, "init"):
        return kernel
    raise ConfigurationError(
        f"`{name}` must be a kernel, with `init` and `propose`, `whole_step` or "
        f"`compose`; got {type(kernel).__name__}. Build one with "
        "`flowmc.kernels.make`, or bring one of TFP's in by `flowmc.adapters.from_tfp`."
    )


def _check_parts(kernels: Any) -> tuple[Any, ...]:
    if not isinstance(kernels, Sequence) or isinstance(kernels, str):
        raise ConfigurationError(
            f"`kernels` must be a list of kernels; got {type(kernels).__name__}."
        )
    if not kernels:
        raise ConfigurationError(
            "`kernels` must hold at least one kernel; got an empty list."
        )
    for index, kernel in enumerate(kernels):
        name = f"kernels[{index}]"
        check_kernel(kernel, name=name)
        if not getattr(kernel, "is_memoryless", True):
            raise ConfigurationError(
                f"`{name}` must depend on the chains' positions alone; "
                f"{type(kernel).__name__} of {kernel.name} carries more from step to "
                "step, which a composite does not keep. Run it by itself."
            )
    return tuple(kernels)
