"""How a study ends: what is printed and saved, and with which status."""

from types import SimpleNamespace

import numpy as np
import pytest

GOOD = ("a", 1.01, 0.02, 1.0, 0.05)
BAD = ("b", 1.2, 0.02, 1.0, 0.05)


@pytest.fixture
def study(load_example, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWMC_QUICK", raising=False)
    return load_example("study")


def posterior(log_evidence=None):
    def save(path):
        path.write_text("x")

    return SimpleNamespace(
        summary=lambda: "the summary",
        verdict="Verdict: good. Every check passed.",
        cost=SimpleNamespace(
            log_prob_calls=12345, gradient_calls=67, seconds={"total": 8.9}
        ),
        log_evidence=log_evidence,
        log_evidence_error=0.25,
        plot_corner=save,
        plot_trace=save,
        plot_training=save,
        save=save,
    )


def test_quick_is_asked_for_by_the_environment(study, monkeypatch):
    assert not study.is_quick()
    monkeypatch.setenv("FLOWMC_QUICK", "0")
    assert not study.is_quick()
    monkeypatch.setenv("FLOWMC_QUICK", "1")
    assert study.is_quick()


def test_what_agrees_is_printed_and_saved(study, capsys, tmp_path):
    study.finish(posterior(log_evidence=-3.5), "mine", [GOOD])
    printed = capsys.readouterr().out
    for part in ("the summary", "Verdict: good", "12,345 evaluations", "67 gradients"):
        assert part in printed
    assert "ln Z = -3.5000 +- 0.2500" in printed
    assert "a: found 1.01 +- 0.02, truth 1, agrees" in printed
    assert "Results in results/mine: corner.png, posterior.h5, trace.png" in printed
    files = sorted(path.name for path in (tmp_path / "results" / "mine").iterdir())
    assert files == ["corner.png", "posterior.h5", "trace.png", "training.png"]


@pytest.mark.parametrize("wrong", [BAD, ("c", float("nan"), 0.1, 1.0, 0.5)])
def test_what_differs_ends_with_status_one(study, capsys, wrong):
    with pytest.raises(SystemExit) as error:
        study.finish(posterior(), "mine", [GOOD, wrong])
    assert error.value.code == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_quick_runs_need_not_agree(study, capsys, monkeypatch):
    monkeypatch.setenv("FLOWMC_QUICK", "1")
    study.finish(posterior(), "mine", [BAD])
    assert "DIFFERS" in capsys.readouterr().out


def test_planes_are_drawn_with_nodes_or_grids(study, tmp_path):
    draws = np.random.default_rng(0).normal(size=(9000, 2))
    nodes = np.linspace(-4, 4, 41)
    x, y = np.meshgrid(nodes, nodes, indexing="ij")
    mass, area = np.exp(-0.5 * (x**2 + y**2)), np.full_like(x, 0.04)
    panels = {
        "by nodes": [draws, nodes, nodes, mass, area],
        "by grid": [draws, x, y, mass, area],
    }
    study.draw_planes("mine", ("$x$", "$y$"), panels)
    assert (tmp_path / "results" / "mine" / "planes.png").stat().st_size > 1000


@pytest.mark.parametrize("share", [0.68, 0.95])
def test_contours_hold_their_share_of_a_normal_law(study, share):
    nodes = np.linspace(-5, 5, 201)
    x, y = np.meshgrid(nodes, nodes, indexing="ij")
    density = np.exp(-0.5 * (x**2 + y**2))
    area = np.ones_like(x)
    level = study._level(density * area, area, share)
    assert level == pytest.approx(1 - share, rel=0.03)
