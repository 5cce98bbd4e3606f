"""Every registered latent-variable model at a small size, without naming one."""

from typing import Any

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.core.registry import MODELS
from flowmc.core.types import LatentModel
from tests.conformance.families import build, normal, options_of, trained

# Each is applied where a family has such options; together they cover all parts.
VARIANTS = ({}, {"prior": "flow"}, {"encoder": "iaf", "prior": "flow"})


def latent_cases(*sizes: int) -> list[Any]:
    """Return every family, size and variant that exists, as parameters."""
    return [
        pytest.param(
            family, size, variant, id="-".join([family, str(size), *variant.values()])
        )
        for family in LATENT_FAMILIES
        for size in sizes
        for variant in VARIANTS
        if not variant or options_of(family, **variant)
        if exists(family, size, **variant)
    ]


def exists(family: str, size: int, **variant: Any) -> bool:
    """Return whether the family has this variant in `size` dimensions."""
    try:
        build(family, size, **variant)
    except ConfigurationError:
        return False
    return True


def make_case(family: str, size: int, variant: dict, *, strength: float = 0.1) -> Any:
    """Build a model with its weights and whitening moved, as training would."""
    return trained(build(family, size, **variant), strength=strength)


def joint_points(model: Any, n: int, *, seed: int = 0) -> tuple[Any, Any]:
    """Return codes `[n, K]` and points `[n, D]` where the model's mass is."""
    u = normal(n, model.latent_size, seed=seed)
    z, _ = model.prior_forward_and_log_det(u)
    x, _ = model.noise_to_x(normal(n, model.event_size, seed=seed + 1), z)
    return z, x


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean of independent values and its standard error."""
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


LATENT_FAMILIES = [f for f in MODELS if isinstance(build(f, 2), LatentModel)]
