"""Which local kernel runs where, and what it is given."""

from flowmc import models
from flowmc.sampling.local_kernels import (
    MOST_LEAPFROGS,
    choose_local,
    first_step_size,
    for_annealing,
    local_name,
    make_local,
    most_evaluations,
)
from tests.unit.sampling.runs import TARGET, small_model


def test_the_default_kernel_steps_in_the_affine_map():
    flow, affine = small_model(), models.make("gaussian", event_size=2)
    for backend, expected in (("tensorflow", "hmc@affine"), ("numpy", "t_pcn")):
        assert choose_local("auto", TARGET.target(backend)) == expected
    assert choose_local("mala", TARGET.target("tensorflow")) == "mala"
    kernel = make_local("hmc@affine", flow, affine)
    assert kernel.inner.name == "hmc"
    assert kernel.inner.max_leapfrog_steps == MOST_LEAPFROGS
    assert first_step_size("hmc@affine", 2) == first_step_size("hmc", 2)
    vae = models.make("vae", event_size=2, latent_size=1, hidden_units=[8], seed=0)
    # A VAE has coordinates of its own.
    assert local_name("hmc@affine", vae) == "latent_hmc:hmc"
    # Host references have no gradient to anneal along.
    assert for_annealing("hmc", TARGET.target("numpy")) == "t_pcn"
    assert for_annealing("hmc@affine", TARGET.target("tensorflow")) == "hmc@affine"


def test_the_most_that_a_step_can_cost():
    flow, affine = small_model(), models.make("gaussian", event_size=2)
    vae = models.make("vae", event_size=2, latent_size=1, hidden_units=[8], seed=0)
    most = {"t_pcn": 1, "mala": 1, "elliptical_slice": 100, "nuts": 63}
    for name, expected in most.items():
        assert most_evaluations(make_local(name, flow, affine)) == expected, name
    coded = make_local("latent_hmc:nuts", vae, affine)
    assert most_evaluations(coded) == 64  # one more where each trajectory begins
    hmc = make_local("hmc@affine", flow, affine)
    for step_size, expected in ((0.01, MOST_LEAPFROGS), (0.5, 7), (9.0, 1)):
        hmc.inner.step_size.assign(step_size)
        assert most_evaluations(hmc) == expected
