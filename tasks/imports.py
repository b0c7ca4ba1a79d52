"""Which modules a source imports, read from its statements."""

from __future__ import annotations

import ast
import contextlib
import threading
from collections.abc import Iterator

_ATTEMPTS = 5
_parsing = threading.Lock()


def imported_names(source: bytes, package: str) -> set[str]:
    """Return the full names of all that a source may import when it runs.

    Parameters
    ----------
    source : bytes
        Source of a module.
    package : str
        Package that the module is in, or is; relative imports start there.

    Returns
    -------
    set of str
        For `from a import b` both `a` and `a.b`, since `b` may be a module. Imports under `if TYPE_CHECKING:` do
        not run and are left out; literal arguments of `import_module` are taken in.
    """
    names: set[str] = set()
    for node in _running_nodes(_parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names.update([base, *(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            literals = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
            names.update(literal for literal in literals if isinstance(literal, str))
    return {name for name in names if name and not name.startswith(".") and not name.endswith(".")}


def _parse(source: bytes) -> ast.AST:
    """Parse one source at a time: CPython 3.11 counts the depth of its recursion for all threads together.

    It raises SystemError when another thread of the program parses something meanwhile (gh-106905).
    """
    with _parsing:
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(SystemError):
                return ast.parse(source)
        return ast.parse(source)


def _running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk the tree, leaving out what stands under `if TYPE_CHECKING:`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the module that a `from` statement names."""
    if node.level == 0:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])
