"""Size and habits of every module, and proof that each checker can fail."""

import pytest

from tests.architecture import budgets, habits
from tests.architecture.source import parse, read_package

MEDIAN_BUDGET = 140

HEAD = '"""A module."""\n\n__all__ = []\n\n'
LONG_BODY = "".join(f"    x = {i}\n" for i in range(budgets.FUNCTION_BUDGET + 1))
METHODS = "".join(
    f"    def method_{i}(self): ...\n" for i in range(budgets.CLASS_BUDGET + 1)
)

# checker, a text that breaks its rule, a text nearest to it that keeps the rule
CHECKERS = {
    "long file": (
        budgets.long_files,
        HEAD + "x = 1\n" * (budgets.FILE_BUDGET - 3),
        HEAD + "x = 1\n" * (budgets.FILE_BUDGET - 4),
    ),
    "long function": (
        budgets.long_functions,
        "def f():\n" + LONG_BODY,
        'def f():\n    """Do it.\n\n    At\n    length.\n    """\n    # why\n\n'
        + LONG_BODY.removesuffix(f"    x = {budgets.FUNCTION_BUDGET}\n"),
    ),
    "long method in a class": (
        budgets.long_functions,
        "class A:\n    def f(self):\n" + LONG_BODY.replace("    x", "        x"),
        "class A:\n    def f(self):\n        pass\n",
    ),
    "wide class": (
        budgets.wide_classes,
        "class A:\n" + METHODS,
        "class A:\n"
        + METHODS.replace("def method_0", "def _method_0").replace(
            "    def method_1", "    @property\n    def method_1"
        ),
    ),
    "no __all__": (habits.missing_exports, '"""A."""\nx = 1\n', '"""A."""\n__all__=[]'),
    "late __all__": (
        habits.missing_exports,
        '"""A."""\nimport os\n__all__ = ["os"]\n',
        '"""A."""\n__all__ = ["os"]\nimport os\n',
    ),
    "no docstring": (habits.missing_exports, "__all__ = []\n", HEAD),
    "unsorted __all__": (
        habits.missing_exports,
        '"""A."""\n__all__ = ["b", "a"]\na = b = 1\n',
        '"""A."""\n__all__: list[str] = ["a", "b"]\na = b = 1\n',
    ),
    "export of nothing": (
        habits.missing_exports,
        '"""A."""\n__all__ = ["absent"]\n',
        '"""A."""\n__all__ = ["lazy"]\ndef __getattr__(name): ...\n',
    ),
    "print": (habits.prints, "print(1)", "console.print(1)  # print(2)"),
    "assert": (habits.asserts, "assert x", "'assert x'"),
    "np.random draw": (
        habits.global_generators,
        "x = np.random.normal(3)",
        "x = np.random.Generator(np.random.Philox(3)).normal()",
    ),
    "np.random.seed": (habits.global_generators, "np.random.seed(0)", "f.seed(0)"),
    "imported draw": (
        habits.global_generators,
        "from numpy.random import normal",
        "from numpy.random import Generator, Philox",
    ),
    "numpy's random by name": (
        habits.global_generators,
        "from numpy import random",
        "from numpy import linalg",
    ),
    "stdlib random": (habits.global_generators, "import random", "import randomize"),
    "unseeded default_rng": (
        habits.global_generators,
        "rng = np.random.default_rng()",
        "rng = np.random.default_rng(3)",
    ),
    "tf.random draw": (
        habits.global_generators,
        "x = tf.random.normal([3])",
        "x = tf.random.stateless_normal([3], s)\n"
        "y = tf.random.experimental.stateless_split(s)",
    ),
    "tf.random.set_seed": (habits.global_generators, "tf.random.set_seed(0)", "0"),
    "pickle": (habits.pickles, "import pickle", "import pickler"),
    "dill": (habits.pickles, "def f():\n    import dill", "import dull"),
    "allow_pickle": (
        habits.pickles,
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=False)",
    ),
    "unseeded draw": (
        habits.unseeded_draws,
        "x = distribution.sample(3)",
        "x = distribution.sample(3, seed=s); y = f.sample(3, **settings)",
    ),
    "stub": (habits.stubs, "raise NotImplementedError", "x = NotImplementedError"),
    "stub with a message": (habits.stubs, "raise NotImplementedError('x')", "raise E"),
    "to do": (habits.stubs, "x = 1  # TODO: y", "x = 'TODO'"),
}


@pytest.mark.parametrize("name", CHECKERS)
def test_checker_sees_a_planted_violation_and_nothing_else(name):
    checker, bad, good = CHECKERS[name]
    assert checker(parse(bad))
    assert not checker(parse(good))


@pytest.mark.parametrize(
    "checker",
    sorted({entry[0] for entry in CHECKERS.values()}, key=lambda c: c.__name__),
    ids=lambda checker: checker.__name__,
)
def test_package_keeps_the_rule(checker):
    violations = [line for module in read_package() for line in checker(module)]
    assert not violations, "\n".join(violations)


def test_every_checker_is_tried():
    written = {*budgets.__all__, *habits.__all__}
    functions = {n for n in written if n.islower()} - {"median_file_length"}
    assert functions == {entry[0].__name__ for entry in CHECKERS.values()}


def test_files_are_short_on_the_whole():
    modules = read_package()
    assert len(modules) > 20, "the package was not found"
    assert budgets.median_file_length(modules) <= MEDIAN_BUDGET


def test_median_looks_at_files_that_define_something():
    lists = [parse("__all__ = []\n")] * 5
    long = parse("def f(): ...\n" + "x = 1\n" * 199)
    assert budgets.median_file_length([*lists, long]) == 200
