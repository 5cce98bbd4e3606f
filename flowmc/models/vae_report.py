"""Which codes of a VAE are in use: the report on posterior collapse.

A code whose encoder says the same of every point carries nothing.  Its mean is taken in
the prior's base space, where one code has unit variance whatever the prior.

Reference: Burda, Grosse and Salakhutdinov (2016), arXiv:1509.00519, section 5.
"""

__all__ = ["ActiveUnits", "active_units"]

from typing import Any, NamedTuple

import numpy as np

from flowmc.core.checks import check_matrix, check_positive_integer
from flowmc.core.errors import ConfigurationError
from flowmc.models.vae_primitives import CodePrimitives

THRESHOLD = 0.01


class ActiveUnits(NamedTuple):
    """Variance over points of each code's mean `[K]`, and whether it is in use `[K]`.

    The estimate has no bias, so that a code without use may come out below zero.
    """

    variance: np.ndarray
    is_active: np.ndarray

    @property
    def num_active(self) -> int:
        """Number of codes in use."""
        return int(self.is_active.sum())

    def __str__(self) -> str:
        unused = [str(index) for index in np.flatnonzero(~self.is_active)]
        text = f"{self.num_active} of {len(self.is_active)} codes are in use"
        return f"{text}; not: {', '.join(unused)}" if unused else text


def active_units(
    model: CodePrimitives, x: Any, *, num_codes: int = 32, seed: Any = 0
) -> ActiveUnits:
    """Estimate the variance over points `[n, D]` of the mean code of each.

    Two means of separate codes are multiplied, so that the codes' own scatter adds
    nothing on average.

    Args:
        model: A VAE.
        x: Points `[n, D]`, n >= 2, such as draws of the target.
        num_codes: Codes drawn for each point, at least 2.
        seed: Integer or stateless pair.
    """
    points = check_matrix(x, name="x", event_size=model.event_size)
    if len(points) < 2:
        raise ConfigurationError(
            f"`x` must hold at least 2 points to vary over; got {len(points)}."
        )
    half = check_positive_integer(num_codes, name="num_codes", minimum=2) // 2
    z, _ = model.sample_encoder(points, seed=seed, num=2 * half)
    codes = model.prior_inverse_and_log_det(z)[0].numpy()
    first, second = (part.mean(axis=0) for part in (codes[:half], codes[half:]))
    residuals = (first - first.mean(axis=0)) * (second - second.mean(axis=0))
    variance = residuals.sum(axis=0) / (len(points) - 1)
    return ActiveUnits(variance, variance > THRESHOLD)
