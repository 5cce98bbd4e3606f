"""Posteriors come back bit for bit, records and all."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from flowmc.core.errors import (
    CheckpointCorruptError,
    CheckpointMismatchError,
    ConfigurationError,
)
from flowmc.core.records import WindowRecord
from flowmc.results.checkpoint import save_checkpoint
from flowmc.results.container import write_container
from flowmc.results.files import OutputWriteError
from flowmc.results.storage import load_posterior
from tests.unit.results.builders import make_posterior


def assert_same(found, expected, where="posterior"):
    assert type(found) is type(expected), where
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype, where
        assert found.shape == expected.shape, where
        assert found.tobytes() == expected.tobytes(), where
    elif is_dataclass(expected):
        for field in fields(expected):
            pair = getattr(found, field.name), getattr(expected, field.name)
            assert_same(*pair, f"{where}.{field.name}")
    elif isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key in expected:
            assert_same(found[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for index, item in enumerate(expected):
            assert_same(found[index], item, f"{where}[{index}]")
    else:
        assert found == expected or (found != found and expected != expected), where


def test_everything_comes_back(tmp_path):
    posterior = make_posterior()
    assert posterior.verdict.ok
    posterior.save(tmp_path / "p ü.h5")
    assert_same(load_posterior(tmp_path / "p ü.h5"), posterior)


def test_the_least_posterior_comes_back(tmp_path):
    posterior = make_posterior(
        log_likelihood=None,
        weighted=None,
        warmup=None,
        saved_model=None,
        derived={},
        stats={},
        log_evidence=None,
        log_evidence_error=None,
        evidence={},
        config={},
        history=(WindowRecord("production", "none", 3),),
    )
    posterior.save(tmp_path / "p.h5")
    assert_same(load_posterior(tmp_path / "p.h5"), posterior)


def test_an_unhappy_posterior_comes_back(tmp_path):
    theta = np.ones((20, 2, 3))
    theta[3, 1, 0] = np.nan
    posterior = make_posterior(theta, verdict_options={"interrupted": True})
    assert not posterior.verdict.ok
    posterior.save(tmp_path / "p.h5")
    assert_same(load_posterior(tmp_path / "p.h5"), posterior)


def test_the_model_is_rebuilt_by_whoever_loads(tmp_path):
    make_posterior().save(tmp_path / "p.h5")
    seen = []

    def rebuild(saved):
        seen.append(saved)
        return "model"

    posterior = load_posterior(tmp_path / "p.h5", rebuild)
    assert not seen
    assert (posterior.model, posterior.model) == ("model", "model")
    assert len(seen) == 1
    assert seen[0].description["family"] == "maf"


def test_saving_replaces_the_file_whole(tmp_path):
    make_posterior(config={"run": 1}).save(tmp_path / "p.h5")
    make_posterior(config={"run": 2}).save(tmp_path / "p.h5")
    assert load_posterior(tmp_path / "p.h5").config == {"run": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["p.h5"]


def test_bad_input_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="config/prior"):
        make_posterior(config={"prior": object()}).save(tmp_path / "p.h5")
    with pytest.raises(OutputWriteError, match="must exist"):
        make_posterior().save(tmp_path / "missing" / "p.h5")
    save_checkpoint(tmp_path / "c.h5", {}, {})
    with pytest.raises(CheckpointMismatchError, match="`posterior` is needed"):
        load_posterior(tmp_path / "c.h5")
    write_container(tmp_path / "e.h5", kind="posterior", arrays={}, document={"a": 1})
    with pytest.raises(CheckpointCorruptError, match="does not describe"):
        load_posterior(tmp_path / "e.h5")
