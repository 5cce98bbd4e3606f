"""Every kind of mistake in a configuration is one line with the key's path."""

import inspect
import tomllib

import pytest

from flowmc.cli.config import SampleSection, load_config
from flowmc.cli.toml_writer import to_toml
from flowmc.core.errors import ConfigurationError

GOOD = """
[target]
posterior = "line.py:line"
arguments = { slope = 2.0 }
[sample]
num_draws = 50
target_ess = 400
"""


def write(folder, text):
    path = folder / "run.toml"
    path.write_text(text)
    return path


def message(folder, text):
    with pytest.raises(ConfigurationError) as caught:
        load_config(write(folder, text))
    told = str(caught.value)
    assert "\n" not in told
    return told


def with_sample(line):
    return f'[target]\nposterior = "a.py:b"\n[sample]\n{line}\n'


def test_reads_values_and_defaults(tmp_path):
    config = load_config(write(tmp_path, GOOD))
    assert config.target.posterior == "line.py:line"
    assert config.target.arguments == {"slope": 2.0}
    assert config.sample.num_draws == 50
    assert config.sample.target_ess == 400.0
    assert config.sample.num_chains == 64
    assert config.sample.max_evaluations is None
    assert config.output.plots
    assert config.folder == tmp_path.resolve()


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("num_drawz = 5", ["`sample.num_drawz`", "did you mean `num_draws`"]),
        ("colour = 5", ["`sample.colour` is not a known key.", "num_chains, model"]),
        ("num_draws = 'many'", ["`sample.num_draws`", "valid integer", "'many'"]),
        ("num_draws = true", ["`sample.num_draws`", "valid integer", "True"]),
        ("num_draws = 1.5", ["`sample.num_draws`", "valid integer", "1.5"]),
        ("num_draws = 0", ["`sample.num_draws`", "greater than or equal to 1", "0"]),
        ("num_chains = 1", ["`sample.num_chains`", "greater than or equal to 2"]),
        ("target_ess = -1.0", ["`sample.target_ess`", "greater than 0", "-1.0"]),
        ("max_seconds = inf", ["`sample.max_seconds`", "finite", "inf"]),
        ("device = 'tpu'", ["`sample.device`", "'auto', 'cpu' or 'gpu'", "'tpu'"]),
        ("initial = [[1.0], 2.0]", ["`sample.initial.1`", "valid list", "2.0"]),
        ("schedule = 3", ["`sample.schedule`", "must be a table", "3"]),
        (
            "schedule = {windowz = [1]}",
            ["`sample.schedule.windowz`", "did you mean `windows`"],
        ),
        (
            "schedule = {train = {patience = 'long'}}",
            ["`sample.schedule.train.patience`", "an integer", "'long'"],
        ),
    ],
)
def test_wrong_sample_key_is_named(tmp_path, line, parts):
    told = message(tmp_path, with_sample(line))
    assert all(part in told for part in parts), told


def test_sample_section_is_the_signature_of_the_sampler():
    from flowmc.sampling.sample import sample

    not_in_a_file = {"target", "progress", "checkpoint", "resume", "should_stop"}
    parameters = inspect.signature(sample).parameters
    expected = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in not_in_a_file
    }
    assert SampleSection().arguments == expected


def test_with_smc_it_is_the_signature_of_that_sampler():
    from flowmc.sampling.sample_smc import sample_smc

    not_in_a_file = {"target", "progress", "checkpoint", "resume", "should_stop"}
    parameters = inspect.signature(sample_smc).parameters
    expected = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in not_in_a_file
    }
    assert SampleSection(sampler="smc").arguments == expected


@pytest.mark.parametrize(
    "line", ["num_particles = 64", 'sampler = "smc"\nnum_chains = 8']
)
def test_a_key_of_the_other_sampler_is_named(tmp_path, line):
    told = message(tmp_path, with_sample(line))
    assert "does not go with sampler =" in told


def test_unknown_section_lists_the_known_ones(tmp_path):
    told = message(tmp_path, GOOD + "[samples]\nx = 1\n")
    assert "`samples` is not a known key; did you mean `sample`?" in told
    assert "Known sections: target, sample, output." in told


def test_missing_target_and_missing_key(tmp_path):
    assert "`target` is missing" in message(tmp_path, "[sample]\nseed = 1\n")
    assert "`target.posterior` is missing" in message(tmp_path, "[target]\n")


def test_misspelt_key_comes_before_the_missing_one(tmp_path):
    told = message(tmp_path, '[target]\nposterier = "a.py:b"\n')
    assert "`target.posterier` is not a known key" in told
    assert "(1 more error)" in told


@pytest.mark.parametrize("name", ["line.py", "line.py:", ":line", "line.py:a-b", ""])
def test_posterior_needs_a_file_and_a_name(tmp_path, name):
    told = message(tmp_path, f'[target]\nposterior = "{name}"\n')
    assert "`target.posterior` must have the form `file.py:function`" in told


def test_section_that_is_no_table(tmp_path):
    assert "`target` must be a table; got 3" in message(tmp_path, "target = 3\n")


def test_not_toml_names_the_line(tmp_path):
    told = message(tmp_path, "[target\n")
    assert "must be a TOML file" in told
    assert "line 1" in told


def test_binary_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="must be a TOML file"):
        load_config(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no .*absent.toml"):
        load_config(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationError, match="must be readable"):
        load_config(tmp_path)


def test_long_values_are_cut(tmp_path):
    told = message(tmp_path, with_sample(f"num_draws = '{'x' * 500}'"))
    assert len(told) < 300


def test_resolved_is_itself_a_configuration(tmp_path):
    config = load_config(write(tmp_path, GOOD + "schedule = {num_local = 7}\n"))
    out = tmp_path / "results" / "one"
    out.mkdir(parents=True)
    document = config.resolved(relative_to=out)
    assert document["target"]["posterior"] == "../../line.py:line"
    # What is not given follows from the target, and does so again.
    assert document["sample"]["schedule"] == {"num_local": 7}
    again = load_config(write(out, to_toml(document)))
    assert again.resolved(relative_to=out) == document


def test_resolved_leaves_modules_alone(tmp_path):
    config = load_config(write(tmp_path, '[target]\nposterior = "a.b:c"\n'))
    assert config.resolved(relative_to=tmp_path)["target"]["posterior"] == "a.b:c"


def test_seed_of_the_command_line_wins(tmp_path):
    config = load_config(write(tmp_path, with_sample("seed = 4")))
    assert config.with_seed(None).sample.seed == 4
    changed = config.with_seed(9)
    assert changed.sample.seed == 9
    assert changed.folder == config.folder
    assert config.sample.seed == 4


def test_toml_text_reads_back():
    document = {
        "text": 'a "quoted" \\ line\nwith ünicode \x7f',
        "numbers": [1, -2.5, 1e-300, float("inf")],
        "flag": False,
        "unset": None,
        "odd key": {"inner": {"list": [{"a": 1, "b": [True]}]}},
        "empty": {},
    }
    text = to_toml(document, header="Two\nlines")
    assert text.startswith("# Two\n# lines\n")
    assert "# unset is not set" in text
    expected = {key: value for key, value in document.items() if key != "unset"}
    assert tomllib.loads(text) == expected
