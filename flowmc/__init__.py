"""Normalizing flows trained while they sample, inside exact MCMC.

`import flowmc` is fast and does not load TensorFlow: every public name is loaded on
first use (PEP 562).
"""

__all__ = [
    "ModelError",
    "Posterior",
    "Schedule",
    "Target",
    "adapters",
    "diagnose",
    "fit",
    "kernels",
    "load",
    "load_model",
    "log_evidence",
    "models",
    "moves",
    "parallel",
    "run_chains",
    "sample",
    "sample_smc",
    "save_model",
    "targets",
]

from importlib import import_module
from typing import Any

from flowmc.core.package_guard import refuse_merged_package
from flowmc.core.quiet import import_tensorflow, is_wanted_quiet
from flowmc.core.threads import ensure_second_thread

refuse_merged_package(__path__)
ensure_second_thread()

__version__ = "0.1.0"

_HOME = {
    "Posterior": "flowmc.results.posterior",
    "Schedule": "flowmc.sampling.settings",
    "Target": "flowmc.targets.target",
    "diagnose": "flowmc.sampling.diagnose",
    "fit": "flowmc.training.fit",
    "load": "flowmc.sampling.loading",
    "load_model": "flowmc.models.saving",
    "log_evidence": "flowmc.sampling.log_evidence",
    "run_chains": "flowmc.sampling.chains",
    "sample": "flowmc.sampling.sample",
    "sample_smc": "flowmc.sampling.sample_smc",
    "save_model": "flowmc.models.saving",
    "ModelError": "flowmc.core.errors",
}
_ROOMS = ("adapters", "kernels", "models", "moves", "parallel", "targets")


# Names whose modules import it anyhow; the others must stay fast.
_WITH_TENSORFLOW = {
    "Target",
    "fit",
    "kernels",
    "load_model",
    "log_evidence",
    "models",
    "moves",
    "run_chains",
    "sample",
    "sample_smc",
    "save_model",
    "targets",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_TENSORFLOW:
        import_tensorflow(quiet=is_wanted_quiet(), opens_devices=False)
    if name in _ROOMS:
        return import_module(f"flowmc.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'flowmc' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
