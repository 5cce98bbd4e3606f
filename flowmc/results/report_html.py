"""Small pieces of HTML: escaped text, tables, inline figures, the page around them."""

__all__ = [
    "bullets",
    "figure",
    "heading",
    "page",
    "paragraph",
    "preformatted",
    "table",
]

import base64
from collections.abc import Iterable, Sequence
from html import escape

_CSS = """
:root { --ink: #22313f; --grey: #66727f; --line: #dfe4e9; --paper: #fff;
        --back: #f4f6f8; --accent: #0b6e99; --good: #1b7f4d; --bad: #b3392f; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); line-height: 1.5;
       font-family: "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; font-weight: 650; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 0 0 .75rem; color: var(--accent); }
section { background: var(--paper); border: 1px solid var(--line); margin-top: 1.25rem;
          border-radius: 8px; padding: 1.1rem 1.35rem; overflow-x: auto; }
section.good { border-left: 6px solid var(--good); }
section.bad { border-left: 6px solid var(--bad); }
section.good h2 { color: var(--good); } section.bad h2 { color: var(--bad); }
p { margin: .35rem 0; max-width: 46rem; } .grey { color: var(--grey); }
ul { margin: .35rem 0; padding-left: 1.2rem; } li { margin: .3rem 0; }
table { border-collapse: collapse; font-size: .88rem; margin: .35rem 0 .6rem;
        font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .75rem .28rem 0; text-align: right; vertical-align: top;
         border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--grey); font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
table.text td { white-space: normal; text-align: left; }
table.text th { text-align: left; }
figure { margin: .25rem 0 0; text-align: center; }
img { max-width: 100%; height: auto; }
pre { background: var(--back); border-radius: 6px; padding: .8rem 1rem;
      margin: .35rem 0; font-size: .82rem; overflow-x: auto; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""


def page(*, title: str, lead: str, sections: Iterable[tuple[str, str]]) -> str:
    """Return a whole document.

    Args:
        title: Plain text of title and heading.
        lead: Plain text below it.
        sections: Pairs of a CSS class ("", "good", "bad") and ready HTML.
    """
    body = "\n".join(
        f'<section class="{escape(name)}">\n{content}\n</section>'
        for name, content in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f'<main>\n<h1>{escape(title)}</h1>\n<p class="grey">{escape(lead)}</p>\n'
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """Return a section heading."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, *, grey: bool = False) -> str:
    """Return a paragraph of plain text."""
    name = ' class="grey"' if grey else ""
    return f"<p{name}>{escape(text)}</p>"


def preformatted(text: str) -> str:
    """Return text in which spaces and line ends count."""
    return f"<pre>{escape(text)}</pre>"


def bullets(items: Iterable[str]) -> str:
    """Return a list of plain sentences."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, is_text: bool = False
) -> str:
    """Return a table of plain text; numbers align right unless `is_text`."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    name = ' class="text"' if is_text else ""
    return f"<table{name}>\n<tr>{head}</tr>\n{body}\n</table>"


def figure(png: bytes, *, caption: str) -> str:
    """Return a PNG file as an image inside the page."""
    data = base64.b64encode(png).decode("ascii")
    alt = escape(caption, quote=True)
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{data}"></figure>'
