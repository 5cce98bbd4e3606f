"""Numbers and tables as Markdown."""

__all__ = ["number", "table"]


def number(value: float | None) -> str:
    """Return three digits, or thousands with commas; "-" for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(columns: tuple, lines: list[tuple]) -> str:
    """Return a Markdown table."""
    if not lines:
        return "Nothing was run yet."
    rows = [columns, ("---",) * len(columns), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
