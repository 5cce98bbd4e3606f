"""Records are frozen, plain, and share no mutable default."""

import dataclasses

import numpy as np
import pytest

from flowmc.core import records

HISTORY = records.History(
    steps=np.array([10, 20]),
    train_loss=np.array([1.0, 0.5]),
    validation_loss=np.array([1.1, 0.7]),
    best_step=20,
    best_loss=0.7,
    stop_reason="patience ran out",
)
RECORDS = [
    HISTORY,
    records.WindowRecord("warmup 1", "maf", 100, training=HISTORY),
    records.Cost(),
    records.WeightedDraws(np.zeros((2, 1)), np.zeros(2), num_proposals=3),
    records.SavedModel({"name": "maf"}, {"w": np.zeros(2)}),
]


def test_a_cost_is_printed_in_round_numbers():
    cost = records.Cost(1234567, 890, {"train": 20.249999999997, "total": 4061.54321})
    assert str(cost) == (
        "Cost(1,234,567 log-density evaluations, 890 gradients; seconds: train 20.2, "
        "total 4,061.5)"
    )
    assert "seconds: not known" in str(records.Cost())


def test_every_record_is_here():
    assert {type(record).__name__ for record in RECORDS} == set(records.__all__)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_record_is_frozen(record):
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_record_is_plain(record):
    def check(value):
        if isinstance(value, dict):
            for item in value.values():
                check(item)
        elif isinstance(value, tuple):
            for item in value:
                check(item)
        else:
            assert value is None or isinstance(value, str | int | float | np.ndarray)

    check(dataclasses.asdict(record))


def test_defaults_are_not_shared():
    first, second = records.Cost(), records.Cost()
    assert first.seconds is not second.seconds
    one, two = (records.WindowRecord("a", "maf", 1) for _ in range(2))
    assert one.acceptance is not two.acceptance
    assert one.settings is not two.settings


def test_optional_parts_of_a_history():
    assert HISTORY.baseline_loss is None
    assert HISTORY.events == ()
    assert HISTORY.seconds == 0.0
