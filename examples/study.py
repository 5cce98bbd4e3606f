"""What the studies of this folder share: how long to run, and what to say at the end.

Nothing happens when this file is run by itself.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import flowmc

Check = tuple[str, float, float, float, float]


def is_quick() -> bool:
    """Return whether FLOWMC_QUICK=1 asks for seconds instead of accuracy."""
    return os.environ.get("FLOWMC_QUICK") == "1"


def finish(posterior: "flowmc.Posterior", name: str, checks: Sequence[Check]) -> None:
    """Print and save what was found, and hold it against what is known.

    Summary, verdict and cost are printed; corner.png, trace.png, training.png and
    posterior.h5 are saved in results/NAME, next to what the study put there itself.

    Args:
        posterior: What the study has sampled.
        name: Of the study, and of its folder.
        checks: (what, found, error, truth, tolerance) of each quantity with a known
            answer.  `error` is the standard error of `found` and is only printed;
            |found - truth| may be at most `tolerance`, all in the same unit.

    Raises:
        SystemExit: With status 1 if a check differs, except in quick mode, which is
            too short to agree with anything.
    """
    seconds = posterior.cost.seconds.get("total", float("nan"))
    print(posterior.summary())
    if posterior.log_evidence is not None:
        print(
            f"ln Z = {posterior.log_evidence:.4f} +- {posterior.log_evidence_error:.4f}"
        )
    print(posterior.verdict)
    print(
        f"Cost: {posterior.cost.log_prob_calls:,} evaluations, "
        f"{posterior.cost.gradient_calls:,} gradients, {seconds:.0f} s"
    )
    agree = [_holds(*check) for check in checks]

    folder = Path("results", name)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("corner", "trace", "training"):
        getattr(posterior, f"plot_{kind}")(folder / f"{kind}.png")
    posterior.save(folder / "posterior.h5")
    print(f"Results in {folder}: {', '.join(sorted(p.name for p in folder.iterdir()))}")
    if not all(agree) and not is_quick():
        sys.exit(1)


def _holds(
    what: str, found: float, error: float, truth: float, tolerance: float
) -> bool:
    """Print one check; return whether it holds, which NaN never does."""
    agrees = abs(found - truth) <= tolerance
    word = "agrees" if agrees else "DIFFERS"
    print(f"{what}: found {found:.5g} +- {error:.2g}, truth {truth:.5g}, {word}")
    return bool(agrees)
