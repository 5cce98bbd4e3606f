"""Each option of `fit` does what its sentence says."""

import numpy as np
import pytest
import tensorflow as tf

from flowmc import models
from flowmc.core.errors import ConfigurationError, TrainingError
from flowmc.core.records import History
from flowmc.core.seeds import root_seed
from flowmc.results.storage import window_record
from flowmc.training.adam import Adam
from flowmc.training.batches import shuffled_rows
from flowmc.training.fit import fit
from flowmc.training.history import TrainingHistory
from flowmc.training.scalars import ScalarWriter
from flowmc.training.schedules import Plateau, cosine
from flowmc.training.split import split_rows
from flowmc.training.trainer import Trainer


def small(event_size=2):
    return models.make(
        "maf", event_size=event_size, num_layers=1, hidden_units=[8], seed=0
    )


def draws(n=400, event_size=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, event_size))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One fit by a plateau, with TensorBoard: events, history, model."""
    folder = tmp_path_factory.mktemp("scalars")
    model, reports = small(), []
    history = fit(
        model,
        draws(),
        schedule="plateau",
        patience=300,
        learning_rate=0.05,
        max_steps=5000,
        tensorboard=folder,
        baseline=models.make("gaussian", event_size=2),
        progress=lambda *report: reports.append(report),
    )
    return folder, history, model, reports


def test_plateau_lowers_the_rate_and_says_so(trained):
    _, history, _, _ = trained
    lowered = [event for event in history.events if "learning rate lowered" in event]
    assert lowered
    assert "0.015" in lowered[0]
    assert history.stop_reason == "no smaller held-out loss for 300 steps"
    assert int(history.steps[-1]) - history.best_step == 300


def test_tensorboard_finds_every_scalar(trained):
    folder, history, _, _ = trained
    (path,) = folder.glob("events.out.tfevents.*")
    found = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            number = float(tf.make_ndarray(value.tensor))
            found.setdefault(value.tag, []).append((event.step, number))
    assert set(found) == {"loss/training", "loss/held_out", "learning_rate"}
    steps, values = zip(*found["loss/held_out"], strict=True)
    np.testing.assert_array_equal(steps, history.steps[1:])
    np.testing.assert_allclose(values, history.validation_loss[1:], rtol=1e-6)
    rates = [rate for _, rate in found["learning_rate"]]
    assert rates[0] == pytest.approx(0.05)
    assert rates[-1] < rates[0]


def test_progress_is_reported_after_every_segment(trained):
    _, history, _, reports = trained
    assert [done for _, done, _, _ in reports] == list(history.steps[1:])
    assert {(phase, total) for phase, _, total, _ in reports} == {("train", 5000)}


def test_history_is_drawn_written_and_read(trained, tmp_path):
    _, history, _, _ = trained
    figure = history.plot(tmp_path / "training.png")
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["training", "held out", "kept weights", "affine map"]
    assert f"held-out loss {history.best_loss:.4g} (affine map" in str(history)
    assert history.events[0] in str(history)
    assert "array" not in repr(history)
    assert len(repr(history)) < 100


def test_history_has_no_field_that_storage_does_not_know():
    assert TrainingHistory.__dataclass_fields__.keys() == (
        History.__dataclass_fields__.keys()
    )


def test_kept_weights_are_those_of_the_smallest_held_out_loss(trained):
    _, history, _, _ = trained
    best = int(np.argmin(history.validation_loss))
    assert history.best_step == history.steps[best]
    assert history.best_loss == history.validation_loss[best]


def test_warm_restart_goes_on_from_weights_and_moments():
    model = small()
    trainer = Trainer(model, batch_size=64)
    first = fit(model, draws() ** 3, trainer=trainer, max_steps=100)
    moments = [variable.numpy() for variable in trainer.adam.variables]
    options = {"trainer": trainer, "whiten": False, "capacity": 512}
    second = fit(model, draws() ** 3, max_steps=100, **options)
    assert second.validation_loss[0] == pytest.approx(first.best_loss, rel=1e-9)
    assert max(np.abs(m).max() for m in moments) > 0.0
    assert int(trainer.adam._count) == 200
    with pytest.raises(ConfigurationError, match="one of this model and this loss"):
        fit(small(), draws(), trainer=trainer)


def test_cosine_falls_from_one_to_a_fiftieth():
    share = cosine(np.arange(0, 1001), 1000)
    assert share[0] == 1.0
    assert share[500] == pytest.approx(0.51)
    assert share[-1] == pytest.approx(0.02)
    assert np.all(np.diff(share) < 0.0)


def test_plateau_waits_and_then_starts_to_count_again():
    plateau = Plateau(wait=200, factor=0.5)
    losses = [3.0, 2.0, 2.5, 2.1, 2.2, 2.3, 1.0, 1.0]
    factors = [plateau.observe(100 * i, loss) for i, loss in enumerate(losses)]
    assert factors == [1.0, 1.0, 1.0, 0.5, 1.0, 0.5, 1.0, 1.0]


def test_weight_decay_shrinks_matrices_and_nothing_else():
    matrix, vector = tf.Variable(np.ones((2, 2))), tf.Variable(np.ones(2))
    adam = Adam([matrix, vector], clip_norm=1.0, weight_decay=0.5)
    zeros = [tf.zeros_like(matrix), tf.zeros_like(vector)]
    adam.apply(zeros, learning_rate=tf.constant(0.1, tf.float64))
    np.testing.assert_allclose(matrix, 0.95)
    np.testing.assert_array_equal(vector, 1.0)


@pytest.mark.parametrize(("num_rows", "batch_size"), [(100, 32), (5, 32), (1, 4)])
def test_every_row_is_used_before_any_is_used_again(num_rows, batch_size):
    rows = shuffled_rows(
        num_rows, num_steps=50, batch_size=batch_size, seed=root_seed(0)
    )
    assert rows.shape == (50, batch_size)
    counts = np.bincount(rows.reshape(-1), minlength=num_rows)
    assert counts.max() - counts.min() <= 1
    epoch = rows.reshape(-1)[:num_rows]
    assert len(set(epoch.tolist())) == num_rows


def held_out(x, **options):
    settings = {
        "split_by": None,
        "validation_fraction": 0.2,
        "seed": root_seed(1),
        **options,
    }
    kept, held = split_rows(x, **settings)
    assert sorted([*kept, *held]) == list(range(len(x)))
    return kept, held


def test_copies_are_never_on_both_sides():
    x = np.repeat(draws(200), 5, axis=0)
    kept, held = held_out(x)
    assert len(held) == 200
    assert not set(map(tuple, x[kept])) & set(map(tuple, x[held]))


def test_groups_are_held_out_whole():
    ancestor = np.random.default_rng(0).integers(0, 40, size=1000)
    kept, held = held_out(draws(1000), split_by=[f"chain {a}" for a in ancestor])
    assert not set(ancestor[kept]) & set(ancestor[held])
    assert abs(len(held) - 200) <= 25


@pytest.mark.parametrize("split_by", [[0, 0, 0, 0], [0, 0, 0, 1], None])
def test_few_groups_still_leave_both_sides_something(split_by):
    kept, held = held_out(np.ones((4, 2)), split_by=split_by)
    assert len(kept) >= 1
    assert len(held) >= 1


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"split_by": [1, 2]}, TrainingError, "400 group labels.*\\[2\\]"),
        ({"schedule": "steps"}, ConfigurationError, "one of cosine, plateau"),
        (
            {"learning_rate": 0.0},
            ConfigurationError,
            "`learning_rate` must be positive",
        ),
        ({"batch_size": 0}, ConfigurationError, "`batch_size` must be at least 1"),
        ({"patience": 0}, ConfigurationError, "`patience` must be at least 1"),
        ({"max_steps": 1.5}, ConfigurationError, "`max_steps` must be an integer"),
        ({"validation_fraction": 1.0}, ConfigurationError, "strictly between 0 and 1"),
        ({"loss": "luck"}, ConfigurationError, "known are: .*fisher.*forward_kl"),
    ],
)
def test_bad_options_are_named(options, error, text):
    with pytest.raises(error, match=text):
        fit(small(), draws(), **options)


def test_a_tensorboard_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="`tensorboard` must name a folder"):
        ScalarWriter(tmp_path / "file" / "folder")


def test_stored_window_reads_a_history_back(trained):
    _, history, _, _ = trained
    values = {name: getattr(history, name) for name in History.__dataclass_fields__}
    stored = {"name": "w", "model": "maf", "num_steps": 1, "notes": []}
    record = window_record(
        {**stored, "training": {**values, "events": list(history.events)}}
    )
    assert record.training.best_loss == history.best_loss
