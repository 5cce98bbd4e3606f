"""Axis parts reach a half-open plateau: the log of an amplitude that may be zero."""

import numpy as np
import pytest

from flowmc import models
from flowmc.models.defensive import defensive

MEASURED, PRIOR_SD, EDGE = 5.0, 10.0, -3.0


def plateau_log_prob(x):
    """Amplitude measured as 5 +- 1, wide normal prior on its log; and partners."""
    log_amplitude, partners = x[..., 0], x[..., 1:]
    misfit = np.square(np.exp(np.minimum(log_amplitude, 50.0)) - MEASURED)
    width = np.square((log_amplitude - np.log(MEASURED)) / PRIOR_SD)
    centered = partners - 0.3 * np.tanh(log_amplitude)[..., None]
    return -0.5 * (misfit + width + np.square(centered).sum(axis=-1))


def plateau_truth():
    grid = np.linspace(-80.0, 5.0, 400_001)
    on_ridge = np.stack([grid, 0.3 * np.tanh(grid)], axis=-1)
    density = np.exp(plateau_log_prob(on_ridge))
    return density[grid < EDGE].sum() / density.sum()


def plateau_estimate(size, *, axis_share):
    """Weighted mass of the plateau, and its error, from the main mode's mixture."""
    random = np.random.default_rng(10)
    amplitude = np.log(np.abs(MEASURED + random.normal(size=4000)))
    draws = random.normal(size=(4000, size)) + 0.3 * np.tanh(amplitude)[:, None]
    draws[:, 0] = amplitude
    draws = draws[amplitude > 0.0]
    model = models.make("gaussian", event_size=size)
    model.fit_whitening(draws)
    mixture = defensive(model, axis_share=axis_share)
    mixture.fit_tails(draws)
    outcome = mixture.sample_and_log_prob(500_000, seed=(1, 2))
    x, log_q = (part.numpy() for part in outcome)
    weight = np.exp(plateau_log_prob(x) - log_q)
    weight /= weight.mean()
    is_inside = x[:, 0] < EDGE
    estimate = np.mean(weight * is_inside)
    influence = weight * (is_inside - estimate)
    return estimate, influence.std() / np.sqrt(len(x))


@pytest.mark.parametrize("size", [2, 5])
def test_a_half_open_plateau_is_reached(size):
    truth = plateau_truth()
    assert 1e-5 < truth < 1e-2
    estimate, error = plateau_estimate(size, axis_share=0.5)
    assert error < 0.4 * truth
    assert abs(estimate - truth) < 4.0 * error


@pytest.mark.parametrize("size", [2, 5])
def test_control_without_axis_parts_the_plateau_is_missed(size):
    estimate, _ = plateau_estimate(size, axis_share=0.0)
    assert estimate < 0.3 * plateau_truth()
