"""A sampler for cobaya, found by its dotted name, `flowmc.adapters.cobaya.FlowMC`.

cobaya takes the public attributes of the class, with their values, for its options.
"""

__all__ = ["FlowMC"]

import os
import re
from typing import Any

import numpy as np

from flowmc.adapters.chain_rows import chain_rows
from flowmc.adapters.cobaya_likelihood import ModelLikelihood
from flowmc.adapters.missing import missing_package
from flowmc.core.checks import check_choice
from flowmc.core.errors import ConfigurationError
from flowmc.results.posterior import Posterior

try:
    from cobaya import mpi
    from cobaya.collection import SampleCollection
    from cobaya.conventions import Extension
    from cobaya.sampler import Sampler
    from cobaya.yaml import yaml_dump_file
except ImportError as error:
    raise missing_package("cobaya>=3.6", extra="cobaya") from error

OWN = {"smc": ("num_particles",), "mcmc": ("num_chains",)}
SHARED = (
    *("num_draws", "kernel", "target_ess", "max_evaluations", "max_seconds"),
    *("device", "progress"),
)
STATE, POSTERIOR = "flowmc-state.h5", "flowmc-posterior.h5"


class FlowMC(Sampler):
    """cobaya's interface to `flowmc.sample_smc`, or to `flowmc.sample`.

    The parameters' priors are annealed from, the likelihoods and the priors given as
    functions towards; what cobaya calls periodic is circular here.  Products: the
    sample, whose weights say how often a draw is repeated, `logZ`, `logZstd`, and the
    whole `flowmc.Posterior` with its verdict.  With an output, its files begin with the
    output's prefix, and `resume` goes on from the last checkpoint.

    Options (None means flowmc's own default):

        method: "smc" (`flowmc.sample_smc`) or "mcmc" (`flowmc.sample`).
        num_particles, num_chains: Of the first and of the second.
        flow: "auto" or a family of flows, flowmc's `model`.
        num_draws, kernel, target_ess, max_evaluations, max_seconds, device, progress:
            As there.
        on_nan: "raise", or "reject": take a likelihood that is not a number for zero.
        seed: Integer; the same seed gives the same draws; None means 0.
    """

    method: str = "smc"
    num_particles: int | None = None
    num_chains: int | None = None
    num_draws: int | None = None
    flow: str = "auto"
    kernel: str = "auto"
    target_ess: float | None = None
    max_evaluations: int | None = None
    max_seconds: float | None = None
    device: str = "auto"
    progress: bool = False
    on_nan: str = "raise"
    seed: int | None = None

    sampler_type: str = "nested"  # how GetDist is to read the files
    supports_periodic_params = True
    # What may differ between a run and the one that resumes it.
    _at_resume_prefer_new = [
        *("version", "sampler_type", "progress", "device", "num_draws"),
        *("target_ess", "max_evaluations", "max_seconds"),
    ]

    def initialize(self) -> None:
        """Check what does not need an evaluation.

        Raises:
            ConfigurationError: An option is unusable, or there are several processes.
        """
        check_choice(self.method, name="method", choices=list(OWN))
        if mpi.size() > 1:
            raise ConfigurationError(
                "flowmc moves all of its chains in one process; this run has "
                f"{mpi.size()} of MPI. Start it without mpirun: threads of the "
                "likelihood's own are what speeds it up."
            )
        if self.method == "mcmc":
            self.sampler_type = self._updated_info["sampler_type"] = "mcmc"
        self.posterior: Posterior | None = None
        self.collection: Any = None

    def run(self) -> None:
        """Sample, and keep the products; write them where there is an output."""
        from flowmc.sampling.sample import sample
        from flowmc.sampling.sample_smc import sample_smc

        likelihood = ModelLikelihood(self.model)
        chosen = {name: getattr(self, name) for name in (*SHARED, *OWN[self.method])}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        if self.output:
            chosen["checkpoint"] = self._path(STATE)
            chosen["resume"] = self.output.is_resuming()
        function: Any = sample_smc if self.method == "smc" else sample
        posterior = function(
            self._target(likelihood),
            model=self.flow,
            seed=0 if self.seed is None else self.seed,
            **chosen,
        )
        self.posterior = posterior
        self.collection = self._collected(posterior, likelihood)
        if self.output:
            posterior.save(self._path(POSTERIOR))
            self._write_evidence(posterior)
        self._tell(posterior)

    def samples(
        self, combined: bool = False, skip_samples: float = 0, to_getdist: bool = False
    ) -> Any:
        """Return the sample, as cobaya's collection or as GetDist's.

        Args:
            combined: Of no effect: there is one sample.
            skip_samples: Of no effect: draws made while adapting are in none.
            to_getdist: Return `getdist.MCSamples`.
        """
        if skip_samples:
            self.log.warning("No draws need be skipped; `skip_samples` is ignored.")
        return self.collection.to_getdist() if to_getdist else self.collection

    def products(
        self, combined: bool = False, skip_samples: float = 0, to_getdist: bool = False
    ) -> dict:
        """Return `sample`, `logZ`, `logZstd`, `posterior`; arguments of `samples`."""
        posterior = self.posterior
        if posterior is None:
            return {}
        return {
            "sample": self.samples(combined, skip_samples, to_getdist),
            "logZ": _or_nan(posterior.log_evidence),
            "logZstd": _or_nan(posterior.log_evidence_error),
            "posterior": posterior,
        }

    @classmethod
    def output_files_regexps(
        cls, output: Any, info: Any = None, minimal: bool = False
    ) -> list[tuple[Any, None]]:
        """Return what cobaya looks for when it resumes, and deletes when forced."""
        prefix = re.escape(f"{output.prefix}.") if output.prefix else ""
        state = (re.compile(rf"{prefix}{re.escape(STATE)}"), None)
        if minimal:
            return [state]
        endings = [re.escape(Extension.evidence.lstrip(".")), r"flowmc-.*"]
        own = [(re.compile(rf"{prefix}{ending}$"), None) for ending in endings]
        return [(output.collection_regexp(name=None), None), *own]

    @classmethod
    def get_version(cls) -> str:
        """Return flowmc's version."""
        import flowmc

        return flowmc.__version__

    def _target(self, likelihood: ModelLikelihood) -> Any:
        from flowmc.targets.target import Target

        names = list(self.model.parameterization.sampled_params())
        labels = self.model.parameterization.labels()
        prior = self.model.prior
        return Target(
            log_likelihood_fn=likelihood,
            prior=dict(zip(names, prior.pdf, strict=True)),
            labels=[str(labels.get(name, name)) for name in names],
            periodic=[names[index] for index in getattr(prior, "_periodic_bounds", ())],
            vectorized=False,
            backend="numpy",
            on_nan=self.on_nan,
        )

    def _collected(self, posterior: Posterior, likelihood: ModelLikelihood) -> Any:
        collection = SampleCollection(
            self.model, self.output, name="1", sample_type=self.sampler_type
        )
        for rows in chain_rows(posterior):
            for weight, theta in zip(rows.weight, rows.values, strict=True):
                parts = likelihood.parts(theta)
                collection.add(
                    theta,
                    logpriors=parts.logpriors,
                    loglikes=parts.loglikes,
                    derived=parts.derived,
                    weight=weight,
                )
        collection.out_update()  # to the output, where there is one
        return collection

    def _write_evidence(self, posterior: Posterior) -> None:
        found = {
            "logZ": _or_nan(posterior.log_evidence),
            "logZstd": _or_nan(posterior.log_evidence_error),
        }
        path = self._path(Extension.evidence.lstrip("."))
        yaml_dump_file(path, found, comment="log-evidence", error_if_exists=False)

    def _path(self, ending: str) -> str:
        prefix = f"{self.output.prefix}." if self.output.prefix else ""
        return os.path.join(self.output.folder, prefix + ending)

    def _tell(self, posterior: Posterior) -> None:
        value, error = posterior.log_evidence, posterior.log_evidence_error
        if value is not None:
            self.log.info("log(Z) = %g +/- %g", value, _or_nan(error))
        tell = self.log.info if posterior.verdict.ok else self.log.warning
        tell("%s", posterior.verdict)


def _or_nan(value: float | None) -> float:
    return float(np.nan) if value is None else float(value)
