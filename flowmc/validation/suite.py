"""The cases, quick and whole, and the loop over them."""

__all__ = ["Case", "GROUPS", "run_suite"]

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from flowmc.core.progress import make_progress
from flowmc.sampling.settings import Schedule
from flowmc.targets import rosenbrock, two_gaussians
from flowmc.validation.check import Check
from flowmc.validation.kernel_cases import (
    SLOW,
    check_drift,
    check_kernel,
    kernel_names,
)
from flowmc.validation.model_cases import check_model, density_names
from flowmc.validation.problems import Problem, bounded, from_known, regression
from flowmc.validation.report import Failure, Report
from flowmc.validation.sampler_cases import check_emcee, check_sample, check_smc

GROUPS = ("models", "kernels", "sample", "smc", "emcee")
NUM_CHAINS = 20_000  # of the kernels
QUICK_MODELS = ("gaussian", "maf", "realnvp")
# Few programs to compile, of the sampler's own machinery.
LIGHT: dict[str, Any] = {
    "model": "gaussian",
    "kernel": "random_walk",
    "schedule": Schedule(
        windows=(16,), extra_windows=0, second_group=False, max_clusters=1
    ),
    "num_draws": 500,
}


class Case(NamedTuple):
    """A named piece of work that gives checks, with sentences where it has any."""

    group: str
    name: str
    run: Callable[[], list[Check] | tuple[list[Check], list[str]]]


def run_suite(
    *,
    quick: bool = False,
    groups: Collection[str] = (),
    seed: int = 0,
    progress: Any = False,
    cases: Sequence[Case] | None = None,
    report: Report | None = None,
) -> Report:
    """Run the known-answer suite.

    Args:
        quick: Fewer and smaller cases.
        groups: Those of `GROUPS` to run; none means all.
        seed: Of all draws; same seed, same numbers.
        progress: False, True, a callable, or a `Progress`.
        cases: To be run in place of the suite's own.
        report: To be filled; what it holds is valid if the suite is interrupted.

    Returns:
        The report.  A case that raises fails; the others run all the same.
    """
    report = Report() if report is None else report
    found = list(_cases(quick, seed)) if cases is None else list(cases)
    chosen = [case for case in found if not groups or case.group in groups]
    shown = make_progress(progress)
    for done, case in enumerate(chosen):
        shown.update("validate", done, len(chosen), {"case": case.name})
        started = time.perf_counter()
        _run(case, report, is_told=not quick)
        spent = time.perf_counter() - started
        report.seconds[case.group] = report.seconds.get(case.group, 0.0) + spent
    shown.update("validate", len(chosen), len(chosen))
    shown.close()
    return report


def _run(case: Case, report: Report, *, is_told: bool) -> None:
    try:
        found = case.run()
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        report.failures.append(Failure(case.group, case.name, text))
        return
    checks, notes = found if isinstance(found, tuple) else (found, [])
    report.checks += checks
    if is_told:
        report.notes += notes


def _cases(quick: bool, seed: int) -> Iterator[Case]:
    for name in QUICK_MODELS if quick else density_names():
        run = partial(check_model, name, num_draws=NUM_CHAINS, seed=seed)
        yield Case("models", name, run)
    yield from _kernel_cases(quick, seed)
    yield from _quick_samplers(seed) if quick else _samplers(seed)


def _kernel_cases(quick: bool, seed: int) -> Iterator[Case]:
    size = {"num_chains": NUM_CHAINS, "seed": seed}
    for name in kernel_names():
        if not (quick and name in SLOW):
            run = partial(check_kernel, name, is_compiled=not quick, **size)
            yield Case("kernels", name, run)
    yield Case("kernels", "control", lambda: check_drift(**size))


def _quick_samplers(seed: int) -> Iterator[Case]:
    yield Case(
        "sample",
        "regression",
        lambda: check_sample("regression", regression(), seed=seed, **LIGHT),
    )
    modes = from_known(two_gaussians(2), has_modes=True)
    yield Case(
        "smc",
        "two modes",
        lambda: check_smc("two modes", modes, model="gaussian", seed=seed),
    )
    yield Case(
        "emcee",
        "FlowMove",
        lambda: check_emcee("gaussian", num_adapt=50, num_steps=300, seed=seed),
    )


def _samplers(seed: int) -> Iterator[Case]:
    sampled: dict[str, tuple[Callable[[], Problem], dict[str, Any]]] = {
        "regression": (regression, LIGHT),
        "bounds and angles": (bounded, {"num_draws": 2000}),
        "two curved ridges": (
            lambda: from_known(rosenbrock(4)),
            {"model": "maf", "num_draws": 2000},
        ),
    }
    for name, (make, options) in sampled.items():
        run = partial(check_sample, name, make(), seed=seed, **options)
        yield Case("sample", name, run)
    modes, host = from_known(two_gaussians(4), has_modes=True), bounded("numpy")
    for name, problem, model in (
        ("two modes", modes, "gaussian"),
        ("bounds and angles, NumPy", host, "auto"),
    ):
        run = partial(check_smc, name, problem, model=model, seed=seed)
        yield Case("smc", name, run)
    yield Case(
        "emcee",
        "FlowMove",
        lambda: check_emcee("maf", num_adapt=100, num_steps=600, seed=seed),
    )
