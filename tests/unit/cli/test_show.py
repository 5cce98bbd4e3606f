"""What a result looks like, on wide and narrow terminals and as JSON."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console

from flowmc.cli.json_result import result_document, write_json
from flowmc.cli.show import (
    show_findings,
    show_result,
    show_run,
    show_summary,
    show_verdict,
)
from flowmc.results.diagnosis import findings


def text(show, value, *, width=140):
    stream = StringIO()
    show(value, Console(file=stream, width=width))
    return stream.getvalue()


def test_result_says_everything(posterior, capsys):
    show_result(posterior, Path("results/one"), [Path("results/one/posterior.h5")])
    out = capsys.readouterr().out
    for part in (
        "mass",
        "energy",
        "R-hat",
        "ln Z = -12.5000 +- 0.0100",
        "by bridge: -12.5100 +- 0.0200",
        "log-density evaluations",
        "1,200",
        "gradient evaluations",
        "seconds, train",
        "ESS per second",
        "Verdict: good.",
        "Results in results/one: posterior.h5",
    ):
        assert part in out
    assert max(map(len, out.splitlines())) <= 140


def test_narrow_terminal_drops_columns_not_digits(posterior):
    wide = text(lambda value, console: show_summary(value, console), posterior)
    narrow = text(show_summary, posterior, width=80)
    assert "MCSE" in wide
    assert "MCSE" not in narrow
    assert "16%" in narrow
    assert "R-hat" in narrow
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= 80


def test_bad_verdict_lists_reasons(bad_posterior):
    out = text(show_verdict, bad_posterior.verdict)
    assert "Verdict: not good." in out
    assert "- R-hat must be below 1.01; it is 1.2." in out


def test_findings_name_the_worst_parameter(posterior):
    diagnostics = replace(posterior.diagnostics, r_hat=np.array([1.001, np.nan]))
    out = text(show_findings, findings(diagnostics))
    assert "R-hat is nan at worst (spin)" in out
    assert "Acceptance of independence is 60.0 %" in out
    assert "Groups agree." in out


def test_settings_and_their_reasons_are_shown(posterior):
    reasons = {"model": "maf: it beats the [affine] map by 0.8 nats"}
    config = {"pilot": {"acceptance": 0.25, "reasons": reasons}, "reproducible": False}
    out = text(show_run, replace(posterior, config=config))
    assert "it beats the [affine] map by 0.8 nats" in out
    assert "0.25" in out
    assert "Not reproducible" in out
    assert "ESS per 1000 evaluations" in out
    plain = text(show_run, posterior)
    assert "why" not in plain
    assert "Not reproducible" not in plain


def test_json_is_strict_and_complete(posterior, capsys):
    diagnostics = replace(posterior.diagnostics, r_hat=np.array([1.001, np.nan]))
    posterior = replace(posterior, diagnostics=diagnostics)
    document = result_document(posterior, path=Path("o"), files=[Path("o/a")], code=3)
    write_json(document)
    read = json.loads(capsys.readouterr().out)
    assert read["exit_code"] == 3
    assert read["summary"]["spin"]["r_hat"] is None
    assert read["summary"]["mass"]["mean"] == posterior.summary().rows[0][1]
    assert read["log_evidence"] == -12.5
    assert read["cost"]["log_prob_calls"] == 1200
    assert read["cost"]["ess_per_second"] == read["cost"]["ess"] / 4.5
    assert read["modes"] == {"notes": ["Groups agree."]}
    assert read["reproducible"] is True
    assert read["bad_values"] == []
    assert read["verdict"]["ok"] is True
    assert read["files"] == ["a"]
