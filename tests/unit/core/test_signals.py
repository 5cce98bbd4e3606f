"""One signal asks, two insist, and the caller's handlers come back."""

import os
import signal
import threading

import pytest

from flowmc.core.signals import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_sets_the_flag(number, capfd):
    before = signal.getsignal(number)
    with stop_on_signals() as should_stop:
        assert not should_stop()
        os.kill(os.getpid(), number)
        assert should_stop()
    assert signal.getsignal(number) is before
    assert "stopping at the next checkpoint" in capfd.readouterr().err


def test_only_the_signals_that_are_named_are_heard():
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals(signals=[signal.SIGALRM], notice=False) as should_stop:
        assert signal.getsignal(signal.SIGTERM) is before
        os.kill(os.getpid(), signal.SIGALRM)
        assert should_stop()


def test_second_signal_interrupts_and_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)

    def insist():
        with stop_on_signals(notice=False):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        insist()
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_leave_handlers_alone():
    seen = []

    def work():
        with stop_on_signals() as should_stop:
            seen.append((should_stop(), signal.getsignal(signal.SIGINT)))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
