"""Evidence by the learned harmonic mean: draws of the posterior are all it takes.

    1 / Z = E_p[phi(x) / pi(x)],    phi any normalized density inside the support

The original harmonic mean took the prior for phi, and has no variance to speak of; a
phi narrower than the posterior keeps the ratio bounded.  Here phi is a given flow whose
base is fitted anew: a normal with the mean and covariance of the draws in z, times a
temperature below one.  Both are chosen on one half of the chains, and the mean is taken
over the other half; then the other way round.

Reference: McEwen, Wallis, Price and Docherty (2021), arXiv:2111.12720; Polanska, Price,
Piras, Spurio Mancini and McEwen (2024), arXiv:2405.05969, for flows.
"""

__all__ = ["Outside", "harmonic_evidence"]

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from flowmc.results.importance import pareto_shape
from flowmc.sampling.evidence_chains import (
    MIN_DRAWS,
    effective_size,
    in_batches,
    mean_error,
)
from flowmc.transforms.whitening import fit_affine

TEMPERATURES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DRAWS_PER_PARAMETER = 10
LARGEST_LOST_SHARE = 1e-3  # of draws that the flow cannot invert
GOOD_SHAPE, LARGEST_SHAPE = 0.5, 0.7  # of the ratios' tail, as for importance weights
LARGEST_SECOND_MOMENT = 10.0  # of the ratios in units of their mean
BETWEEN_HALVES = 2.0  # standard errors by which the two estimates may differ


class Outside(NamedTuple):
    """Proposals of zero target density: how much of phi lies outside the support.

    Without them a cut through the posterior that no draw shows would bias Z upward.
    """

    x: np.ndarray  # [k, D]
    log_q: np.ndarray  # [k]
    num_proposals: int  # all proposals made


class _Phi(NamedTuple):
    """A density in z: normal on the line, uniform on circles; narrowed."""

    location: np.ndarray  # of the coordinates on the line
    scale_tril: np.ndarray
    temperature: float  # variances are those of the draws times this
    is_line: np.ndarray  # [D]

    def log_prob(self, z: np.ndarray) -> np.ndarray:
        """Return the log-density `[..., D] -> [...]`."""
        offset = (z[..., self.is_line] - self.location).reshape(-1, len(self.location))
        unit = solve_triangular(self.scale_tril, offset.T, lower=True)
        distance = np.sum(unit**2, axis=0).reshape(z.shape[:-1]) / self.temperature
        log_det = float(np.log(np.diag(self.scale_tril)).sum())
        size, num_circles = len(self.location), int(np.sum(~self.is_line))
        spread = size * math.log(2.0 * math.pi * self.temperature)
        circles = num_circles * math.log(2.0 * math.pi)
        return -0.5 * (distance + spread) - log_det - circles


