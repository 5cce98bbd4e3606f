"""Models of the simulation-based calibration: prior, simulator, likelihood in a graph.

The data are a variable that the log-likelihood reads, so that one compiled program
serves every data set.
"""

__all__ = ["MODELS", "Model", "make_model"]

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy import stats

import flowmc

Predict = Callable[[Any], Any]


class Model(NamedTuple):
    """One model to calibrate."""

    names: tuple[str, ...]
    location: np.ndarray  # of the normal prior [D]
    scale: np.ndarray  # of the normal prior [D]
    predict: Predict  # theta [n, D] -> [n, num_data], NumPy or tensors
    noise: float  # sd of each datum
    data: tf.Variable  # [num_data]
    target: flowmc.Target

    def draw_prior(self, n: int, *, random: np.random.Generator) -> np.ndarray:
        """Return `[n, D]` draws of the prior."""
        return self.location + self.scale * random.normal(size=(n, len(self.names)))

    def simulate(self, theta: np.ndarray, *, random: np.random.Generator) -> np.ndarray:
        """Return data `[num_data]` for parameters `[D]`."""
        clean = np.asarray(self.predict(theta[None]))[0]
        return clean + self.noise * random.normal(size=len(clean))

    def log_likelihood(self, theta: np.ndarray) -> np.ndarray:
        """Return the log-likelihood of the present data, `[n, D] -> [n]`."""
        residual = (np.asarray(self.predict(theta)) - self.data.numpy()) / self.noise
        return -0.5 * np.sum(residual**2, axis=-1)


def make_model(name: str, *, spoiled: float = 1.0) -> Model:
    """Return a model of `MODELS`.

    Args:
        name: Which.
        spoiled: Factor on the noise that the sampler believes in; anything but 1 must
            fail the calibration.
    """
    return MODELS[name](spoiled)


def _conjugate(spoiled: float) -> Model:
    """Six linear data of three parameters: the posterior is normal."""
    mixing = np.array(
        [
            [1.0, 0.0, 0.5],
            [0.0, 1.0, -0.5],
            [0.5, 0.5, 1.0],
            [-1.0, 0.3, 0.0],
            [0.2, -0.8, 0.4],
            [0.9, 0.9, 0.0],
        ]
    )
    return _assemble(
        {"a": (0.0, 1.0), "b": (1.0, 2.0), "c": (0.0, 0.5)},
        lambda theta: theta @ mixing.T,
        num_data=6,
        noise=0.7,
        spoiled=spoiled,
    )


def _decay(spoiled: float) -> Model:
    """Return an exponential decay seen at eight times: curved, and often unsettled."""
    times = np.linspace(0.25, 3.0, 8)

    def predict(theta: Any) -> Any:
        exp = tf.exp if tf.is_tensor(theta) else np.exp
        return theta[:, :1] * exp(-exp(theta[:, 1:]) * times)

    return _assemble(
        {"amplitude": (1.5, 1.0), "log_rate": (0.0, 0.8)},
        predict,
        num_data=8,
        noise=0.3,
        spoiled=spoiled,
    )


def _assemble(
    prior: dict[str, tuple[float, float]],
    predict: Predict,
    *,
    num_data: int,
    noise: float,
    spoiled: float,
) -> Model:
    data = tf.Variable(tf.zeros(num_data, tf.float64), trainable=False)

    def log_likelihood_fn(theta: tf.Tensor) -> tf.Tensor:
        residual = (predict(theta) - data) / (spoiled * noise)
        return -0.5 * tf.reduce_sum(tf.square(residual), axis=-1)

    target = flowmc.Target(
        log_likelihood_fn=log_likelihood_fn,
        prior={name: stats.norm(*moments) for name, moments in prior.items()},
        backend="tensorflow",
    )
    location, scale = np.array(list(prior.values())).T
    names = tuple(prior)
    return Model(names, location, scale, predict, noise, data, target)


MODELS: dict[str, Callable[[float], Model]] = {
    "conjugate": _conjugate,
    "decay": _decay,
}
