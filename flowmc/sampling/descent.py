"""Where annealing finds no way: descents from many places, and Laplace's method.

In many dimensions a density between reference and target can be harder than either: a
narrow, rotated law cut off by a box.  Then many starts, drawn from the reference, climb
to their nearest maxima; normal-like laws around those, with the curvature found there,
are weighted against the target.  Needs gradients.

Reference: Nocedal and Wright (2006), chapters 4 and 7, for the searches, which are
SciPy's; Tierney and Kadane (1986), doi:10.1080/01621459.1986.10478240.
"""

__all__ = ["Descent", "descend"]

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp

from flowmc.core.errors import FlowmcError
from flowmc.core.seeds import fold_in, generator
from flowmc.sampling.metered import Metered
from flowmc.sampling.space import Space
from flowmc.sampling.temper import effective_sample_size, systematic_resample

NUM_STARTS = 16
MOST_BATCHES = 20  # of starts, where few have any density
MOST_STEPS = 200  # of one descent
MOST_CURVED = 200  # dimensions in which steps know the curvature
DIFFERENCE = 1e-5  # in x, between the gradients that the curvature is made of
SMALL_PART = 0.01  # of a law's standard deviation, if that is less
WIDEST = 3.0  # standard deviation where a maximum has no curvature: the reference's
SAME_NATS, SAME_DISTANCE = 0.1, 0.5  # of two ends that are one maximum, in its own sd
NEGLIGIBLE_NATS = 30.0  # below the best maximum, by the mass of its law
DEGREES = 5.0  # of the laws around the maxima: tails that bound their weights
ROWS_PER_DIMENSION, MOST_ROWS = 128, 8192
LEAST_SHARE = 0.003  # of rows that must count; else the laws are no likeness
WANTED_SHARE = 0.5  # of the rows that must count; weights are flattened until they do


class Descent(NamedTuple):
    """Rows of the target, roughly in the right proportions."""

    x: np.ndarray  # [n, D]
    log_prob: np.ndarray  # [n]
    num_maxima: int
    log_evidence: float  # by importance sampling, as good as the laws fit


class _Maximum(NamedTuple):
    """A maximum and the law around it."""

    x: np.ndarray  # [D]
    log_prob: float
    scale: np.ndarray  # [D, D]: scale @ scale.T is the inverse curvature
    log_det: float  # of `scale`