def harmonic_evidence(
    x: Any, log_prob: Any, model: Any = None, *, outside: Outside | None = None
) -> tuple[float, float] | None:
    """Return `(log Z, standard error)` from draws of C chains.

    Where the ratios are too uneven for anything to be said (Pareto k above 0.7, or a
    second moment above 10 squared means), nothing is.  Between k = 0.5 and 0.7 the
    error is enlarged, and so it is where the halves of the chains disagree.

    Args:
        x: Draws `[n, C, D]`, unconstrained.
        log_prob: Log-density of `x`, unnormalized `[n, C]`.
        model: A flow with `inverse_and_log_det`; None for phi = a normal in `x`.
        outside: Proposals of zero density, if any were seen.

    Returns:
        None where the flow is too far from the posterior (above), cannot invert the
        draws, or there are fewer than 8 draws a chain or 20 a parameter.
    """
    x, log_prob = _at_least_two_chains(np.asarray(x), np.asarray(log_prob))
    half = x.shape[0] * (x.shape[1] // 2)
    if len(x) < MIN_DRAWS or half < DRAWS_PER_PARAMETER * x.shape[2]:
        return None
    z, log_det = _push(model, x)
    is_lost = ~(np.isfinite(z).all(axis=-1) & np.isfinite(log_det))
    if np.mean(is_lost) > LARGEST_LOST_SHARE:
        return None
    z = np.where(is_lost[..., None], 0.0, z)
    rest = np.where(
        is_lost, -np.inf, log_det - log_prob
    )  # log phi - log pi without phi
    kinds = getattr(model, "base_kind", ("normal",) * x.shape[2])
    is_line = np.array([kind != "circle" for kind in kinds])
    leak = _Leak(model, outside)
    found = []
    for fitted, judged in ((0, 1), (1, 0)):
        phi = _fit_phi(z[:, fitted::2], rest[:, fitted::2], is_line=is_line)
        log_ratio = phi.log_prob(z[:, judged::2]) + rest[:, judged::2]
        found.append(_estimate(log_ratio, leak.of(phi)))
    halves = [half for half in found if half is not None]
    return _combine(*halves) if len(halves) == 2 else None


def _at_least_two_chains(x: np.ndarray, log_prob: np.ndarray) -> tuple:
    """Let the halves of a single chain take the place of chains."""
    if x.shape[1] > 1:
        return x, log_prob
    half = len(x) // 2
    return tuple(
        np.stack([values[:half, 0], values[half : 2 * half, 0]], axis=1)
        for values in (x, log_prob)
    )


def _push(model: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `z` and `log|det dz/dx|` of points `[..., D]`."""
    if model is None:
        return x, np.zeros(x.shape[:-1])
    z, log_det = in_batches(model.inverse_and_log_det, x.reshape(-1, x.shape[-1]))
    return z.reshape(x.shape), log_det.reshape(x.shape[:-1])


def _fit_phi(z: np.ndarray, rest: np.ndarray, *, is_line: np.ndarray) -> _Phi:
    """Fit location and scatter, then the temperature of the least variance.

    The sample variance does not see a tail that is yet to come; temperatures at which
    the Pareto shape tells of one are taken only where there is no other.
    """
    line = z.reshape(-1, len(is_line))[:, is_line]
    location, scale_tril = np.zeros(0), np.eye(0)
    if is_line.any():
        location, scale_tril, _ = fit_affine(line)
    choices = [_Phi(location, scale_tril, t, is_line) for t in TEMPERATURES]
    ratios = [phi.log_prob(z) + rest for phi in choices]
    moments = [_log_second_moment(ratio) for ratio in ratios]
    shapes = {}
    for index in np.argsort(moments):
        shapes[index] = pareto_shape(ratios[index].ravel())
        if shapes[index] <= GOOD_SHAPE:
            return choices[index]
    return choices[min(shapes, key=lambda index: np.nan_to_num(shapes[index], nan=9.0))]


def _log_second_moment(log_ratio: np.ndarray) -> float:
    """Return log of mean(w^2) / mean(w)^2."""
    squares, total = logsumexp(2.0 * log_ratio), logsumexp(log_ratio)
    return float(squares - 2.0 * total) + math.log(log_ratio.size)


class _Leak:
    """How much of a density lies where the target is zero."""

    def __init__(self, model: Any, outside: Outside | None) -> None:
        self._outside = outside if outside is not None and len(outside.x) else None
        if self._outside is not None:
            self._z, self._log_det = _push(model, self._outside.x)

    def of(self, phi: _Phi) -> tuple[float, float]:
        """Return the share of `phi` outside and its standard error."""
        if self._outside is None:
            return 0.0, 0.0
        log_phi = phi.log_prob(self._z) + self._log_det
        weight = np.exp(log_phi - self._outside.log_q)
        weight = np.where(np.isfinite(weight), weight, 0.0)
        n = self._outside.num_proposals
        share = float(weight.sum()) / n
        return share, math.sqrt(max(float(np.sum(weight**2)) / n - share**2, 0.0) / n)


def _estimate(
    log_ratio: np.ndarray, leak: tuple[float, float]
) -> tuple[float, float] | None:
    """Return log(1/Z) and its standard error from ratios `[n, C]`."""
    shape = pareto_shape(log_ratio.ravel())
    too_uneven = _log_second_moment(log_ratio) > math.log(LARGEST_SECOND_MOMENT)
    if not shape <= LARGEST_SHAPE or too_uneven:  # NaN: too few to tell
        return None
    log_mean = float(logsumexp(log_ratio)) - math.log(log_ratio.size)
    ratio = np.exp(log_ratio - log_mean)
    size = effective_size(ratio)
    error = mean_error(ratio)
    if shape > GOOD_SHAPE:
        # The mean of n terms with such a tail scatters as n^(k - 1), not n^(-1/2).
        error *= size ** (shape - GOOD_SHAPE)
    inside = max(1.0 - leak[0], 1e-3)
    return log_mean - math.log(inside), math.hypot(error, leak[1] / inside)


def _combine(
    one: tuple[float, float], other: tuple[float, float]
) -> tuple[float, float]:
    """Return log Z of the mean of two estimates of 1/Z."""
    (first, first_error), (second, second_error) = one, other
    log_mean = float(np.logaddexp(first, second)) - math.log(2.0)
    shares = 0.5 * np.exp(np.array([first, second]) - log_mean)
    error = float(np.hypot(*(shares * [first_error, second_error])))
    apart = 0.5 * abs(first - second)
    if apart > BETWEEN_HALVES * error:
        error = apart
    # The logarithm of a mean is low by half its relative variance; far from the
    # truth that is no correction.
    return -log_mean - 0.5 * min(error, 0.5) ** 2, error
