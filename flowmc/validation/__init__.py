"""Known answers on the user's own machine: what `flowmc validate` runs.

Every check is a number found, its Monte Carlo standard error and the exact answer; the
difference in units of the error, z, decides.
"""

__all__ = ["Case", "Check", "GROUPS", "Report", "run_suite"]

from flowmc.validation.check import Check
from flowmc.validation.report import Report
from flowmc.validation.suite import GROUPS, Case, run_suite
