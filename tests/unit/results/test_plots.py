"""Figures are drawn for ordinary and awkward posteriors, and saved whole."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from flowmc.results.files import OutputWriteError
from flowmc.results.plot_style import central_range, display_labels, num_bins
from tests.unit.results.builders import draws, history, make_posterior

KINDS = ("plot_corner", "plot_trace", "plot_training")


def texts(figure):
    found = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    return "\n".join(found)


@pytest.fixture(scope="module")
def posterior():
    return make_posterior()


@pytest.mark.parametrize("kind", KINDS)
def test_png_files_are_written(posterior, tmp_path, kind, fine_pictures):
    before = dict(mpl.rcParams)
    figure = getattr(posterior, kind)(tmp_path / "figure.png")
    assert isinstance(figure, Figure)
    content = (tmp_path / "figure.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 20_000
    assert dict(mpl.rcParams) == before
    with pytest.raises(OutputWriteError):
        getattr(posterior, kind)(tmp_path / "missing" / "figure.png")


def test_pyplot_keeps_no_figures(posterior):
    import matplotlib.pyplot as plt

    for kind in KINDS:
        getattr(posterior, kind)()
    assert plt.get_fignums() == []


def test_the_corner_shows_the_centre_and_says_so(posterior):
    theta = posterior.theta.copy()
    theta[0, 0, 0] = -1e6
    figure = make_posterior(theta).plot_corner()
    assert figure.axes[0].get_xlim()[0] > -10
    assert "central 99.9 %" in texts(figure)
    assert "draws lie beyond" in texts(figure)
    assert r"$\ln K_1$" in texts(figure)


def test_quantiles_in_different_modes_are_no_errors():
    theta = draws(num_draws=300, num_chains=8, event_size=2)
    theta[::3, :, 0] += 12.0
    figure = make_posterior(theta, names=("a", "b"), labels=()).plot_corner()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "a\nseparate modes"
    assert "^{+" in titles[3]
    theta[:, :, 0] = draws(1, event_size=1)[:, :, 0]
    theta[::9, :, 0] += 12.0  # the quantiles are those of one mode
    figure = make_posterior(theta, names=("a", "b"), labels=()).plot_corner()
    assert "^{+" in figure.axes[0].get_title()


def test_the_training_figure_tells_losses_and_decisions(posterior):
    figure = posterior.plot_training()
    told = texts(figure)
    for words in ("held out", "affine map", "Refit rolled back", "independence"):
        assert words in told
    assert "No model was trained" in texts(make_posterior(history=()).plot_training())


def test_long_notes_are_cut(posterior):
    window = dataclasses.replace(history()[1], notes=("word " * 80,) * 30)
    figure = make_posterior(history=(window,)).plot_training()
    assert "The last 3 of 31 notes; the report has all:" in texts(figure)
    assert texts(figure).count("warmup 1: ") == 3
    assert figure.get_size_inches()[1] < 9


def test_many_parameters_are_cut():
    theta = draws(num_draws=20, num_chains=2, event_size=22)
    names = tuple(f"p{i}" for i in range(22))
    posterior = make_posterior(theta, names=names, labels=())
    assert "2 further parameters are not shown" in texts(posterior.plot_trace())


@pytest.mark.parametrize("kind", ["plot_corner", "plot_trace"])
@pytest.mark.parametrize("case", ["one", "constant", "nan", "all nan", "tiny", "huge"])
def test_awkward_draws_are_drawn(tmp_path, case, kind):
    theta = draws(num_draws=30, num_chains=2, event_size=2)
    if case == "one":
        theta = theta[:, :1, :1]
    elif case == "constant":
        theta[:, :, 0] = 3.0
    elif case == "nan":
        theta[4, 1, 0] = np.nan
    elif case == "all nan":
        theta[:] = np.nan
    else:
        theta *= {"tiny": 1e-12, "huge": 1e12}[case]
    names = ("x$1", "y_2")[: theta.shape[2]]
    posterior = make_posterior(theta, names=names, labels=())
    getattr(posterior, kind)(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 2_000


def test_labels_fall_back_to_names():
    names = ("a_1", "b$", "c", "d")
    labels = (r"\alpha_1", "b$", r"\broken{", "speed (m/s)")
    assert display_labels(names, labels) == [
        r"$\alpha_1$",
        r"b\$",
        "c",
        "speed (m/s)",
    ]


def test_ranges_are_never_empty():
    assert central_range(np.full(5, 7.0)) == (3.5, 10.5)
    assert central_range(np.zeros(5)) == (-0.5, 0.5)
    assert central_range(np.full(5, np.nan)) == (0.0, 1.0)
    low, high = central_range(np.linspace(0, 1, 100_001))
    assert (low, high) == pytest.approx((0.0005, 0.9995))


def test_bins_follow_the_number_of_draws():
    assert num_bins(10, most=40) == 8
    assert num_bins(1000, most=40) == 20
    assert num_bins(10**6, most=40) == 40
