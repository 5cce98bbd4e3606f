"""Names, labels and ranges as GetDist accepts them; GetDist itself is not needed."""

__all__ = ["Column", "columns_of", "paramnames_text", "properties_text", "ranges_text"]

import re
from dataclasses import dataclass

from flowmc.adapters.chain_rows import is_independent
from flowmc.results.posterior import Posterior

FORBIDDEN = re.compile(r"[\s*?#]")  # wildcards, white space, and a file's comments
UNSAFE_IN_LATEX = re.compile(r"([_%&$#{}])")
UNSAFE_IN_FILE = re.compile(r"[#!]")  # begins a comment; stands for a backslash


@dataclass(frozen=True)
class Column:
    """A parameter, or a derived quantity, in GetDist's terms.

    Attributes:
        name: Without the characters that GetDist forbids, and like no other.
        label: LaTeX without dollar signs.
        is_derived: Whether it is a function of the parameters.
        low, high: Ends of its range, None where there is none or it is not known.
        is_periodic: Whether the ends are one point.
    """

    name: str
    label: str
    is_derived: bool = False
    low: float | None = None
    high: float | None = None
    is_periodic: bool = False

    @property
    def marked_name(self) -> str:
        """The name, with the asterisk that marks what is derived."""
        return f"{self.name}*" if self.is_derived else self.name


def columns_of(posterior: Posterior) -> list[Column]:
    """Return a column for every parameter and then for every derived quantity."""
    names = _safe([*posterior.names, *posterior.derived])
    bounds = posterior.config.get("bounds") or [(None, None)] * len(posterior.names)
    periodic = posterior.config.get("periodic", ())
    columns = [
        Column(
            safe,
            _label(label, name=name),
            low=_finite(bounds[index][0]),
            high=_finite(bounds[index][1]),
            is_periodic=name in periodic,
        )
        for index, (safe, name, label) in enumerate(
            zip(names, posterior.names, posterior.labels, strict=False)
        )
    ]
    rest = zip(names[len(columns) :], posterior.derived, strict=True)
    return [*columns, *(Column(s, _label(n, name=n), is_derived=True) for s, n in rest)]


def paramnames_text(columns: list[Column]) -> str:
    """Return the content of a .paramnames file."""
    lines = [f"{c.marked_name} {UNSAFE_IN_FILE.sub(' ', c.label)}" for c in columns]
    return "\n".join(lines) + "\n"


def ranges_text(columns: list[Column]) -> str:
    """Return the content of a .ranges file: name, low, high, N where there is none."""
    lines = []
    for column in columns:
        ends = (column.low, column.high)
        if ends != (None, None):
            told = ["N" if end is None else repr(end) for end in ends]
            last = ["periodic"] if column.is_periodic else []
            lines.append(" ".join([column.name, *told, *last]))
    return "\n".join([*lines, ""])


def properties_text(posterior: Posterior) -> str:
    """Return the content of a .properties.ini file: what kind of draws these are."""
    return f"burn_removed = True\nsampler = {sampler_kind(posterior)}\n"


def sampler_kind(posterior: Posterior) -> str:
    """Return GetDist's word for the draws: whether neighbours are correlated."""
    return "uncorrelated" if is_independent(posterior) else "mcmc"


def _safe(names: list[str]) -> list[str]:
    """Return names with an underscore for each forbidden character, made distinct."""
    safe: list[str] = []
    for name in names:
        root = FORBIDDEN.sub("_", name)
        taken, number = {*safe, *(other for other in names if other != name)}, 2
        candidate = root
        while candidate in taken:
            candidate, number = f"{root}_{number}", number + 1
        safe.append(candidate)
    return safe


def _label(label: str, *, name: str) -> str:
    """Return a label of LaTeX; a name that is none is set upright, as it is written."""
    if label == name and (len(name) > 1 and UNSAFE_IN_LATEX.search(name)):
        return r"\mathrm{" + UNSAFE_IN_LATEX.sub(r"\\\1", name) + "}"
    return label.strip("$")


def _finite(end: float | None) -> float | None:
    return None if end is None or abs(end) == float("inf") else float(end)
