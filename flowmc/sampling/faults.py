"""Enter what compiled code counted: evaluations in the ledger, bad values as errors."""

__all__ = ["enter_tally"]

import numpy as np

from flowmc.core.errors import LogProbError
from flowmc.kernels.tally import Tally
from flowmc.sampling.space import Space


def enter_tally(tally: Tally, space: Space) -> dict[str, int]:
    """Count a block's evaluations; raise for a bad value of compiled code.

    Under `on_nan="reject"` NaN counts as zero density; +inf is an error always.  Host
    targets count and judge by themselves, call by call.

    Returns:
        The counts by name.

    Raises:
        LogProbError: Names the parameters and their values.
    """
    counts = tally.as_dict()
    if not space.is_graph:
        return counts
    num_nan, num_infinite = counts["nan_log_prob"], counts["infinite_log_prob"]
    space.target.count(counts["log_prob_calls"], num_gradient=counts["gradient_calls"])
    if num_infinite or num_nan:
        theta = space.to_theta(np.asarray(tally.x)[None, :])[0][0]
        try:  # the target keeps the point as an example in any case
            space.target.raise_bad_value(theta, float(tally.value))
        except LogProbError:
            if num_infinite or space.target.on_nan == "raise":
                raise
    space.target.count(0, num_nan=num_nan)
    return counts
