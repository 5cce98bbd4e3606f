"""Fit a mixture of normal laws to draws: one law a mode, or a few along a curve.

Expectation maximization in standardized coordinates.  The number of laws is doubled
for as long as draws that were held out gain by it; draws in one heap stay one law.

Reference: Dempster, Laird and Rubin (1977), JRSS B 39, 1; Arthur and Vassilvitskii
(2007) for the spread-out starts.
"""

__all__ = ["NormalMixture", "fit_normal_mixture", "score_mixture"]

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from flowmc.transforms.whitening import AffineFit, fit_affine, shrunk_cholesky

LEAST_GAIN = 0.02  # nats a held-out draw, for which more laws are taken
HELD_SHARE = 4  # one block of draws in four judges, three are fitted to
NUM_BLOCKS = 16
NUM_STEPS = 20
SETTLED = 3e-3  # nats of progress in a step, below which it is over
PATIENCE = 2  # doublings in succession that may gain nothing
CUT = 0.8  # standard deviations that the halves of a law move apart
LEAST_ROWS = 2  # effective draws of a law, for each dimension
MOST_ROWS, ROWS_PER_DIMENSION = 2048, 96  # that a fit looks at, the larger number
FINAL_PART = 4  # times as many for the last steps
_TINY = 1e-12
_HALF_LOG_TWO_PI = 0.5 * np.log(2.0 * np.pi)


class NormalMixture(NamedTuple):
    """Laws N(location, scale_tril scale_tril') with their shares."""

    share: np.ndarray  # [K], positive, sums to 1
    location: np.ndarray  # [K, D]
    scale_tril: np.ndarray  # [K, D, D], lower triangular

    @property
    def num_laws(self) -> int:
        """How many laws there are."""
        return len(self.share)


