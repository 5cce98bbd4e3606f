"""The ladder figure: of runs with temperatures, and a sentence for those without."""

import numpy as np
import pytest

from flowmc.core.errors import ConfigurationError
from flowmc.core.records import WindowRecord
from flowmc.results.diagnostics import compute_diagnostics
from flowmc.results.posterior import Posterior
from flowmc.results.verdict import Verdict


def posterior(history, **fields):
    theta = np.random.default_rng(0).normal(size=(50, 1, 2))
    return Posterior(
        theta=theta,
        log_prob=np.zeros((50, 1)),
        names=("a", "b"),
        diagnostics=compute_diagnostics(theta, names=("a", "b")),
        verdict=Verdict(ok=True),
        history=history,
        **fields,
    )


def temperature(number, b):
    return WindowRecord(
        name=f"temperature {number}",
        model="gaussian",
        num_steps=6,
        acceptance={"local": 0.4, "jump": 0.5} if number else {},
        settings={"inverse_temperature": b, "ess": 900.0, "log_evidence": -b},
    )


def test_it_is_drawn_and_saved(tmp_path):
    levels = [temperature(k, b) for k, b in enumerate((0.0, 0.1, 1.0))]
    run = posterior((*levels, WindowRecord("refine 1", "maf", 12)))
    figure = run.plot_ladder(tmp_path / "ladder.png")
    assert (tmp_path / "ladder.png").stat().st_size > 1000
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert set(titles) >= {"inverse temperature b", "acceptance", "ln Z so far"}
    run.report(tmp_path / "report.html")
    assert "Temperatures" in (tmp_path / "report.html").read_text()


def test_axes_say_what_they_show():
    levels = tuple(temperature(k, b) for k, b in enumerate((0.0, 0.1, 1.0)))
    run = posterior(levels, evidence={"importance": (-0.9, 0.05), "smc": (-1.0, 0.1)})
    axes = {a.get_title(loc="left"): a for a in run.plot_ladder().axes}
    assert axes["effective states"].get_ylim()[0] == 0.0
    assert axes["acceptance"].get_xlabel() == "step of the ladder"
    (told,) = axes["ln Z so far"].get_legend().get_texts()
    assert told.get_text() == "importance sampling: -0.900 ± 0.050"
    (band,) = axes["ln Z so far"].patches
    assert band.get_extents().height > 0.0
    bare = posterior(levels).plot_ladder()
    assert not any(a.patches for a in bare.axes)


def test_a_run_without_temperatures_is_told_what_to_use():
    with pytest.raises(ConfigurationError, match="sample_smc"):
        posterior(()).plot_ladder()
