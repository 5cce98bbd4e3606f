"""The sampler with a VAE: learned on the fly, exact, saved and resumed like a flow."""

import numpy as np
import pytest

import flowmc
from flowmc import models
from flowmc.sampling.latent import make_proposal, make_view
from flowmc.sampling.local_kernels import first_step_size, local_name, make_local
from tests.unit.sampling.runs import NUM_CHAINS, TARGET, run


def small_vae():
    return models.make("vae", event_size=2, latent_size=1, hidden_units=[8], seed=0)


@pytest.mark.parametrize(
    "backend", [pytest.param("tensorflow", marks=pytest.mark.full), "numpy"]
)
def test_a_vae_takes_over_and_the_moments_are_right(backend, tmp_path):
    posterior = run(backend, model=small_vae(), num_draws=400)
    assert [window.model for window in posterior.history[1:]][-1] == "vae"
    for index in range(2):
        ess = posterior.diagnostics.ess_bulk[index]
        error = TARGET.standard_deviation[index] / np.sqrt(ess)
        draws = posterior.theta[:, :, index]
        assert abs(draws.mean() - TARGET.mean[index]) < 5.0 * error
    assert abs(posterior.log_evidence) < 5.0 * posterior.log_evidence_error
    assert posterior.stats["is_accepted"].shape == (400, NUM_CHAINS)
    posterior.save(tmp_path / "p.h5")
    loaded = flowmc.load(tmp_path / "p.h5").model
    x = TARGET.sample(5, seed=0)
    np.testing.assert_array_equal(
        loaded.iwae_bound(x, seed=1), posterior.model.iwae_bound(x, seed=1)
    )


@pytest.mark.full
def test_gradient_kernels_run_on_codes_and_noise():
    posterior = run("tensorflow", model=small_vae(), kernel="hmc")
    assert posterior.cost.gradient_calls > 0
    assert posterior.history[-1].model == "vae"


def test_each_kernel_has_its_counterpart_for_a_vae():
    vae, flow = small_vae(), models.make("gaussian", event_size=2)
    names = ("random_walk", "t_pcn", "elliptical_slice", "mala", "hmc", "nuts")
    for name in names:
        assert local_name(name, flow) == name
        kernel = make_local(local_name(name, vae), vae, flow)
        assert kernel.name in {"latent_walk", "latent_hmc"}
        assert first_step_size(local_name(name, vae), 2) > 0.0
    assert make_local("latent_hmc:mala", vae, flow).inner.name == "mala"


def test_the_view_of_a_vae_inverts_and_bounds():
    vae = small_vae()
    x = TARGET.sample(50, seed=1)
    view = make_view(vae, seed=(1, 2))
    z, _ = view.inverse_and_log_det(x)
    back, _ = view.forward_and_log_det(z)
    np.testing.assert_allclose(back, x, atol=1e-12)
    assert view.log_prob(x).shape == (50,)
    assert make_proposal(vae, weight=0.1).event_size == 2
    flow = models.make("gaussian", event_size=2)
    assert make_view(flow, seed=0) is flow
