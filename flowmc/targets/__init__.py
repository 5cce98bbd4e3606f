"""What is sampled: targets, their priors, and known-answer targets to test against."""

__all__ = [
    "AnalyticTarget",
    "Target",
    "correlated_gaussian",
    "eggbox",
    "free_field_covariance",
    "funnel",
    "ill_conditioned_gaussian",
    "noisy_ring",
    "phi_four_chain",
    "rosenbrock",
    "skewed_gaussian",
    "student_t",
    "swiss_roll",
    "two_gaussians",
]

from flowmc.targets.analytic import AnalyticTarget
from flowmc.targets.known_elliptical import (
    correlated_gaussian,
    skewed_gaussian,
    student_t,
    two_gaussians,
)
from flowmc.targets.known_gaussians import ill_conditioned_gaussian
from flowmc.targets.known_hard import eggbox, funnel
from flowmc.targets.known_lattice import free_field_covariance, phi_four_chain
from flowmc.targets.known_manifold import noisy_ring, swiss_roll
from flowmc.targets.known_rosenbrock import rosenbrock
from flowmc.targets.target import Target
