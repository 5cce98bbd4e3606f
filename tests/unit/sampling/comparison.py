"""When two runs are the same run."""

from typing import Any

import numpy as np


def assert_same_posterior(first: Any, second: Any) -> None:
    """Assert that every number a run returns agrees to the last bit, times apart."""
    for name in ("theta", "log_prob"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for name in ("theta", "log_weight", "num_proposals"):
        ours, theirs = getattr(first.weighted, name), getattr(second.weighted, name)
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(first.warmup.theta, second.warmup.theta)
    assert set(first.stats) == set(second.stats)
    for name, column in first.stats.items():
        np.testing.assert_array_equal(column, second.stats[name], err_msg=name)
    assert first.evidence == second.evidence
    assert first.log_evidence == second.log_evidence
    for name in ("log_prob_calls", "gradient_calls"):
        assert getattr(first.cost, name) == getattr(second.cost, name), name
    assert first.diagnostics.mode_report == second.diagnostics.mode_report
    assert first.verdict.reasons == second.verdict.reasons
    assert first.config["pilot"] == second.config["pilot"]
    assert_same_history(first.history, second.history)
    for path, array in first.saved_model.arrays.items():
        np.testing.assert_array_equal(array, second.saved_model.arrays[path])


def assert_same_history(first: Any, second: Any) -> None:
    """Assert that two runs' windows are the same but for their seconds."""
    assert len(first) == len(second)
    for ours, theirs in zip(first, second, strict=True):
        for name in ("name", "model", "num_steps", "acceptance", "settings", "notes"):
            np.testing.assert_equal(getattr(ours, name), getattr(theirs, name), name)
        if ours.training is not None:
            np.testing.assert_array_equal(
                ours.training.validation_loss, theirs.training.validation_loss
            )


def assert_same_state(first: Any, second: Any) -> None:
    """Assert that two states of a run are the same but for seconds and chunks."""
    from flowmc.sampling.state import join_chunks

    for name in (
        "phase",
        "unit",
        "window",
        "num_log_prob",
        "num_gradient",
        "scalars",
        "modes",
        "pilot",
        "problems",
        "bad_values",
    ):  # NaN is NaN: there is no acceptance before the first move
        np.testing.assert_equal(getattr(first, name), getattr(second, name), name)
    np.testing.assert_array_equal(first.position, second.position)
    np.testing.assert_array_equal(first.log_prob, second.log_prob)
    for table in ("learned", "scout"):
        ours, theirs = getattr(first, table), getattr(second, table)
        assert set(ours) == set(theirs)
        for path, array in ours.items():
            np.testing.assert_array_equal(array, theirs[path], err_msg=path)
    for chunks, others in (
        (first.draws, second.draws),
        (first.warmup, second.warmup),
    ):
        assert bool(chunks) == bool(others)
        if chunks:
            ours, theirs = join_chunks(chunks), join_chunks(others)
            for name, array in vars(ours).items():
                np.testing.assert_array_equal(array, getattr(theirs, name))
    assert_same_history(first.history, second.history)
