"""Maps between the user's parameters and the unconstrained space models work in."""

__all__ = [
    "AffineFit",
    "BoundsTransform",
    "StudentFit",
    "add_log_det",
    "fit_affine",
    "fit_student",
    "pullback",
]

from flowmc.transforms.bounds import BoundsTransform
from flowmc.transforms.pullback import add_log_det, pullback
from flowmc.transforms.student_fit import StudentFit, fit_student
from flowmc.transforms.whitening import AffineFit, fit_affine
