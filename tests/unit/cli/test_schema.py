"""The printed schema is the one that configurations are checked by."""

import inspect
import json
import re
import tomllib
from dataclasses import fields, is_dataclass

import pytest

from flowmc.cli.config import Config, SampleSection, load_config
from flowmc.cli.main import main
from flowmc.cli.schema import annotated_toml, json_schema, setting_rows
from flowmc.sampling.settings import Schedule


def uncommented(text):
    """Switch on every key that is a comment and has a value."""
    return re.sub(r"^# (\[.*\]$|\w+ = )", r"\1", text, flags=re.MULTILINE)


def test_annotated_file_is_the_defaults():
    document = tomllib.loads(annotated_toml())
    found = Config.model_validate(document)
    assert found.sample == SampleSection()
    assert found == Config.model_validate({"target": document["target"]})


def test_every_key_of_the_schedule_is_there_and_accepted(tmp_path):
    path = tmp_path / "all.toml"
    path.write_text(uncommented(annotated_toml()))
    schedule = load_config(path).sample.schedule
    usual = Schedule()
    for field in fields(usual):
        value, found = getattr(usual, field.name), schedule[field.name]
        if is_dataclass(value):
            assert set(found) == {inner.name for inner in fields(value)}
        else:
            assert found == (list(value) if isinstance(value, tuple) else value)


def test_every_key_says_what_it_means():
    rows = setting_rows()
    assert all(row.meaning and row.kind for row in rows)
    assert [row.path for row in rows if row.is_required] == ["target.posterior"]
    assert len(rows) > 40


def test_settings_that_are_unknown_to_the_documents_are_seen():
    text = inspect.getdoc(Schedule)
    assert all(f"{field.name}:" in text for field in fields(Schedule))


def test_json_schema(capsys):
    assert main(["schema", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json_schema()
    sections = found["$defs"]
    assert sections["SampleSection"]["properties"]["seed"]["default"] == 0
    assert sections["TrainSettings"]["properties"]["patience"]["description"]
    assert sections["Schedule"]["additionalProperties"] is False
    references = re.findall(r'"#/\$defs/(\w+)"', json.dumps(found))
    assert set(references) <= set(sections)


@pytest.mark.parametrize("mistake", [{"sample": {"sead": 1}}, {"colour": {}}])
def test_json_schema_refuses_what_the_command_refuses(mistake):
    jsonschema = pytest.importorskip("jsonschema", reason="checks the JSON Schema")
    good = {"target": {"posterior": "a.py:b"}, "sample": {"num_draws": 10}}
    jsonschema.validate(good, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(good | mistake, json_schema())


def test_schema_is_printed_as_toml(capsys):
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == annotated_toml()
