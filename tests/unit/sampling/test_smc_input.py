"""Bad input of `sample_smc`: a typed error that says what to do, or a right answer."""

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
from tests.unit.sampling.smc_cases import LOG_EVIDENCE, PRIOR, UNIFORM, gaussian, run


def likelihood(function, **options):
    return Target(log_likelihood_fn=function, prior=UNIFORM, backend="numpy", **options)


def test_there_must_be_something_to_anneal_from():
    target = Target(lambda x: -0.5 * np.sum(x**2, axis=-1), names=["a", "b"])
    with pytest.raises(ConfigurationError, match="has neither. Pass"):
        run(target)


def test_a_prior_that_cannot_be_drawn_from_is_refused():
    class Stubborn:
        """A frozen distribution with a density and no draws."""

        dist = stats.norm
        args, kwds = (), {}

        def rvs(self, *args, **options):
            raise NotImplementedError

        def logpdf(self, x):
            return -0.5 * np.square(x)

        def support(self):
            return (-np.inf, np.inf)

    with pytest.raises(TargetError):
        Target(
            log_likelihood_fn=lambda theta: theta[:, 0],
            prior={"a": Stubborn()},
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


def test_a_needle_is_found_or_not_called_good():
    """One draw of the prior in a thousand has any density."""

    def needle(theta):
        inside = np.all(np.abs(theta - 0.5) < 0.015, axis=-1)
        return np.where(inside, 0.0, -np.inf)

    posterior = run(likelihood(needle))
    off = posterior.log_evidence - 2.0 * np.log(0.03)
    assert abs(off) < 4.0 * posterior.log_evidence_error or not posterior.verdict.ok


def test_nan_is_an_error_that_names_the_point():
    def partly(theta):
        return np.where(theta[:, 0] > 0.7, np.nan, 0.0)

    with pytest.raises(LogProbError, match="nan") as caught:
        run(likelihood(partly))
    assert caught.value.theta[0] > 0.7


def test_nan_may_be_rejected_and_is_counted():
    def partly(theta):
        return np.where(theta[:, 0] > 0.7, np.nan, 0.0)

    posterior = run(likelihood(partly, on_nan="reject"))
    off = posterior.log_evidence - np.log(0.7)
    assert abs(off) < 4.0 * posterior.log_evidence_error
    assert posterior.diagnostics.num_bad_values > 0


def test_a_model_needs_a_density():
    with pytest.raises(ConfigurationError, match="must have a density"):
        run(gaussian(), model=models.make("vae", event_size=2, seed=0))


def test_resuming_needs_a_file():
    with pytest.raises(ConfigurationError, match="needs `checkpoint`"):
        run(gaussian(), resume=True)


@pytest.mark.parametrize("limit", [3000, 6000])
def test_a_budget_is_kept_and_gives_a_marked_result(limit):
    target = gaussian()
    posterior = run(target, num_draws=20_000, max_evaluations=limit)
    assert target.num_evaluations == posterior.cost.log_prob_calls <= limit
    assert "Raise `max_evaluations`" in posterior.config["cut_short"]
    assert abs(posterior.log_evidence - LOG_EVIDENCE) < 0.2
    wanted = run(gaussian(), target_ess=20_000.0, max_evaluations=limit)
    assert any("Raise `max_evaluations`" in r for r in wanted.verdict.reasons)


def test_a_budget_that_ends_before_the_target_is_told():
    narrow = Target(
        log_likelihood_fn=lambda theta: -np.square(theta).sum(axis=-1) / 2e-10,
        prior=PRIOR,
        backend="numpy",
    )
    posterior = run(narrow, max_evaluations=1000)
    assert posterior.cost.log_prob_calls <= 1000
    assert not posterior.verdict.ok
    assert any("inverse temperature 1" in r for r in posterior.verdict.reasons)


def test_hardly_any_budget_is_refused():
    with pytest.raises(ConfigurationError, match="`max_evaluations` must be at least"):
        run(gaussian(), max_evaluations=100)
