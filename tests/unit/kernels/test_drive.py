"""Driving a kernel: as many requests as it makes, each answered once."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from flowmc import kernels
from flowmc.core.errors import ConfigurationError
from flowmc.core.types import Evaluation, Request
from flowmc.kernels.drive import drive, evaluate_with
from flowmc.kernels.starts import target_log_prob
from flowmc.sampling.host_stepper import HostStepper
from flowmc.sampling.stepper import GraphStepper
from tests.unit.kernels.targets import log_prob, start


class Climber(NamedTuple):
    position: tf.Tensor
    log_prob: tf.Tensor
    payload: tuple = ()


class Info(NamedTuple):
    is_low: tf.Tensor
    tally: tuple = ()


class TwoStage:
    """Asks twice in one step; the second point depends on the first answer."""

    def init(self, position, log_prob=None, *, payload=()):
        return Climber(tf.convert_to_tensor(position), log_prob, payload)

    def propose(self, state, *, seed):
        return Request(0.5 * state.position, False, {"state": state})

    def complete(self, carry, evaluation, *, seed):
        if "first" not in carry:
            shift = evaluation.log_prob[:, None]
            points = carry["state"].position + shift
            return Request(points, False, {**carry, "first": points})
        moved = Climber(carry["first"], evaluation.log_prob)
        return moved, Info(evaluation.log_prob > -3.0)


def expected():
    second = start() + log_prob(0.5 * start()).numpy()[:, None]
    return second, log_prob(second)


def test_a_kernel_may_ask_again():
    kernel = TwoStage()
    state, _ = drive(
        kernel, kernel.init(start()), evaluate=evaluate_with(log_prob), seed=(1, 2)
    )
    np.testing.assert_allclose(state.position, expected()[0])
    np.testing.assert_allclose(state.log_prob, expected()[1])


def test_both_steppers_answer_every_request():
    kernel, seed = TwoStage(), tf.constant([1, 2])
    x = tf.constant(start())
    graph = GraphStepper(lambda points: (log_prob(points), ()))
    host = HostStepper(lambda points: (log_prob(tf.constant(points)).numpy(), ()))
    for stepper in (graph, host):
        state = stepper.init(kernel, x, log_prob(x))
        state, _ = stepper(kernel, state, seed=seed)
        np.testing.assert_allclose(state.position, expected()[0])


def test_gradients_come_when_asked_for():
    x = tf.constant(start())
    answer = evaluate_with(log_prob)(Request(x, True, None))
    np.testing.assert_allclose(answer.gradient, -start() / [1.0, 4.0])
    assert evaluate_with(log_prob)(Request(x, False, None)).gradient is None


@pytest.mark.parametrize("name", ["random_walk"])
def test_a_kernel_without_target_says_so(name):
    kernel = kernels.make(name)
    with pytest.raises(ConfigurationError, match="without `target_log_prob_fn`"):
        kernel.init(start())


@pytest.mark.parametrize(
    "function",
    [tf.reduce_sum, lambda x: tf.square(x), lambda x: x[:, :1]],
    ids=["sums over the chains", "does not sum", "keeps a dimension"],
)
def test_a_target_of_the_wrong_shape(function):
    with pytest.raises(ConfigurationError, match=r"must map \[n, D\] to \[n\]"):
        target_log_prob(function, tf.constant(start()))


def test_evaluations_are_plain_records():
    assert Evaluation(1.0).gradient is None
    assert Evaluation(1.0).payload == ()
