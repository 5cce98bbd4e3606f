"""Bad input of `sample_smc`: a typed error that says what to do."""

import numpy as np
import pytest
from scipy import stats

from flowmc import Target, models
from flowmc.core.errors import (
    ConfigurationError,
    InitialPositionError,
    LogProbError,
    TargetError,
)
from tests.unit.sampling.smc_cases import UNIFORM, gaussian, run


def likelihood(function, **options):
    return Target(log_likelihood_fn=function, prior=UNIFORM, backend="numpy", **options)


def test_there_must_be_something_to_anneal_from():
    target = Target(lambda x: -0.5 * np.sum(x**2, axis=-1), names=["a", "b"])
    with pytest.raises(ConfigurationError, match=r"has neither\. Pass"):
        run(target)


def test_a_prior_that_cannot_be_drawn_from_is_refused():
    class Stubborn(stats.rv_continuous):
        """A density without draws."""

        def _pdf(self, x):
            return np.exp(-0.5 * np.square(x)) / np.sqrt(2.0 * np.pi)

        def _rvs(self, size=None, random_state=None):
            raise NotImplementedError

    with pytest.raises(TargetError, match="prior"):
        Target(
            log_likelihood_fn=lambda theta: theta[:, 0],
            prior={"a": Stubborn(name="stubborn")()},
            backend="numpy",
        )


@pytest.mark.parametrize("count", [1, 40])
def test_few_particles_are_refused(count):
    with pytest.raises(ConfigurationError, match="`num_particles` must be at least"):
        run(gaussian(), num_particles=count)


@pytest.mark.parametrize("count", [0, 1.5, True])
def test_no_number_of_particles(count):
    with pytest.raises(ConfigurationError, match="num_particles"):
        run(gaussian(), num_particles=count)


def test_no_density_anywhere_in_the_prior():
    target = likelihood(lambda theta: np.full(len(theta), -np.inf))
    with pytest.raises(InitialPositionError, match="Some starting point"):
        run(target)


def test_nan_is_an_error_that_names_the_point():
    def partly(theta):
        return np.where(theta[:, 0] > 0.7, np.nan, 0.0)

    with pytest.raises(LogProbError, match="nan") as caught:
        run(likelihood(partly))
    assert caught.value.theta[0] > 0.7


def test_a_model_needs_a_density():
    with pytest.raises(ConfigurationError, match="must have a density"):
        run(gaussian(), model=models.make("vae", event_size=2, seed=0))


def test_resuming_needs_a_file():
    with pytest.raises(ConfigurationError, match="needs `checkpoint`"):
        run(gaussian(), resume=True)


def test_hardly_any_budget_is_refused():
    with pytest.raises(ConfigurationError, match="`max_evaluations` must be at least"):
        run(gaussian(), max_evaluations=100)
