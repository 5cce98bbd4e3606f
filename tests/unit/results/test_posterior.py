"""The posterior's own checks, views and words."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError, ModelError
from flowmc.results.diagnosis import diagnose_posterior
from tests.unit.results.builders import NAMES, draws, make_posterior


@pytest.fixture(scope="module")
def posterior():
    return make_posterior()


def test_shapes_and_views(posterior):
    assert (posterior.num_draws, posterior.num_chains) == (300, 8)
    assert posterior.theta.dtype == np.float64
    assert posterior.flat().shape == (2400, 3)
    assert np.array_equal(posterior.flat()[8], posterior.theta[1, 0])


def test_labels_fall_back_to_names():
    assert make_posterior(labels=()).labels == NAMES


def test_the_repr_tells_the_essentials(posterior):
    assert repr(posterior) == (
        "Posterior(300 draws x 8 chains; parameters: logk1, logk2, jit; "
        "log evidence: -103.3450 +- 0.0040; verdict: good)"
    )
    bare = make_posterior(log_evidence=-2.0, log_evidence_error=None)
    assert "log evidence: -2.0000; " in repr(bare)


def test_draws_by_weight_are_of_no_chains():
    theta = draws(num_draws=1500, num_chains=1)
    by_weight = make_posterior(theta, config={"sampler": "smc"})
    assert by_weight.is_by_weight
    assert repr(by_weight).startswith("Posterior(1,500 draws by weight; ")
    told = [text.get_text() for text in by_weight.plot_corner().texts]
    assert told[0].startswith("1,500 draws by weight\nverdict")
    assert "1,500 draws by weight, 3 param" in diagnose_posterior(by_weight).findings[0]
    assert repr(make_posterior(theta)).startswith("Posterior(1,500 draws x 1 chain; ")


def test_it_is_frozen(posterior):
    with pytest.raises(AttributeError):
        posterior.theta = None


def test_warmup_is_apart(posterior):
    assert posterior.warmup.theta.shape == (20, 8, 3)
    assert posterior.num_draws == 300


def test_a_missing_model_is_told(posterior):
    with pytest.raises(ModelError, match=r"flowmc\.load"):
        _ = posterior.model
    with pytest.raises(ModelError, match="without a model"):
        _ = make_posterior(saved_model=None).model


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"names": ("a",)}, r"`theta` must have shape .*1\]"),
        ({"names": ("a", "b", "c")}, "Pass `names` to compute_diagnostics"),
        ({"log_prob": np.zeros(3)}, r"`log_prob` must have shape \[300, 8\]"),
        ({"log_likelihood": np.zeros((8, 300))}, "`log_likelihood`"),
        ({"derived": {"k": np.zeros(300)}}, "`k` must have shape"),
        ({"stats": {"s": np.zeros(8)}}, r"stats\['s'\]"),
        ({"labels": ("one",)}, "`labels` must be one for each of 3"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(posterior, fields, told):
    rest = {"diagnostics": posterior.diagnostics, "verdict": posterior.verdict}
    values = {"theta": draws(), "names": NAMES, "log_prob": posterior.log_prob, **rest}
    with pytest.raises(ConfigurationError, match=told):
        type(posterior)(**{**values, **fields})
