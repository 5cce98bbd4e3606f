"""Every registered flow family at a small size, without naming one."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from flowmc import models
from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import MODELS
from flowmc.core.seeds import generator
from flowmc.core.types import TransportModel

# Applied where a family has the option: small networks compile fast.
SMALL = {"num_layers": 2, "hidden_units": [8]}


def options_of(family: str, **wanted: Any) -> dict[str, Any]:
    """Return those of the wanted options that the family has."""
    known = MODELS.get(family).option_names()
    return {name: value for name, value in wanted.items() if name in known}


def build(family: str, event_size: int, *, seed: int = 0, **options: Any) -> Any:
    """Build a small model of `family`."""
    chosen = options_of(family, **{**SMALL, **options})
    return models.make(family, event_size=event_size, seed=seed, **chosen)


def trained(model: Any, *, seed: int = 1, strength: float = 0.3) -> Any:
    """Move every weight and the whitening, in place, as training would."""
    random = generator(seed)
    for variable in model.trainable_variables:
        variable.assign_add(strength * random.normal(size=variable.shape))
    size = model.event_size
    mixing = np.tril(random.normal(size=(size, size))) + 2.0 * np.eye(size)
    model.fit_whitening(random.normal(size=(500, size)) @ mixing.T + 1.0)
    return model


def cases(*sizes: int) -> list[Any]:
    """Return every family, size and float type of its networks, as parameters.

    In float32 only D = 2 is part of the default run.
    """
    return [
        pytest.param(
            family,
            size,
            dtype,
            id=f"{family}-{size}-{dtype}",
            marks=[pytest.mark.full] if dtype == "float32" and size != 2 else [],
        )
        for family in FAMILIES
        for size in sizes
        if can_have(family, size)
        for dtype in ("float64", "float32")
        if dtype == "float64" or options_of(family, dtype=dtype)
    ]


def can_have(family: str, size: int) -> bool:
    """Return whether the family exists in `size` dimensions (couplings need two)."""
    try:
        build(family, size)
    except ConfigurationError:
        return False
    return True


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Return standard normal numbers of this shape."""
    return np.random.default_rng(seed).standard_normal(shape)


def points(model: Any, n: int, *, seed: int = 0) -> np.ndarray:
    """Return points `[n, D]` where the model's mass is."""
    x, _ = model.forward_and_log_det(normal(n, model.event_size, seed=seed))
    return x.numpy()


def assert_draws_follow(x: np.ndarray, log_prob: np.ndarray) -> None:
    """Assert E_q[g / q] = 1 for densities g narrower than q, put at several draws."""
    order = np.argsort(log_prob)
    for quantile in (0.5, 0.7, 0.9):
        center = x[order[int(quantile * len(x))]]
        narrow = stats.multivariate_normal(center, 0.1 * np.cov(x.T))
        ratio = np.exp(narrow.logpdf(x) - log_prob)
        error = ratio.std() / np.sqrt(len(ratio))
        assert error < 0.05
        assert abs(ratio.mean() - 1.0) < 4.0 * error


FAMILIES = [f for f in MODELS if isinstance(build(f, 2), TransportModel)]
