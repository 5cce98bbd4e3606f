"""Where sampling runs: the device chosen, exact products, memory, strategies."""

import logging
from types import SimpleNamespace

import pytest
import tensorflow as tf

from flowmc.core.errors import ConfigurationError
from flowmc.sampling import device as device_module
from flowmc.sampling.device import place

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
GPU = SimpleNamespace(name="/physical_device:GPU:0", device_type="GPU")


@pytest.fixture
def growth_calls(monkeypatch):
    """Pretend that there is a GPU whose memory can be set; return the calls."""
    calls = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [GPU])
    monkeypatch.setattr(
        tf.config.experimental,
        "set_memory_growth",
        lambda gpu, enable: calls.append((gpu.name, enable)),
    )
    return calls


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [])


def products_are_rounded():
    return tf.config.experimental.tensor_float_32_execution_enabled()


@pytest.mark.parametrize("before", [True, False])
def test_products_are_exact_inside_and_as_before_afterwards(before):
    was_enabled = products_are_rounded()
    try:
        tf.config.experimental.enable_tensor_float_32_execution(before)
        with place("cpu"):
            assert not products_are_rounded()
        assert products_are_rounded() == before
        with pytest.raises(ZeroDivisionError), place("cpu"):
            raise ZeroDivisionError
        assert products_are_rounded() == before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was_enabled)


def test_auto_takes_the_first_gpu_and_cpu_leaves_it(monkeypatch):
    gpus = [SimpleNamespace(name=f"/device:GPU:{index}") for index in range(2)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: gpus)
    # Only what is chosen: there is no such device to enter.
    assert device_module._choose("auto", can_split=False) == ("/device:GPU:0",)
    assert device_module._choose("gpu", can_split=False) == ("/device:GPU:0",)
    assert device_module._choose("cpu", can_split=False) == ("/CPU:0",)


def test_without_a_gpu(no_gpu):
    with place("auto") as names:
        assert names == ("/CPU:0",)
        assert tf.zeros([]).device == CPU
    with pytest.raises(ConfigurationError, match="needs a GPU"), place("gpu"):
        pass


def test_memory_grows_where_it_still_can(growth_calls, no_gpu):
    with place("auto"):
        assert growth_calls == [(GPU.name, True)]


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_memory_already_set_up_is_left_and_told_once(
    error, growth_calls, no_gpu, monkeypatch, caplog
):
    def refuse(gpu, enable):
        raise error("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)
    monkeypatch.setattr(device_module, "_told", set())
    with caplog.at_level(logging.INFO, logger="flowmc"):
        for _ in range(3):
            with place("auto"):
                pass
    assert len(caplog.records) == 1
    assert "cannot be modified" in caplog.records[0].getMessage()


def test_a_strategy_of_one_device_names_it():
    for strategy in (
        tf.distribute.MirroredStrategy(["CPU:0"]),
        tf.distribute.OneDeviceStrategy("/CPU:0"),
    ):
        with place(strategy, can_split=True) as names:
            assert len(names) == 1
            assert tf.zeros([]).device == CPU


def test_a_strategy_needs_a_caller_that_can_split():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with pytest.raises(ConfigurationError, match="`device` must be"), place(strategy):
        pass


def test_a_strategy_of_other_processes_is_refused():
    with (
        pytest.raises(ConfigurationError, match="devices of this process"),
        place(tf.distribute.get_strategy(), can_split=True),
    ):
        pass


def test_an_open_scope_is_refused():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with (
        strategy.scope(),
        pytest.raises(ConfigurationError, match="outside of `strategy.scope"),
        place(strategy, can_split=True),
    ):
        pass
