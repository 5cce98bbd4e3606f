"""Checkers of habit: each returns a sentence for every place that breaks its rule."""

__all__ = [
    "asserts",
    "global_generators",
    "missing_exports",
    "pickles",
    "prints",
    "stubs",
    "unseeded_draws",
]

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import Module

# What may be built from numpy.random: generators that carry their own state.
NUMPY_GENERATORS = {"BitGenerator", "Generator", "PCG64", "Philox", "SeedSequence"}
PICKLERS = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
UNFINISHED = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")


def missing_exports(module: Module) -> list[str]:
    """Require a docstring, then `__all__`, sorted, of names the module binds."""
    body = module.tree.body
    if ast.get_docstring(module.tree) is None:
        return [f"{module.name}: no module docstring"]
    if len(body) < 2 or "__all__" not in _bound_by(body[1]):
        return [f"{module.name}: `__all__` does not follow the docstring"]
    exported = ast.literal_eval(body[1].value)  # type: ignore[attr-defined]
    found = []
    if list(exported) != sorted(exported):
        found.append(f"{module.name}: `__all__` is not sorted")
    bound = {name for statement in body for name in _bound_by(statement)}
    if "__getattr__" not in bound:
        found += [
            f"{module.name}: `__all__` has `{name}`, which is not there"
            for name in exported
            if name not in bound
        ]
    return found


def prints(module: Module) -> list[str]:
    """Find calls of `print`: libraries log, the command line has a console."""
    return [
        _at(module, call, "calls print")
        for call, name in _calls(module)
        if name == "print"
    ]


def asserts(module: Module) -> list[str]:
    """Find `assert`: Python drops it under -O, so it cannot guard a user."""
    return [
        _at(module, node, "uses assert; raise a typed error")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assert)
    ]


def global_generators(module: Module) -> list[str]:
    """Find draws from a generator that the caller did not seed."""
    found = [
        _at(module, node, "imports a module of global generators")
        for node, name in _imports(module)
        if name == "random" or name.startswith(("random.", "numpy.random."))
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and _is_global_draw(ast.unparse(node)):
            found.append(_at(module, node, f"uses {ast.unparse(node)}"))
    for call, name in _calls(module):
        if name.endswith("default_rng") and not (call.args or call.keywords):
            found.append(_at(module, call, "makes a generator without a seed"))
    return found


def pickles(module: Module) -> list[str]:
    """Find modules that turn bytes into code: nothing is unpickled from disk."""
    found = [
        _at(module, node, f"imports {name}")
        for node, name in _imports(module)
        if name.split(".")[0] in PICKLERS
    ]
    for call, _ in _calls(module):
        for keyword in call.keywords:
            allowed = not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            )
            if keyword.arg == "allow_pickle" and allowed:
                found.append(_at(module, call, "allows pickles"))
    return found


def stubs(module: Module) -> list[str]:
    """Find what is left undone: NotImplementedError, TODO."""
    found = [
        _at(module, node, "raises NotImplementedError")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node)
    ]
    for number, line in enumerate(module.text.splitlines(), start=1):
        if UNFINISHED.search(line):
            found.append(f"{module.name}:{number}: {line.strip()}")
    return found


def unseeded_draws(module: Module) -> list[str]:
    """Find `x.sample(...)` without a seed: TFP would draw from a global generator."""
    return [
        _at(module, call, f"draws without a seed: {name}")
        for call, name in _calls(module)
        if name.endswith((".sample", ".sample_and_log_prob"))
        and not any(keyword.arg in ("seed", None) for keyword in call.keywords)
    ]


def _at(module: Module, node: ast.AST, what: str) -> str:
    return f"{module.name}:{getattr(node, 'lineno', 0)}: {what}"


def _is_global_draw(path: str) -> bool:
    head, _, name = path.rpartition(".")
    if head in ("np.random", "numpy.random"):
        return name not in NUMPY_GENERATORS | {"default_rng"}
    if head in ("tf.random", "tf.random.experimental", "tensorflow.random"):
        return not name.startswith("stateless_") and name != "experimental"
    return False


def _bound_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.Assign):
        targets = [name for t in statement.targets for name in ast.walk(t)]
        return {node.id for node in targets if isinstance(node, ast.Name)}
    if isinstance(statement, ast.AnnAssign):
        return {ast.unparse(statement.target)}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = [alias.asname or alias.name for alias in statement.names]
        return {name.split(".")[0] for name in names}
    if isinstance(statement, ast.If | ast.Try):
        return {name for inner in statement.body for name in _bound_by(inner)}
    name = getattr(statement, "name", None)
    return {name} if isinstance(name, str) else set()


def _calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def _imports(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module == "numpy.random":
                for alias in node.names:
                    if alias.name not in NUMPY_GENERATORS:
                        yield node, f"numpy.random.{alias.name}"
            elif any(alias.name == "random" for alias in node.names):
                yield node, "random"
            else:
                yield node, node.module or ""
