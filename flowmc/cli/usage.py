"""One line for a mistake on the command line, as the parser of options tells it."""

__all__ = ["usage_line"]

import re
from difflib import get_close_matches
from typing import Any

# Words of the library that checks values, of no use to whoever typed one.
LEAKED = re.compile(r"Value error, (?=')")
CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<known>'.*')")


def usage_line(error: Any) -> str:
    """Return what is wrong, the nearest name there is, and where to look.

    Args:
        error: The parser's, with `format_message()` and mostly with a context `ctx`.
    """
    message = LEAKED.sub("", " ".join(error.format_message().split())).rstrip(".")
    if found := CHOICE.search(message):
        known = re.findall(r"'([^']*)'", found["known"])
        if close := get_close_matches(found["given"], known, n=1):
            message += f". Did you mean '{close[0]}'?"
    end = "" if message.endswith("?") else "."
    command = getattr(getattr(error, "ctx", None), "command_path", "flowmc")
    return f"{message}{end} Try `{command} --help`."
