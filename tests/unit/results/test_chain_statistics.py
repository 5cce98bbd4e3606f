"""R-hat, ESS and MCSE against known chains; standing still never passes."""

import numpy as np
import pytest

from flowmc.results.chain_statistics import chain_statistics


def autoregressive(phi, *, num_draws=2000, num_chains=8, seed=1):
    """Chains of unit variance whose autocorrelation at lag k is phi^k."""
    noise = np.random.default_rng(seed).standard_normal((num_draws, num_chains))
    chains = np.empty_like(noise)
    chains[0] = noise[0]
    for step in range(1, num_draws):
        chains[step] = phi * chains[step - 1] + np.sqrt(1 - phi**2) * noise[step]
    return chains


def test_independent_draws_are_perfect():
    found = chain_statistics(autoregressive(0.0))
    assert found.r_hat < 1.003
    assert found.ess_bulk == pytest.approx(16000, rel=0.1)
    assert found.ess_tail == pytest.approx(16000, rel=0.15)
    assert found.mcse_mean == pytest.approx(1 / np.sqrt(16000), rel=0.1)


def test_ess_of_correlated_chains_is_known():
    phi = 0.9
    found = chain_statistics(autoregressive(phi))
    want = 16000 * (1 - phi) / (1 + phi)
    assert found.ess_bulk == pytest.approx(want, rel=0.2)
    assert found.mcse_mean == pytest.approx(1 / np.sqrt(want), rel=0.15)


@pytest.mark.parametrize("spoil", ["shifted", "wider", "drifting"])
def test_r_hat_catches_one_bad_chain(spoil):
    chains = autoregressive(0.0)
    if spoil == "shifted":
        chains[:, 3] += 1.0
    elif spoil == "wider":
        chains[:, 3] *= 3.0
    else:
        chains[:, 3] += np.linspace(-2, 2, len(chains))
    assert chain_statistics(chains).r_hat > 1.01


def test_r_hat_compares_the_chains_as_given():
    chains = autoregressive(0.0, num_chains=4)
    mixed = chains.copy()
    mixed[:, :2] += 2.0
    assert chain_statistics(mixed).r_hat > 1.3
    shuffled = np.random.default_rng(0).permutation(mixed.ravel()).reshape(mixed.shape)
    assert chain_statistics(shuffled).r_hat < 1.01


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1e30])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_units_do_not_matter(scale, offset):
    chains = autoregressive(0.5)
    found = chain_statistics(scale * (chains + 1e3 * offset))
    want = chain_statistics(chains + 1e3 * offset)
    assert found[:3] == pytest.approx(want[:3], rel=1e-6)
    assert found.mcse_mean == pytest.approx(scale * want.mcse_mean, rel=1e-6)


def test_a_single_chain_is_cut_into_halves():
    steady = autoregressive(0.0, num_chains=1)
    assert chain_statistics(steady).r_hat < 1.01
    steady[1000:] += 1.0
    assert chain_statistics(steady).r_hat > 1.1


@pytest.mark.parametrize("case", ["constant", "one stuck", "nan", "inf", "short"])
def test_what_cannot_be_judged_is_nan(case):
    chains = autoregressive(0.0, num_draws=100)
    if case == "constant":
        chains[:] = 0.1
    elif case == "one stuck":
        chains[:, 5] = chains[0, 5]
    elif case == "nan":
        chains[3, 2] = np.nan
    elif case == "inf":
        chains[3, 2] = np.inf
    else:
        chains = chains[:3]
    assert np.all(np.isnan(chain_statistics(chains)))
