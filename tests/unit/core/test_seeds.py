"""Stateless seeds: deterministic, distinct, and blind to the global generators."""

import numpy as np
import pytest

from flowmc.core import seeds
from flowmc.core.errors import ConfigurationError


@pytest.mark.parametrize("seed", [0, -1, 2**63, np.int64(7), np.array(7)])
def test_root_seed_is_a_pair_of_int32(seed):
    pair = seeds.root_seed(seed)
    assert pair.shape == (2,)
    assert pair.dtype == np.int32


def test_root_seed_keeps_a_pair():
    pair = np.array([-5, 2**31 - 1], np.int32)
    np.testing.assert_array_equal(seeds.root_seed(pair), pair)
    np.testing.assert_array_equal(seeds.root_seed([1, 2]), [1, 2])


def test_root_seed_is_the_same_on_every_machine():
    """The streams of published runs depend on these numbers."""
    np.testing.assert_array_equal(seeds.root_seed(0), [898161862, 685817869])
    folded = seeds.fold_in(0, "window", 3)
    np.testing.assert_array_equal(folded, [769401610, 12153769])


@pytest.mark.parametrize("seed", [1.0, "0", None, True, [1, 2, 3], [1.0, 2.0]])
def test_bad_seed_is_refused_with_its_value(seed):
    with pytest.raises(ConfigurationError, match="must be an integer or a pair") as e:
        seeds.root_seed(seed)
    assert repr(seed) in str(e.value)


def test_labels_give_distinct_seeds():
    labels = [(), (0,), ("0",), (1,), (0, 1), (1, 0), ("a", "b"), ("ab",), (10,)]
    pairs = {tuple(seeds.fold_in(3, *label)) for label in labels}
    assert len(pairs) == len(labels)


def test_same_label_same_seed():
    np.testing.assert_array_equal(
        seeds.fold_in(3, "train", 2), seeds.fold_in(3, "train", 2)
    )
    assert not np.array_equal(
        seeds.fold_in(3, "train", 2), seeds.fold_in(4, "train", 2)
    )


def test_no_collision_among_many_steps():
    pairs = {tuple(seeds.fold_in(0, "step", i)) for i in range(20_000)}
    assert len(pairs) == 20_000


def test_words_look_uniform():
    words = np.array([seeds.fold_in(1, i) for i in range(4000)]).astype(np.float64)
    unit = words / 2**32 + 0.5
    error = 1.0 / np.sqrt(12 * unit.size)
    assert abs(unit.mean() - 0.5) < 4 * error


def test_generator_is_determined_by_its_seed():
    first = seeds.generator([1, -2]).normal(size=5)
    np.testing.assert_array_equal(first, seeds.generator([1, -2]).normal(size=5))
    assert not np.array_equal(first, seeds.generator([1, -3]).normal(size=5))


def test_global_generator_is_neither_read_nor_changed():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    seeds.generator(seeds.fold_in(0, "x")).normal(size=3)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_split_and_fold_in_step_agree_in_eager_and_compiled_code():
    tf = pytest.importorskip("tensorflow")
    seed = seeds.root_seed(0)

    def derive(seed):
        return tf.stack([*seeds.split(seed, n=3), seeds.fold_in_step(seed, 5)])

    eager = derive(tf.constant(seed)).numpy()
    assert eager.shape == (4, 2)
    assert eager.dtype == np.int32
    assert len({tuple(pair) for pair in eager}) == 4
    for compiled in (tf.function(derive), tf.function(derive, jit_compile=True)):
        np.testing.assert_array_equal(compiled(tf.constant(seed)), eager)
