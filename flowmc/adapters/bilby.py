"""A sampler for bilby: `bilby.run_sampler(likelihood, priors, sampler="flowmc")`.

bilby finds it by its entry point in the group `bilby.samplers`.
"""

__all__ = ["Flowmc"]

import difflib
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from flowmc.adapters.bilby_likelihood import CubeLikelihood
from flowmc.adapters.missing import missing_package
from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError, InterruptedRunError
from flowmc.core.signals import SIGNALS, stop_on_signals
from flowmc.results.posterior import Posterior

try:
    from bilby.core.sampler.base_sampler import NestedSampler, Sampler
    from bilby.core.utils import logger
except ImportError as error:
    raise missing_package("bilby>=2.7", extra="bilby") from error

# bilby's samplers also stop at an alarm, which not every system has.
STOPPING = (*SIGNALS, *filter(None, [getattr(signal, "SIGALRM", None)]))
SHARED = (
    *("model", "kernel", "target_ess", "max_evaluations", "max_seconds", "device"),
    *("schedule", "seed", "progress", "resume", "num_draws"),
)
OWN = {"smc": ("num_particles",), "mcmc": ("num_chains",)}
OF_TARGET = ("on_nan", "on_crash", "timeout")
SYNONYMS = {
    "num_particles": NestedSampler.npoints_equiv_kwargs,
    "num_chains": ("nwalkers", "nwalker", "nchain", "nchains"),
}


