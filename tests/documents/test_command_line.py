"""The page on the command line has every command, key and document."""

import re

from flowmc.cli.commands import COMMANDS
from flowmc.cli.json_keys import DOCUMENTS
from flowmc.cli.schema import setting_rows
from flowmc.validation import GROUPS
from tests.documents.pages import DOCS
from tests.documents.test_site import generated


def page():
    source = [(DOCS / "command_line.md").read_text()]
    generated.fill("command_line", source)
    return source[0]


def test_every_command_is_there():
    found = re.findall(r"^\| `flowmc (\w+)[^|]*\| [^|]+ \|", page(), re.MULTILINE)
    assert found == ["run", *COMMANDS]


def test_every_key_is_there_with_its_default():
    text = page()
    for row in setting_rows():
        assert f"| `{row.path}` | {row.kind} |" in text
    assert "| `sample.schedule.train.patience` | integer | `1500` |" in text
    assert "| `target.posterior` | text | required |" in text


def test_every_document_is_there():
    text = page()
    for command, keys in DOCUMENTS.items():
        assert f"`flowmc {command}`" in text
        assert all(f"| `{key}` |" in text for key in keys)


def test_exit_codes_and_groups_are_told():
    text = page()
    codes = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "130", "141"]
    told = re.findall(r"^\| `(\w+)` \| [a-z]", text, re.MULTILINE)
    assert set(GROUPS) <= set(told)


def test_tables_of_the_page_are_whole():
    for table in re.findall(r"(?:^\|.*\|\n)+", page(), re.MULTILINE):
        counts = {row.replace("\\|", "").count("|") for row in table.splitlines()}
        assert len(counts) == 1, table.splitlines()[0]
