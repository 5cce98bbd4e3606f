"""One sentence for the first mistake in a configuration, with the key's path."""

__all__ = ["describe", "nearest"]

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

UNKNOWN_KEY = "extra_forbidden"


def describe(errors: Sequence[Mapping[str, Any]], *, model: Any) -> str:
    """Return one sentence for pydantic's list of errors.

    An unknown key comes first: a misspelt key is often also "missing".

    Args:
        errors: What `ValidationError.errors()` returned.
        model: The top pydantic class, in which the keys are looked up.
    """
    ordered = sorted(errors, key=lambda error: error["type"] != UNKNOWN_KEY)
    first, rest = ordered[0], len(ordered) - 1
    others = "" if not rest else f" ({rest} more error{'s' * (rest > 1)})"
    return _sentence(first, model) + others


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean `x`?" for the closest known name, or an empty string."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _sentence(error: Mapping[str, Any], model: Any) -> str:
    location = error["loc"]
    path = ".".join(map(str, location))
    if error["type"] == UNKNOWN_KEY:
        known = _fields(model, location[:-1])
        guess = nearest(str(location[-1]), known) or "."
        kind = "keys" if location[:-1] else "sections"
        return f"`{path}` is not a known key{guess} Known {kind}: {', '.join(known)}."
    if error["type"] == "missing":
        return f"`{path}` is missing; add it."
    if error["type"] == "string_pattern_mismatch":
        rule = "must have the form `file.py:function` or `package.module:function`"
    elif error["type"] in ("model_type", "dict_type"):
        rule = "must be a table"
    else:
        rule = error["msg"].replace("Input should be", "must be")
        rule = rule[0].lower() + rule[1:]
    return f"`{path}` {rule}; got {_shown(error['input'])}."


def _fields(model: Any, location: tuple) -> list[str]:
    for key in location:
        model = model.model_fields[key].annotation
    return list(model.model_fields)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
