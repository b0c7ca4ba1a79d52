"""What a source imports, read from its statements."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from labelhealth.tasks.imports import imported_names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a, b.c", {"a", "b.c"}),
        ("from a import b", {"a", "a.b"}),
        ("from a import *", {"a"}),
        ("from . import b", {"pack", "pack.b"}),
        ("from .m import b", {"pack.m", "pack.m.b"}),
        ("def f():\n    import late", {"late"}),
        ("try:\n    import x\nexcept ImportError:\n    import y", {"x", "y"}),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", {"b"}),
        (
            "from importlib import import_module\nimport_module('lit.eral')",
            {"importlib", "importlib.import_module", "lit.eral"},
        ),
        ("import_module(computed)", set()),
    ],
)
def test_names(source: str, names: set[str]) -> None:
    """Statements wherever they stand, relative ones resolved, those for type checkers left out."""
    assert imported_names(source.encode(), "pack") == names


def test_threads_parse_without_harm() -> None:
    """Many threads at once: all get the same names."""
    source = ("import a\n" + "x = [" + "(" * 50 + "1" + ")" * 50 + "]\n") * 200
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: imported_names(source.encode(), "pack"), range(32)))

    assert found == [{"a"}] * 32
