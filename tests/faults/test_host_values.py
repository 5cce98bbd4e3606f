"""Bad values of a host target where a run begins."""

import numpy as np
import pytest

from flowmc import Target, sample
from flowmc.core.errors import LogProbError


def nan_on_the_left(theta):
    return np.where(theta[:, 0] < -2.0, np.nan, -0.5 * np.sum(theta**2, axis=-1))


def test_nan_at_a_start_is_named_and_nothing_is_written(tmp_path):
    target = Target(nan_on_the_left, names=["mass", "spin"], backend="numpy")
    initial = np.zeros((16, 2))
    initial[5] = [-2.5, 0.25]
    with pytest.raises(LogProbError, match="mass=-2.5, spin=0.25") as caught:
        sample(target, num_chains=16, initial=initial, checkpoint=tmp_path / "run.h5")
    np.testing.assert_array_equal(caught.value.theta, [-2.5, 0.25])
    assert not list(tmp_path.iterdir())
