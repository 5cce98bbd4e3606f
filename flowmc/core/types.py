"""Protocols and small records through which the rooms meet.

Kernels, training and models never import one another; each states here the least it
needs from the others.  Shapes are `[..., D]`; a batch of chains is `[num_chains, D]`.
"""

__all__ = [
    "Array",
    "Batch",
    "CompositeKernel",
    "DensityModel",
    "Evaluate",
    "Evaluation",
    "Kernel",
    "LatentModel",
    "LogProbFn",
    "Loss",
    "Request",
    "RequestKernel",
    "Seed",
    "Trainable",
    "TransportModel",
    "WholeStepKernel",
]

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

Array = Any  # a tf.Tensor inside compiled code, a float64 numpy array outside
Seed = Any  # stateless int32[2] tensor or array
LogProbFn = Callable[[Array], Array]  # [n, D] -> [n]
Evaluate = Callable[..., Any]  # Request -> Evaluation


class Request(NamedTuple):
    """Points a kernel wants evaluated before it can go on.

    `needs_gradient` is a Python bool, fixed when the kernel is traced; `carry` is any
    nest of tensors, handed back unchanged to `complete`.  `defect` marks points that
    the model got wrong (see `kernels.tally`): the kernel put harmless ones in their
    place, and they count as points of zero density.  A request with `is_wanted` is one
    of a series of unknown length: it is answered while that is true, and then `finish`
    makes the outcome of its carry.
    """

    points: Array  # [m, D]
    needs_gradient: bool
    carry: Any
    defect: Array | None = None  # [m], int32
    is_wanted: Array | None = None  # [], bool


class Evaluation(NamedTuple):
    """The target's answer to a `Request`.

    `payload` is any nest of `[m, ...]` tensors that belongs to the points and follows
    whichever of them is accepted, such as the same points in other coordinates.
    """

    log_prob: Array  # [m]
    gradient: Array | None = None  # [m, D]
    payload: Any = ()


class Batch(NamedTuple):
    """What a loss sees of one mini-batch.

    A loss that draws its own points from the model takes from `x` only their number.
    """

    x: Array  # [b, D]
    weight: Array  # [b], mean 1
    gradient: Array | None = None  # [b, D], of the target's log-density
    scale_tril: Array | None = None  # [D, D], of the draws: what whitened units are
    target_log_prob_fn: LogProbFn | None = None  # [n, D] -> [n], in TensorFlow


@runtime_checkable
class DensityModel(Protocol):
    """A normalized density that can be scored and drawn from."""

    event_size: int

    def log_prob(self, x: Array) -> Array:
        """Return the log-density: `[..., D] -> [...]`."""

    def sample_and_log_prob(self, n: int, *, seed: Seed) -> tuple[Array, Array]:
        """Draw `[n, D]` points with their log-densities `[n]`."""


@runtime_checkable
class TransportModel(DensityModel, Protocol):
    """A density that is also an exact map between `x` and the base space `z`."""

    def forward_and_log_det(self, z: Array) -> tuple[Array, Array]:
        """Map `z -> x`; return `(x, log|det dx/dz|)`."""

    def inverse_and_log_det(self, x: Array) -> tuple[Array, Array]:
        """Map `x -> z`; return `(z, log|det dz/dx|)`."""


@runtime_checkable
class LatentModel(Protocol):
    """A latent-variable model (VAE): no tractable density of `x` alone."""

    event_size: int
    latent_size: int
    prior: Any

    def encode(self, x: Array) -> Any:
        """Return the distribution `r(z | x)`."""

    def decode(self, z: Array) -> Any:
        """Return the distribution `p(x | z)`."""


@runtime_checkable
class Trainable(Protocol):
    """Anything with variables an optimizer may move."""

    trainable_variables: Sequence[Any]


class Loss(Protocol):
    """A training objective; smaller is better.

    It is a plain function. One that needs more than draws says so in its attribute
    `needs`: "draws" (the default), "gradient" or "target".
    """

    def __call__(self, model: Any, batch: Batch, *, seed: Seed) -> Array:
        """Return the scalar loss of `batch`."""


class Kernel(Protocol):
    """An exact transition, written once for graph and host targets.

    A kernel steps in one of three ways: by requests (`RequestKernel`), in one piece
    (`WholeStepKernel`), or by stepping others (`CompositeKernel`).  `kernels.drive`
    knows them; `step` drives a kernel with its own target function.
    """

    name: str

    def init(
        self, position: Array, log_prob: Array | None = None, *, payload: Any = ()
    ) -> Any:
        """Build the state at `position` `[num_chains, D]`; rebuilds every cache."""

    def step(self, state: Any, *, seed: Seed) -> tuple[Any, Any]:
        """Take one step in every chain."""


@runtime_checkable
class RequestKernel(Protocol):
    """Asks for evaluations and is told the answers: propose, then complete.

    One that repeats its request also has `finish(carry) -> (state, info)`.
    """

    def propose(self, state: Any, *, seed: Seed) -> Request:
        """Start one step."""

    def complete(
        self, carry: Any, evaluation: Evaluation, *, seed: Seed
    ) -> tuple[Any, Any] | Request:
        """Finish the step as `(state, info)`, or ask for more."""


@runtime_checkable
class WholeStepKernel(Protocol):
    """Evaluates by itself, as often as it likes, inside one step."""

    def start(
        self, position: Array, log_prob: Array, *, payload: Any, evaluate: Evaluate
    ) -> Any:
        """Build the state, with whatever evaluations its caches need."""

    def whole_step(
        self, state: Any, *, evaluate: Evaluate, seed: Seed
    ) -> tuple[Any, Any]:
        """Take one step; `info.tally` counts what was evaluated."""


@runtime_checkable
class CompositeKernel(Protocol):
    """Steps other kernels, by whatever steps kernels here."""

    def compose(self, state: Any, *, stepper: Any, seed: Seed) -> tuple[Any, Any]:
        """Take one step by means of `stepper.init`, `stepper` and `stepper.choose`."""
