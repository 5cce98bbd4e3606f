"""Turn a compiled block's record of bad values into the target's typed error."""

__all__ = ["raise_faults"]

import numpy as np

from flowmc.sampling.space import Space
from flowmc.sampling.stepper import Faults


def raise_faults(faults: Faults | None, space: Space) -> int:
    """Raise for a bad value of compiled code; return the number of NaN passed over.

    Under `on_nan="reject"` NaN counts as zero density; +inf is an error always.

    Raises:
        LogProbError: Names the parameters and their values.
    """
    if faults is None:
        return 0
    num_nan, num_infinite = int(faults.num_nan), int(faults.num_infinite)
    if num_infinite or (num_nan and space.target.on_nan == "raise"):
        theta = space.to_theta(np.asarray(faults.x)[None, :])[0][0]
        space.target.raise_bad_value(theta, float(faults.value))
    return num_nan
