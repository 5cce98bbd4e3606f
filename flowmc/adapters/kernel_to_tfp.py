"""Run a flowmc kernel under `tfp.mcmc.sample_chain`.

Every kernel that knows its own TensorFlow target works: eagerly, in `tf.function`, and
compiled by XLA.  Not supported: states of several parts, TFP wrappers that adapt a step
size or change the target (they look inside TFP's own kernels), NumPy targets.
"""

__all__ = ["ToTfp", "ToTfpResults", "to_tfp"]

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Array, Kernel
from flowmc.kernels.composition import check_kernel


class ToTfpResults(NamedTuple):
    """What a `trace_fn` sees; without `num_chains` where the state is one chain."""

    target_log_prob: Array  # [num_chains], float64
    is_accepted: Array  # [num_chains]
    log_accept_ratio: Array  # [num_chains]
    state: Any  # the kernel's own state, where the chain lives
    info: Any  # the kernel's own info; zeros before the first step


def to_tfp(kernel: Kernel) -> "ToTfp":
    """Return `kernel` as a `tfp.mcmc.TransitionKernel`.

    The state is one tensor `[num_chains, D]`, or a list of one; a tensor `[D]` is one
    chain.  It may be float32: the chain itself is kept in float64 in the results, and
    what comes out is its rounding.

    Results hold caches of a model's densities.  When a model has learned between two
    calls of `sample_chain`, let the second build its results anew: do not pass it
    `previous_kernel_results`.

    Args:
        kernel: Any kernel built with its `target_log_prob_fn`.

    Raises:
        ConfigurationError: Not a kernel.  At the first step: a state of another shape
            or type, or a kernel without target.
    """
    return ToTfp(check_kernel(kernel, name="kernel"))


class ToTfp(tfp.mcmc.TransitionKernel):
    """A flowmc kernel behind TFP's interface.

    Args:
        kernel: The kernel.
        name: Of its operations.
    """

    def __init__(self, kernel: Kernel, name: str | None = None) -> None:
        self._parameters = {"kernel": kernel, "name": name or "flowmc"}

    @property
    def kernel(self) -> Any:
        """The flowmc kernel."""
        return self._parameters["kernel"]

    @property
    def name(self) -> Any:
        """The name of its operations."""
        return self._parameters["name"]

    @property
    def parameters(self) -> dict[str, Any]:
        """What `copy` builds the next one from."""
        return self._parameters

    @property
    def is_calibrated(self) -> bool:
        """True, for flowmc's kernels are exact."""
        return True

    def bootstrap_results(self, init_state: Any) -> ToTfpResults:
        """Start the chain; the target is evaluated once."""
        with tf.name_scope(f"{self.name}/bootstrap_results"):
            position, is_single = _enter(init_state)
            state = self.kernel.init(position)
            return _results(state, self._blank_info(state), is_single)

    def one_step(
        self, current_state: Any, previous_kernel_results: Any, seed: Any = None
    ) -> tuple[Any, ToTfpResults]:
        """Take one step from where the results say the chain is."""
        with tf.name_scope(f"{self.name}/one_step"):
            seed = tfp.random.sanitize_seed(seed, salt="flowmc.to_tfp")
            state = previous_kernel_results.state
            state, info = self.kernel.step(state, seed=seed)
            position, is_single = _enter(current_state)
            results = _results(state, info, is_single)
            return _leave(state.position, like=current_state), results

    def _blank_info(self, state: Any) -> Any:
        """Return zeros for the info of a step: traced, not taken."""

        def step(state, seed):
            return self.kernel.step(state, seed=seed)[1]

        traced = tf.function(step, autograph=False).get_concrete_function(
            tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), state),
            tf.TensorSpec([2], tf.int32),
        )
        return tf.nest.map_structure(
            lambda spec: tf.zeros(spec.shape, spec.dtype), traced.structured_outputs
        )


def _results(state: Any, info: Any, is_single: bool) -> ToTfpResults:
    shared = (state.log_prob, info.is_accepted, info.log_accept_ratio)
    if is_single:
        shared = tuple(tf.squeeze(tensor, axis=0) for tensor in shared)
    return ToTfpResults(*shared, state, info)


def _enter(state: Any) -> tuple[tf.Tensor, bool]:
    """Return TFP's state as float64 `[num_chains, D]`, and whether it is one chain."""
    parts = [tf.convert_to_tensor(part) for part in tf.nest.flatten(state)]
    shapes = [tuple(part.shape) for part in parts]
    if len(parts) != 1 or not parts[0].dtype.is_floating:
        raise ConfigurationError(
            "The state must be one tensor of floating-point numbers; got parts of "
            f"shapes {shapes} and types {[part.dtype.name for part in parts]}. "
            "Concatenate parameters along the last axis."
        )
    part = tf.cast(parts[0], tf.float64)
    if part.shape.rank not in (1, 2) or not part.shape.is_fully_defined():
        raise ConfigurationError(
            "The state must have a known shape [num_chains, D], or [D] for one chain; "
            f"got {shapes[0]}. Flatten further axes of chains, and fix sizes by "
            "`tf.ensure_shape`."
        )
    is_single = part.shape.rank == 1
    return (part[None] if is_single else part), is_single


def _leave(position: tf.Tensor, *, like: Any) -> Any:
    """Return the position in the shape, type and nest that TFP's state has."""
    part = tf.convert_to_tensor(tf.nest.flatten(like)[0])
    position = tf.cast(tf.reshape(position, part.shape), part.dtype)
    return tf.nest.pack_sequence_as(like, [position])
