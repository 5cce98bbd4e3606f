"""Mixtures of normal laws: as many as the draws have heaps, fitted to them."""

import numpy as np
import pytest

from flowmc.transforms.normal_mixture import (
    NormalMixture,
    fit_normal_mixture,
    score_mixture,
)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _heaps(n: int, *, size: int, weight: float, apart: float, seed: int = 0):
    random = _rng(seed)
    side = np.where(random.uniform(size=n) < weight, apart, -apart)
    return side[:, None] + random.normal(size=(n, size))


@pytest.mark.parametrize("size", [1, 3, 10])
def test_one_heap_stays_one_law(size):
    mixing = _rng(1).normal(size=(size, size)) + 3.0 * np.eye(size)
    x = _rng(2).normal(size=(4000, size)) @ mixing.T * 1e3 + 5.0
    fitted = fit_normal_mixture(x, most=8, random=_rng())
    assert fitted.num_laws == 1
    np.testing.assert_allclose(fitted.location[0], x.mean(axis=0), rtol=1e-9)
    covariance = fitted.scale_tril[0] @ fitted.scale_tril[0].T
    np.testing.assert_allclose(covariance, np.cov(x.T).reshape(size, size), rtol=1e-6)


def test_two_heaps_are_two_laws_with_their_shares():
    x = _heaps(8000, size=10, weight=0.3, apart=5.0)
    fitted = fit_normal_mixture(x, most=32, random=_rng())
    order = np.argsort(fitted.location[:, 0])
    assert fitted.num_laws == 2
    np.testing.assert_allclose(fitted.share[order], [0.7, 0.3], atol=0.02)
    np.testing.assert_allclose(fitted.location[order][:, 0], [-5.0, 5.0], atol=0.08)


def test_the_density_of_two_heaps_is_nearly_theirs():
    x = _heaps(8000, size=4, weight=0.5, apart=4.0)
    held = _heaps(4000, size=4, weight=0.5, apart=4.0, seed=3)
    fitted = fit_normal_mixture(x, most=16, random=_rng())
    exact = NormalMixture(
        np.full(2, 0.5),
        np.array([[4.0] * 4, [-4.0] * 4]),
        np.stack([np.eye(4)] * 2),
    )
    gap = score_mixture(exact, held) - score_mixture(fitted, held)
    assert abs(gap.mean()) < 0.02


def test_copies_do_not_make_laws():
    """A chain that stands still repeats a row; it is one draw all the same."""
    x = _rng(4).normal(size=(3000, 3))
    x = np.concatenate([x, np.tile(x[:1], [3000, 1])])
    assert fit_normal_mixture(x, most=8, random=_rng()).num_laws == 1


def test_few_draws_are_one_law():
    x = _heaps(30, size=4, weight=0.5, apart=20.0)
    assert fit_normal_mixture(x, most=8, random=_rng()).num_laws == 1


def test_a_former_fit_is_gone_on_with():
    x = _heaps(4000, size=3, weight=0.5, apart=6.0)
    former = fit_normal_mixture(x, most=8, random=_rng())
    again = fit_normal_mixture(x + 0.1, most=8, random=_rng(1), former=former)
    assert again.num_laws == former.num_laws == 2
    moved = np.sort(again.location[:, 0]) - np.sort(former.location[:, 0])
    np.testing.assert_allclose(moved, 0.1, atol=0.02)


def test_the_same_generator_gives_the_same_fit():
    x = _heaps(3000, size=3, weight=0.4, apart=3.0)
    one, two = (fit_normal_mixture(x, most=8, random=_rng(7)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_scales_do_not_matter(scale):
    x = _heaps(3000, size=2, weight=0.5, apart=6.0)
    fitted = fit_normal_mixture(x * scale, most=8, random=_rng())
    assert fitted.num_laws == 2
    np.testing.assert_allclose(np.abs(fitted.location) / scale, 6.0, atol=0.1)