def fit_normal_mixture(
    x: np.ndarray,
    *,
    most: int,
    random: np.random.Generator,
    former: NormalMixture | None = None,
    most_rows: int | None = None,
    splits: bool = True,
) -> NormalMixture:
    """Fit at most `most` normal laws to draws `[n, D]`.

    Args:
        x: Draws, finite, in order of arrival; equal rows are known to be copies.
        most: Largest number of laws.
        random: Chooses the starts.
        former: A fit to similar draws, to go on from.
        most_rows: Draws that are looked at; default 2048, more in many dimensions.
        splits: Whether laws cut in two are tried as starts too; twice the time.

    Returns:
        The mixture; with one law, mean and covariance of all distinct draws.
    """
    distinct = _distinct(x)
    whole = fit_affine(distinct)
    most_rows = most_rows or max(MOST_ROWS, ROWS_PER_DIMENSION * x.shape[1])
    rows = _thinned(distinct, most_rows)
    most = min(most, len(rows) // (2 * LEAST_ROWS * x.shape[1]))
    single = _single(x.shape[1])
    if most < 2:
        return _moved(single, whole)
    # In units of the whole: one law is the standard normal one, and nothing is large.
    unit = (rows - whole.location) @ _inverse(whole.scale_tril).T
    # Neighbours in a chain are alike: they are held out together.
    is_held = np.arange(len(rows)) * NUM_BLOCKS // len(rows) % HELD_SHARE == 0
    held, seen = unit[is_held], unit[~is_held]
    standard = (rows / np.sqrt(np.sum(whole.scale_tril**2, axis=-1)))[~is_held]
    best, score = single, score_mixture(single, held).mean()
    if former is not None and 1 < former.num_laws <= most:
        best, score = _better(
            best, score, _maximize(seen, _unmoved(former, whole)), held
        )
    num_failed, count = 0, min(2 * best.num_laws, most)
    while num_failed < PATIENCE:
        starts = [_update(seen, _spread_out(standard, count, random))]
        if splits:  # modes of unlike widths escape the one start or the other
            starts.append(_split(best, count))
        before = best
        for start in starts:
            best, score = _better(best, score, _maximize(seen, start), held)
        num_failed = 0 if best is not before else num_failed + 1
        if count == most:
            break
        count = min(2 * count, most)
    if best.num_laws > 1:  # their number is settled: now as well as draws allow
        rows = _thinned(distinct, FINAL_PART * most_rows)
        best = _maximize((rows - whole.location) @ _inverse(whole.scale_tril).T, best)
    return _moved(best, whole)


def score_mixture(mixture: NormalMixture, x: np.ndarray) -> np.ndarray:
    """Return the log-density of rows `[n, D] -> [n]`."""
    return logsumexp(_joint(mixture, x), axis=1)


def _distinct(x: np.ndarray) -> np.ndarray:
    """Return the distinct rows in order of arrival."""
    _, first = np.unique(x, axis=0, return_index=True)
    return x[np.sort(first)]


def _thinned(x: np.ndarray, most: int) -> np.ndarray:
    return x[:: max(1, -(-len(x) // most))]


def _single(size: int) -> NormalMixture:
    return NormalMixture(np.ones(1), np.zeros((1, size)), np.eye(size)[None])


def _moved(mixture: NormalMixture, whole: AffineFit) -> NormalMixture:
    """Return the mixture in the coordinates of the draws."""
    return NormalMixture(
        mixture.share,
        whole.location + mixture.location @ whole.scale_tril.T,
        whole.scale_tril @ mixture.scale_tril,
    )


def _unmoved(mixture: NormalMixture, whole: AffineFit) -> NormalMixture:
    """Return the mixture in units of the whole."""
    inverse = _inverse(whole.scale_tril)
    return NormalMixture(
        mixture.share,
        (mixture.location - whole.location) @ inverse.T,
        inverse @ mixture.scale_tril,
    )


def _inverse(scale_tril: np.ndarray) -> np.ndarray:
    return solve_triangular(scale_tril, np.eye(len(scale_tril)), lower=True)


def _better(
    best: NormalMixture, score: float, found: NormalMixture, held: np.ndarray
) -> tuple[NormalMixture, float]:
    """Return the better mixture and its score; another one has to earn its place."""
    new = score_mixture(found, held).mean()
    return (found, new) if new > score + LEAST_GAIN else (best, score)


def _joint(mixture: NormalMixture, x: np.ndarray) -> np.ndarray:
    """Log of share times density, `[n, K]`."""
    count, size = mixture.location.shape
    inverse = np.stack([_inverse(factor) for factor in mixture.scale_tril])
    shift = np.einsum("kij,kj->ki", inverse, mixture.location)
    # One product for all laws: many small ones are several times slower.
    z = _product(x, inverse.reshape(count * size, size).T) - shift.reshape(-1)
    distance = np.square(z).reshape(len(x), count, size).sum(axis=-1)
    diagonal = np.diagonal(mixture.scale_tril, axis1=1, axis2=2)
    weight = np.log(mixture.share) - np.log(diagonal).sum(axis=-1)
    return weight - 0.5 * distance - size * _HALF_LOG_TWO_PI


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply by TensorFlow: on a busy machine its threads wait, NumPy's spin."""
    return tf.matmul(a, b).numpy()


def _maximize(x: np.ndarray, mixture: NormalMixture) -> NormalMixture:
    """Take steps of expectation maximization until they gain nothing."""
    before = -np.inf
    for _ in range(NUM_STEPS):
        joint = _joint(mixture, x)
        total = logsumexp(joint, axis=1)
        if not total.mean() > before + SETTLED:
            break
        before = total.mean()
        mixture = _update(x, np.exp(joint - total[:, None]))
    return mixture


def _update(x: np.ndarray, membership: np.ndarray) -> NormalMixture:
    """Fit each law to the draws that belong to it `[n, K]`; drop those with too few."""
    size = membership.sum(axis=0)
    effective = size**2 / np.maximum(np.sum(membership**2, axis=0), _TINY)
    kept = np.flatnonzero(effective >= LEAST_ROWS * x.shape[1])
    kept = kept if len(kept) else np.array([int(np.argmax(effective))])
    weight = membership[:, kept] / size[kept]
    location = weight.T @ x
    weighted = (weight[:, :, None] * x[:, None]).reshape(len(x), -1)
    second = _product(weighted.T, x).reshape(len(kept), x.shape[1], x.shape[1])
    covariance = second - location[:, :, None] * location[:, None]
    scales = []
    for k, matrix in zip(kept, covariance, strict=True):
        spread = np.sqrt(np.maximum(np.diag(matrix), _TINY))
        factor, _ = shrunk_cholesky(
            matrix / np.outer(spread, spread), num_effective=float(effective[k])
        )
        scales.append(spread[:, None] * factor)
    return NormalMixture(size[kept] / size[kept].sum(), location, np.stack(scales))


def _spread_out(x: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return who belongs to which of `count` rows far apart, `[n, count]`: k-means."""
    centers = x[random.integers(len(x))][None]
    distance = np.square(x - centers[0]).sum(axis=1)
    while len(centers) < count:
        chosen = x[random.choice(len(x), p=distance / distance.sum())]
        centers = np.concatenate([centers, chosen[None]])
        distance = np.minimum(distance, np.square(x - chosen).sum(axis=1))
    for _ in range(5):
        member = _nearest(x, centers)
        number = np.maximum(member.sum(axis=0), 1.0)[:, None]
        centers = np.where(number > 1.0, member.T @ x / number, centers)
    return _nearest(x, centers)


def _split(mixture: NormalMixture, count: int) -> NormalMixture:
    """Return `count` laws: those with the largest shares cut across their long axis."""
    order = np.argsort(-mixture.share, kind="stable")
    num_cut = min(count - mixture.num_laws, mixture.num_laws)
    cut, whole = order[:num_cut], order[num_cut:]
    scale = mixture.scale_tril[cut]
    variance, axis = np.linalg.eigh(scale @ np.swapaxes(scale, 1, 2))
    shift = CUT * np.sqrt(variance[:, -1:]) * axis[:, :, -1]
    shrunk = scale @ np.swapaxes(scale, 1, 2) - shift[:, :, None] * shift[:, None]
    halves = np.linalg.cholesky(shrunk)
    location = mixture.location
    return NormalMixture(
        np.concatenate(
            [mixture.share[whole], *(0.5 * mixture.share[cut] for _ in "ab")]
        ),
        np.concatenate([location[whole], location[cut] + shift, location[cut] - shift]),
        np.concatenate([mixture.scale_tril[whole], halves, halves]),
    )


def _nearest(x: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return 1.0 at the nearest centre of each row, `[n, K]`."""
    squares = np.square(centers).sum(axis=1) - 2.0 * x @ centers.T
    return (np.argmin(squares, axis=1)[:, None] == np.arange(len(centers))) * 1.0
