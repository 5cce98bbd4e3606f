"""Steps in a map's base space, compiled, and their places and densities in theta.

    theta = transform(x),   x = f(z)

A walk in z that leaves q_z as it is, is in theta one that leaves q_z |det dz/dtheta| as
it is, so that the accept/reject of jumps serves for walks as well (`decision`).  Points
that do not come back under the inverse are neither left nor reached: the map is
one-to-one wherever it is used.
"""

__all__ = ["CompiledMap", "CompiledWalk"]

from typing import Any, cast

import numpy as np
import tensorflow as tf

from flowmc.core.seeds import split
from flowmc.core.types import Evaluation, TransportModel
from flowmc.kernels.change_of_variables import (
    MAX_ROUND_TRIP_ERROR,
    ChangeOfVariables,
)
from flowmc.kernels.tally import SOUND
from flowmc.moves.compiled_proposal import CompiledProposal
from flowmc.transforms.bounds import BoundsTransform

NEVER = np.inf  # log q that the accept/reject takes for no density at all


class CompiledMap:
    """The map between theta and z, both ways.

    Args:
        model: The map between x and z; its variables may change between calls.
        transform: The map `x -> theta`, or None where they are the same.
        device: TensorFlow device that holds the model's variables.
    """

    def __init__(
        self,
        model: TransportModel,
        *,
        transform: BoundsTransform | None,
        device: str,
    ) -> None:
        self._change = ChangeOfVariables(
            model, max_round_trip_error=MAX_ROUND_TRIP_ERROR
        )
        self._transform = transform
        self._device = device
        self._to_z = tf.function(self.trace_to_z, jit_compile=True, autograph=False)
        self._to_theta = tf.function(
            self.trace_to_theta, jit_compile=True, autograph=False
        )

    def to_z(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map walkers `[n, D]`; return `z` and log|det dz/dtheta| `[n]`.

        The latter is +inf where theta is not the image of its z.
        """
        return self._call(self._to_z, theta)

    def to_theta(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map proposals `[n, D]`; return theta and log|det dz/dtheta| `[n]`.

        The latter is +inf where theta does not come back.
        """
        return self._call(self._to_theta, z)

    def trace_to_z(self, theta: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The graph of `to_z`."""
        x, log_stretch = theta, tf.zeros(theta.shape[:1], tf.float64)
        if self._transform is not None:
            x = self._transform.inverse(theta)
            _, log_stretch = self._transform.forward_and_log_det(x)
        z, log_density = self._change.to_latent(x, log_stretch)
        return z, -log_density

    def trace_to_theta(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The graph of `to_theta`."""
        theta, log_det, defect = self._change.to_target(z, safe=tf.zeros_like(z))
        if self._transform is not None:
            theta, log_stretch = self._transform.forward_and_log_det(theta)
            log_det += log_stretch
        return theta, tf.where(
            defect == SOUND, -log_det, tf.constant(NEVER, tf.float64)
        )

    def _call(self, function: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with tf.device(self._device):
            first, second = function(tf.constant(points, tf.float64))
        return first.numpy(), second.numpy()


class CompiledWalk(CompiledProposal):
    """One step of a kernel in z for all walkers at once.

    With a density that is the same everywhere, the kernel's own acceptance ratio is
    all that its proposal has to say.

    Args:
        inner: A kernel of one request, such as `t_pcn`, made without a target.
        model: The map between x and z.
        transform: The map `x -> theta`, or None where they are the same.
        device: TensorFlow device that holds the model's variables.
    """

    def __init__(
        self,
        inner: Any,
        model: TransportModel,
        *,
        transform: BoundsTransform | None,
        device: str,
    ) -> None:
        super().__init__(cast(Any, model), transform=transform, device=device)
        self._inner = inner
        self._map = CompiledMap(model, transform=transform, device=device)

    def _draw_and_score(self, current: tf.Tensor, seed: tf.Tensor) -> tuple:
        propose_seed, decide_seed = split(seed, n=2)
        z, log_q_current = self._map.trace_to_z(current)
        flat = tf.zeros_like(log_q_current)
        request = self._inner.propose(self._inner.init(z, flat), seed=propose_seed)
        answer = Evaluation(flat)
        _, info = self._inner.complete(request.carry, answer, seed=decide_seed)
        points, log_q = self._map.trace_to_theta(request.points)
        return points, log_q - info.log_accept_ratio, log_q_current