class Flowmc(Sampler):
    """bilby's interface to `flowmc.sample_smc`, or to `flowmc.sample`.

    Sampled in the unit cube of the priors.  bilby's `boundary="periodic"` makes a
    parameter circular; fixed parameters, conditional priors and constraints are kept.
    Checkpoints, and the posterior in flowmc's own format, are in
    `outdir/flowmc_label`; a run that was interrupted goes on from there.

    Further keyword arguments of `bilby.run_sampler`:

        method: "smc" (`flowmc.sample_smc`) or "mcmc" (`flowmc.sample`).
        num_particles, num_chains: Of the first and of the second.
        num_draws, model, kernel, target_ess, max_evaluations, max_seconds, device,
            schedule, progress: As there; None means the default there.
        seed: Or `sampling_seed`; an integer.
        resume: Go on from a checkpoint of this outdir and label, if there is one.
        npool, pool: A number of processes, or any pool that `flowmc.Target` takes.
        on_nan, on_crash, timeout: As for `flowmc.Target`.

    Raises:
        ConfigurationError: A keyword argument is unknown, or has an unusable value.
        TargetError: The priors cannot be mapped from the unit cube.
    """

    sampler_name = "flowmc"
    sampling_seed_key = "seed"
    default_kwargs = {
        "method": "smc",
        **dict.fromkeys((*SHARED, *OWN["smc"], *OWN["mcmc"])),
        "seed": 0,
        "progress": False,
        "resume": True,
        "pool": None,
        "on_nan": "raise",
        "on_crash": "raise",
        "timeout": None,
    }

    def run_sampler(self) -> Any:
        """Sample, and return bilby's filled `Result`."""
        method = self.kwargs["method"]
        check_choice(method, name="method", choices=list(OWN))
        density = CubeLikelihood(
            self.likelihood,
            self.priors,
            keys=self.search_parameter_keys,
            fixed=self.parameters,
            use_ratio=self.use_ratio,
        )
        fraction, spread = density.allowed_fraction(seed=self.kwargs["seed"])
        folder = Path(self.get_expected_outputs(self.outdir, self.label)[1][0])
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with stop_on_signals(signals=STOPPING, notice=False) as should_stop:
                found = self._sampled(density, folder, should_stop)
        except InterruptedRunError as interrupt:
            logger.info(f"Exit on {self.exit_code}. {interrupt}")
            sys.exit(self.exit_code)
        posterior = _constrained(in_theta(found, density), fraction, spread)
        posterior.save(folder / "posterior.h5")
        self._fill(posterior)
        return self.result

    def write_current_state(self) -> None:
        """Do nothing: the run's own checkpoints are written between its steps."""

    def _sampled(self, density: CubeLikelihood, folder: Path, should_stop: Any) -> Any:
        from scipy import stats

        from flowmc.sampling.sample import sample
        from flowmc.sampling.sample_smc import sample_smc
        from flowmc.targets.target import Target

        priors, keys = self.priors, self.search_parameter_keys
        pool = self.kwargs["pool"]
        target = Target(
            log_likelihood_fn=density,
            prior={key: stats.uniform(0.0, 1.0) for key in keys},
            labels=[str(priors[key].latex_label).strip("$") for key in keys],
            periodic=[key for key in keys if priors[key].boundary == "periodic"],
            vectorized=False,
            backend="numpy",
            pool=self.npool if pool is None else pool,
            **{name: self.kwargs[name] for name in OF_TARGET},
        )
        method = self.kwargs["method"]
        chosen = {name: self.kwargs[name] for name in (*SHARED, *OWN[method])}
        function: Any = sample_smc if method == "smc" else sample
        return function(
            target,
            checkpoint=folder / "checkpoint.h5",
            should_stop=should_stop,
            **{name: value for name, value in chosen.items() if value is not None},
        )

    def _fill(self, posterior: Posterior) -> None:
        """Write what was found into bilby's result."""
        result, verdict = self.result, posterior.verdict
        result.samples = posterior.flat()
        likelihood = np.asarray(posterior.log_likelihood)
        result.log_likelihood_evaluations = likelihood.ravel()
        result.log_prior_evaluations = (posterior.log_prob - likelihood).ravel()
        result.num_likelihood_evaluations = posterior.cost.log_prob_calls
        result.log_evidence = _or_nan(posterior.log_evidence)
        result.log_evidence_err = _or_nan(posterior.log_evidence_error)
        result.sampler_kwargs = _as_json(self.kwargs)
        result.meta_data = {} if result.meta_data is None else result.meta_data
        result.meta_data["flowmc"] = {
            "verdict": {"ok": bool(verdict.ok), "reasons": list(verdict.reasons)},
            "evidence": {k: list(pair) for k, pair in posterior.evidence.items()},
            "seconds": dict(posterior.cost.seconds),
            "gradient_calls": posterior.cost.gradient_calls,
        }
        if not verdict.ok:
            logger.warning(f"flowmc does not call these draws good. {verdict}")

    def _translate_kwargs(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Rename other samplers' words for ours, in place."""
        kwargs = super()._translate_kwargs(kwargs)
        for own, synonyms in SYNONYMS.items():
            for name in [n for n in synonyms if n in kwargs and n != own]:
                kwargs.setdefault(own, kwargs.pop(name))
        for name in [n for n in self.npool_equiv_kwargs if n in kwargs]:
            self._npool = kwargs.pop(name)
        return kwargs

    def _verify_kwargs_against_default_kwargs(self) -> None:
        """Refuse what has no meaning here; bilby would go on without it."""
        for name in self.kwargs:
            if name not in self.default_kwargs:
                near = difflib.get_close_matches(name, self.default_kwargs, n=1)
                raise ConfigurationError(
                    f"The sampler flowmc takes {', '.join(sorted(self.default_kwargs))}"
                    f"; got {name!r}."
                    + (f" Did you mean {near[0]!r}?" if near else " Leave it out.")
                )


def in_theta(found: Posterior, density: CubeLikelihood) -> Posterior:
    """Return a posterior of the unit cube as one of bilby's parameters.

    The proposals, draws made while adapting, and the model belong to the cube, and are
    left out; the diagnostics of convergence are those found there.
    """
    theta = density.theta_of_all(found.flat())
    shape, likelihood = found.log_prob.shape, found.log_likelihood
    return replace(
        found,
        theta=theta.reshape(found.theta.shape),
        log_prob=likelihood + density.log_prior_of_all(theta).reshape(shape),
        stats={k: v for k, v in found.stats.items() if k in ("kernel", "is_accepted")},
        weighted=None,
        warmup=None,
        saved_model=None,
        config={**found.config, "bounds": density.bounds()},
    )


def _constrained(found: Posterior, fraction: float, spread: float) -> Posterior:
    """Return the posterior with its evidence that of a normalized constrained prior."""
    if fraction == 1.0 or found.log_evidence is None:
        return found
    shift, own = np.log(fraction), spread / fraction
    pairs = {
        method: (value - shift, float(np.hypot(error, own)))
        for method, (value, error) in found.evidence.items()
    }
    error = found.log_evidence_error
    return replace(
        found,
        log_prob=found.log_prob - shift,
        evidence=pairs,
        log_evidence=float(found.log_evidence - shift),
        log_evidence_error=None if error is None else float(np.hypot(error, own)),
    )


def _as_json(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with plain words for what cannot be written to a file."""
    told = {**kwargs, "pool": None if kwargs["pool"] is None else str(kwargs["pool"])}
    if kwargs["schedule"] is not None:
        told["schedule"] = asdict(kwargs["schedule"])
    if not isinstance(kwargs["model"], str | None):
        told["model"] = str(kwargs["model"].description)
    if callable(kwargs["progress"]):
        told["progress"] = True
    return told


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