def descend(
    space: Space,
    n: int,
    *,
    seed: Any,
    max_gradients: int = 300_000,
    most: float = math.inf,
) -> Descent | None:
    """Find maxima from draws of the reference; return rows around them.

    Args:
        space: A target with gradients.
        n: Rows wanted at least; an affine map needs `ROWS_PER_DIMENSION` as well.
        seed: Of starts and rows.
        max_gradients: After which no further descent begins.
        most: Evaluations and gradients that all of it may take: half of them go to the
            descents, what these leave goes to the rows.

    Returns:
        The rows, or None if no descent ended at a finite density, if laws around the
        maxima are no likeness of the target, or if `most` is too little.
    """
    random = generator(fold_in(seed, "descent"))
    if 0.5 * most < 2 * n:  # not even the rows
        return None
    meter = Metered(space, 0.5 * most)
    maxima = _maxima(meter, random, max_gradients)
    if not maxima:
        return None
    meter.left += 0.5 * most
    mass = np.array([maximum.log_prob + maximum.log_det for maximum in maxima])
    kept = np.flatnonzero(mass > mass.max() - NEGLIGIBLE_NATS)
    laws, shares = [maxima[k] for k in kept], mass[kept] - logsumexp(mass[kept])
    n = max(n, min(ROWS_PER_DIMENSION * space.event_size, MOST_ROWS))
    n = int(min(n, meter.left // 2))
    x = _draw(laws, np.exp(shares), 2 * n, random)
    values = meter.log_prob(x)
    log_weight = values - _log_density(laws, shares, x)
    log_weight[~np.isfinite(values)] = -np.inf
    if effective_sample_size(log_weight) < LEAST_SHARE * len(x):
        return None
    chosen = systematic_resample(_flattened(log_weight), random=random, n=n)
    chosen = random.permutation(chosen)
    log_evidence = float(logsumexp(log_weight) - np.log(len(x)))
    return Descent(x[chosen], values[chosen], len(maxima), log_evidence)


def _maxima(space: Metered, random: Any, max_gradients: int) -> list[_Maximum]:
    """Return the maxima that descents from draws of the reference end at."""
    before = space.target.num_gradients
    maxima: list[_Maximum] = []
    for start in _starts(space, random):
        if maxima and space.target.num_gradients - before > max_gradients:
            break
        found = _maximum(space, start)
        if found is not None and not _is_known(found, maxima):
            maxima.append(found)
    return maxima


def _starts(space: Metered, random: np.random.Generator) -> np.ndarray:
    """Draw starts that have a density, as far as there are any."""
    found = np.empty((0, space.event_size))
    for _ in range(MOST_BATCHES):
        if space.left < NUM_STARTS:
            break
        x = space.sample_reference(NUM_STARTS, random=random)
        found = np.concatenate([found, x[np.isfinite(space.log_prob(x))]])
        if len(found) >= NUM_STARTS:
            break
    return found[:NUM_STARTS]


def _maximum(space: Metered, start: np.ndarray) -> _Maximum | None:
    """Return where a descent ends, or None where it fails: others may not."""
    try:
        x, log_prob = _climb(space, start)
        return _with_law(space, x, log_prob) if np.isfinite(log_prob) else None
    except (FlowmcError, np.linalg.LinAlgError, ValueError, OverflowError):
        return None


def _climb(space: Metered, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Go from `start` to the nearest maximum of the density of `x`."""

    def loss(x: Any) -> Any:
        value, gradient = space.value_and_gradient(x[None])
        if not np.isfinite(value[0]):  # the search turns back
            return 1e300, np.zeros_like(x)
        return -float(value[0]), -np.nan_to_num(gradient[0])

    found: Any
    options: dict[str, Any] = {"maxiter": MOST_STEPS, "gtol": 1e-6}
    if len(start) > MOST_CURVED:
        options |= {"maxcor": 20, "ftol": 1e-12}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    else:
        # Scales a thousandfold apart: without curvature no end of steps.
        found = minimize(
            loss,
            start,
            jac=True,
            hess=lambda x: _curvature(space, x, np.full(len(x), DIFFERENCE)),
            method="trust-exact",
            options=options,
        )
    return found.x, -float(found.fun)


def _is_known(found: _Maximum, maxima: list[_Maximum]) -> bool:
    return any(
        abs(found.log_prob - known.log_prob) < SAME_NATS
        and np.linalg.norm(np.linalg.solve(known.scale, found.x - known.x))
        < SAME_DISTANCE * np.sqrt(len(found.x))
        for known in maxima
    )


def _with_law(space: Metered, x: np.ndarray, log_prob: float) -> _Maximum:
    """Add the law that the curvature makes."""
    steps = np.full(len(x), DIFFERENCE)
    for _ in range(2):  # once more with steps that are small beside the law
        eigenvalues, vectors = np.linalg.eigh(_curvature(space, x, steps))
        variance = vectors**2 @ (1.0 / np.maximum(eigenvalues, WIDEST**-2))
        steps = np.minimum(DIFFERENCE, SMALL_PART * np.sqrt(variance))
    eigenvalues = np.maximum(eigenvalues, WIDEST**-2)
    scale = vectors / np.sqrt(eigenvalues)
    return _Maximum(x, log_prob, scale, -0.5 * float(np.sum(np.log(eigenvalues))))


def _curvature(space: Metered, x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return minus the second derivatives `[D, D]`: differences of gradients."""
    size = len(x)
    shift = np.diag(steps)
    _, gradient = space.value_and_gradient(np.concatenate([x + shift, x - shift]))
    curvature = -(gradient[:size] - gradient[size:]) / (2.0 * steps[:, None])
    return np.nan_to_num(0.5 * (curvature + curvature.T))


def _draw(laws: list, shares: np.ndarray, n: int, random: Any) -> np.ndarray:
    """Draw `[n, D]` from a mixture of multivariate t laws."""
    which = random.choice(len(laws), size=n, p=shares / shares.sum())
    size = len(laws[0].x)
    z = random.normal(size=(n, size))
    z /= np.sqrt(random.chisquare(DEGREES, size=n) / DEGREES)[:, None]
    rows = np.empty((n, size))
    for k, law in enumerate(laws):
        rows[which == k] = law.x + z[which == k] @ law.scale.T
    return rows


def _log_density(laws: list, log_shares: np.ndarray, x: np.ndarray) -> np.ndarray:
    size = x.shape[1]
    constant = gammaln(0.5 * (DEGREES + size)) - gammaln(0.5 * DEGREES)
    constant -= 0.5 * size * np.log(DEGREES * np.pi)
    parts = []
    for law, log_share in zip(laws, log_shares, strict=True):
        square = np.sum(np.linalg.solve(law.scale, (x - law.x).T) ** 2, axis=0)
        tail = -0.5 * (DEGREES + size) * np.log1p(square / DEGREES)
        parts.append(log_share + constant - law.log_det + tail)
    return logsumexp(np.stack(parts), axis=0)


def _flattened(log_weight: np.ndarray) -> np.ndarray:
    """Return the weights to the largest power at which enough rows count."""
    wanted = WANTED_SHARE * np.isfinite(log_weight).sum()
    for power in 0.5 ** np.arange(12):
        if effective_sample_size(power * log_weight) >= wanted:
            return power * log_weight
    return np.where(np.isfinite(log_weight), 0.0, -np.inf)
