"""TFP views of a flow: a bijector and a distribution that compose with TFP's own.

TFP caches a bijector's results by tensor identity and does not notice weights that
change in place.  The view hands TFP a fresh tensor at every call, so nothing is stale.
"""

__all__ = ["FlowBijector", "flow_distribution"]

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd


class FlowBijector(tfb.Bijector):
    """The map `z -> x` of a flow."""

    def __init__(self, flow: Any, *, name: str = "flow_bijector") -> None:
        parameters = {"flow": flow, "name": name}
        super().__init__(
            forward_min_event_ndims=1,
            dtype=tf.float64,
            parameters=parameters,
            name=name,
        )
        self._flow = flow

    def forward(self, x: Any, name: str = "forward", **kwargs: Any) -> tf.Tensor:
        """Map `z -> x`."""
        return super().forward(_fresh(x), name=name, **kwargs)

    def inverse(self, y: Any, name: str = "inverse", **kwargs: Any) -> tf.Tensor:
        """Map `x -> z`."""
        return super().inverse(_fresh(y), name=name, **kwargs)

    def forward_log_det_jacobian(self, x: Any, *args: Any, **kwargs: Any) -> tf.Tensor:
        """Return `log|det dx/dz|`."""
        return super().forward_log_det_jacobian(_fresh(x), *args, **kwargs)

    def inverse_log_det_jacobian(self, y: Any, *args: Any, **kwargs: Any) -> tf.Tensor:
        """Return `log|det dz/dx|`."""
        return super().inverse_log_det_jacobian(_fresh(y), *args, **kwargs)

    def _forward(self, x):
        return self._flow.forward_and_log_det(x)[0]

    def _inverse(self, y):
        return self._flow.inverse_and_log_det(y)[0]

    def _forward_log_det_jacobian(self, x):
        return self._flow.forward_and_log_det(x)[1]

    def _inverse_log_det_jacobian(self, y):
        return self._flow.inverse_and_log_det(y)[1]


class _BaseDistribution(tfd.Distribution):
    """A flow's base density as a TFP distribution."""

    def __init__(self, base: Any, event_size: int) -> None:
        super().__init__(
            dtype=tf.float64,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters={"base": base, "event_size": event_size},
            name="flow_base",
        )
        self._base = base
        self._event_size = event_size

    def _event_shape(self):
        return tf.TensorShape([self._event_size])

    def _event_shape_tensor(self):
        return tf.constant([self._event_size], dtype=tf.int32)

    def _batch_shape(self):
        return tf.TensorShape([])

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed)
        return self._base.sample(int(np.asarray(tf.get_static_value(n))), seed=seed)

    def _log_prob(self, value):
        return self._base.log_prob(value)

    def _default_event_space_bijector(self):
        return tfb.Identity()


def flow_distribution(flow: Any) -> tfd.TransformedDistribution:
    """Return the flow's density as a `tfd.TransformedDistribution`."""
    base = _BaseDistribution(flow._base, flow.event_size)
    return tfd.TransformedDistribution(base, flow.bijector, name=flow.name)


def _fresh(points: Any) -> tf.Tensor:
    return tf.identity(tf.convert_to_tensor(points, dtype=tf.float64))
