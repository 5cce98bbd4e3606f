"""What a run leaves behind: draws, diagnostics, verdict, files, figures, report.

Plain NumPy throughout, and no TensorFlow: a result can be read and judged without it.
Names are loaded on first use; ArviZ, matplotlib, corner and h5py only when needed.
"""

__all__ = [
    "Diagnostics",
    "Posterior",
    "SummaryTable",
    "Verdict",
    "WarmupDraws",
    "check_match",
    "compute_diagnostics",
    "judge",
    "load_checkpoint",
    "load_posterior",
    "save_arviz",
    "save_checkpoint",
    "save_posterior",
    "to_arviz",
    "write_report",
]

from importlib import import_module
from typing import Any

_HOME = {
    "Diagnostics": "diagnostics",
    "Posterior": "posterior",
    "SummaryTable": "summary",
    "Verdict": "verdict",
    "WarmupDraws": "posterior",
    "check_match": "checkpoint",
    "compute_diagnostics": "diagnostics",
    "judge": "verdict",
    "load_checkpoint": "checkpoint",
    "load_posterior": "storage",
    "save_arviz": "arviz_data",
    "save_checkpoint": "checkpoint",
    "save_posterior": "storage",
    "to_arviz": "arviz_data",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'flowmc.results' has no attribute '{name}'")
    return getattr(import_module(f"flowmc.results.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
