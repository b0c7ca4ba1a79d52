"""Write docs/api/ from the docstrings of labelhealth.core: `python docs/make_api.py`; a test keeps the two equal."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

import numpy as np

import labelhealth.core

PREFIX = "labelhealth.core."
SECTIONS = (
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "Notes",
    "References",
    "Examples",
)
LISTS = frozenset({"Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns"})
LONGEST_SIGNATURE = 100  # characters on one line; longer ones get a line for each parameter
PIPELINE = frozenset(
    {
        "canary",
        "comparison",
        "consensus",
        "error_rate",
        "estimators",
        "features",
        "folds",
        "identity",
        "in_sample",
        "label_sets",
        "leaks",
        "out_of_fold",
        "out_of_fold_sets",
        "parts",
        "regression_audit",
        "regressors",
        "reviewed",
        "summary",
        "training_sample",
        "trust",
    }
)
INTRODUCTION = """\
# API

`labelhealth.core`, module by module, made from the docstrings by `python docs/make_api.py`. The words are explained in
the [glossary](../glossary.md); what a name shared with cleanlab does differently stands in
[differences from cleanlab](../differences-from-cleanlab.md).
"""
FOR_PIPELINE = """\
## What an audit of files is made of

Smaller parts, which the stages of a pipeline put together. They take clean arrays and check less.
"""


@dataclass(frozen=True)
class Docstring:
    """A docstring in parts: the first line, what follows it, and the text of each section."""

    summary: str
    text: str
    sections: dict[str, str]


@cache
def modules() -> dict[str, ModuleType]:
    """Return the public modules by their name after `labelhealth.core.`."""
    return {module.__name__.removeprefix(PREFIX): module for module in _below(labelhealth.core)}


def _below(package: ModuleType) -> Iterator[ModuleType]:
    for found in iter_modules(package.__path__):
        if not found.name.startswith("_"):
            module = import_module(f"{package.__name__}.{found.name}")
            yield module
            if found.ispkg:
                yield from _below(module)


def parse(documented: Any) -> Docstring:
    """Return the parts of an object's docstring."""
    heading = re.compile(rf"^({'|'.join(SECTIONS)})\n-+\n", re.MULTILINE)
    before, *rest = heading.split(inspect.cleandoc(documented.__doc__ or ""))
    summary, _, text = before.partition("\n\n")
    sections = {name: body.strip("\n") for name, body in zip(rest[::2], rest[1::2], strict=True)}
    return Docstring(" ".join(summary.split()), text.strip("\n"), sections)


def entries(section: str) -> list[tuple[str, str]]:
    """Return the head line and the indented text of each entry of a list such as `Parameters`."""
    blocks = re.split(r"^(?=\S)", section, flags=re.MULTILINE)[1:]
    parts = [block.partition("\n") for block in blocks]
    return [(head, textwrap.dedent(body).strip("\n")) for head, _, body in parts]


def is_public_class(value: object) -> bool:
    """Tell whether a value is a class with documentation of its own, not the name of a type."""
    return inspect.isclass(value) and type(value).__module__ != "types"


def methods(cls: type) -> dict[str, Any]:
    """Return what a reader may call or read on objects of a class, in the order of definition."""
    public = {name: value for name, value in vars(cls).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in public.items()
        if inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod))
    }


def signature(name: str, called: Any) -> str:
    """Return a call with names and defaults; types stand in the docstring."""
    if isinstance(called, property):
        return name
    called = getattr(called, "__func__", called)
    try:
        found = inspect.signature(called)
    except ValueError:
        return name
    arguments = list(_arguments([p for p in found.parameters.values() if p.name not in ("self", "cls")]))
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= LONGEST_SIGNATURE:
        return line
    return f"{name}(\n    " + ",\n    ".join(arguments) + ",\n)"


def _arguments(given: list[inspect.Parameter]) -> Iterator[str]:
    """Yield each argument, and the star before the first that needs its name."""
    starred = False
    for parameter in given:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        starred = starred or parameter.kind is parameter.VAR_POSITIONAL
        bare = str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
        yield bare if parameter.default is parameter.empty else f"{bare}={_default(parameter.default)}"


def _default(value: Any) -> str:
    """Return a default as it stands in code; a function by its name."""
    return value.__name__ if inspect.isfunction(value) else repr(value).replace("'", '"')


def module_page(name: str, module: ModuleType) -> str:
    """Return the page of one module."""
    doc = parse(module)
    lines = [f"# `{PREFIX}{name}`", "", _prose(doc.summary), ""]
    lines += [_prose(doc.text), ""] if doc.text else []
    lines += [*_examples(doc), ""] if "Examples" in doc.sections else []
    lines += _contents(module)
    for public in module.__all__:
        value = getattr(module, public)
        if _has_anchor(value) and _home(module, public, value) is module:
            lines += _object(f"## `{public}`", public, value)
    return _with_links("\n".join(lines).rstrip() + "\n", module)


def _with_links(page: str, module: ModuleType) -> str:
    """Return a page whose text links to the functions and classes that it describes further up or down."""
    values = {public: getattr(module, public) for public in module.__all__}
    names = [n for n, value in values.items() if _has_anchor(value) and _home(module, n, value) is module]
    found = re.compile(rf"(?<!\[)(?<!- )`({'|'.join(names)})`(?!\])") if names else None
    lines, is_code = page.splitlines(), False
    for n, line in enumerate(lines):
        is_code ^= line.startswith("```")
        if found and not is_code and not line.startswith("#"):
            lines[n] = found.sub(lambda m: f"[`{m[1]}`](#{_anchor(module, m[1])})", line)
    return "\n".join(lines) + "\n"


def _has_anchor(value: object) -> bool:
    return inspect.isfunction(value) or is_public_class(value)


def _home(module: ModuleType, public: str, value: Any) -> ModuleType:
    """Return the public module that a function or class is described in."""
    home = modules().get(value.__module__.removeprefix(PREFIX), module)
    return home if public in home.__all__ else module


def _contents(module: ModuleType) -> list[str]:
    """Return the tables of a page: one line a function, one line a constant."""
    values = {public: getattr(module, public) for public in module.__all__}
    rows = [_row(module, public, value) for public, value in values.items() if _has_doc(value)]
    constants = [
        f"| `{public}` | {_cell(_constant(module, public, value))} |"
        for public, value in values.items()
        if not _has_doc(value)
    ]
    lines = ["| name | what it is |", "|---|---|", *rows, ""] if rows else []
    return [*lines, "| constant or type | value |", "|---|---|", *constants, ""] if constants else lines


def _has_doc(value: object) -> bool:
    return inspect.ismodule(value) or _has_anchor(value)


def _row(module: ModuleType, public: str, value: Any) -> str:
    home = value if inspect.ismodule(value) else _home(module, public, value)
    page = "" if home is module else f"{home.__name__.removeprefix(PREFIX)}.md"
    target = page if inspect.ismodule(value) else f"{page}#{_anchor(home, public)}"
    return f"| [`{public}`]({target}) | {_cell(_prose(parse(value).summary))} |"


def _constant(module: ModuleType, public: str, value: object) -> str:
    """Return the value of a constant, with the remark that its line ends in."""
    shown = ", ".join(f"`{choice!r}`" for choice in get_args(value)) if get_origin(value) is Literal else ""
    remark = re.search(rf"^{public}\b[^#\n]*#  ?(.*)$", inspect.getsource(module), re.MULTILINE)
    return (shown or f"`{_value(value)}`") + (f": {remark[1].strip()}" if remark else "")


def _value(value: object) -> str:
    """Return a value as it stands in code; array types in words, since their code changes with numpy."""
    if get_origin(value) is np.ndarray:
        return f"ndarray of {get_args(get_args(value)[1])[0].__name__}"
    return re.sub(r"\b(labelhealth\.core|typing|collections\.abc)\.(\w+\.)*", "", repr(value))


def _object(heading: str, name: str, value: Any) -> list[str]:
    """Return the details of a function, class or method."""
    doc = parse(value)
    lines = [heading, ""]
    if not _is_bare(value):
        lines += ["```python", signature(name, value), "```", ""]
    lines += [_prose(doc.summary), ""]
    lines += [_prose(doc.text), ""] if doc.text else []
    if inspect.isclass(value) and issubclass(value, Exception):
        lines += ["Derives from " + ", ".join(f"`{base.__name__}`" for base in value.__bases__) + ".", ""]
    for section in doc.sections:
        lines += _section(section, doc)
    if inspect.isclass(value):
        for method, called in methods(value).items():
            lines += _object(f"### `{name}.{method}`", method, called)
    return lines


def _is_bare(value: object) -> bool:
    """Whether a class is not made by a call that a reader writes: errors, protocols, kinds of dictionaries."""
    if not inspect.isclass(value):
        return False
    return (
        issubclass(value, Exception) or hasattr(value, "__total__") or getattr(value, "_is_protocol", False)
    )


def _section(section: str, doc: Docstring) -> list[str]:
    if section == "Examples":
        return [*_examples(doc), ""]
    body = doc.sections[section]
    shown = _items(body) if section in LISTS else [_prose(body)]
    return [f"**{section}**", "", *shown, ""]


def _items(body: str, indent: str = "") -> list[str]:
    """Return the entries of a list as Markdown; entries within entries are a list below."""
    lines = []
    for head, text in entries(body):
        lines.append(f"{indent}- {_head(head)}")
        nested = re.search(r"^\S.*\n +\S", text, re.MULTILINE)
        if nested:
            lines += _items(text, indent + "  ")
        elif text:
            lines[-1] += "  "
            lines += [f"{indent}  {line}" for line in _prose(text).splitlines()]
    return lines


def _head(head: str) -> str:
    """Return names as code and their type as text; a type that stands alone is text too."""
    names, colon, kind = head.partition(" : ")
    is_names = colon or names.endswith(("Error", "Warning")) or re.fullmatch(r"[*\w]+(, [*\w]+)+", names)
    if not is_names:
        return _prose(head)
    return ", ".join(f"`{name}`" for name in names.split(", ")) + (f": {_prose(kind)}" if colon else "")


def _examples(doc: Docstring) -> list[str]:
    code = re.sub(r" *# doctest: .*$", "", doc.sections["Examples"], flags=re.MULTILINE)
    return ["**Examples**", "", "```python", code.replace("<BLANKLINE>", ""), "```"]


def _prose(text: str) -> str:
    """Return text with `<` and `*` as they are, double backticks as single ones, and links to known names."""
    pieces = re.split(r"(``[^`]+``|`[^`]+`)", text)
    return "".join(
        _linked(piece.strip("`")) if n % 2 else re.sub(r"([<*])", r"\\\1", piece)
        for n, piece in enumerate(pieces)
    )


def _linked(code: str) -> str:
    """Return code, as a link if it is the full name of a public function of a module, such as `rank.order`."""
    if "." in code and code in modules():
        return f"[`{code}`]({code}.md)"
    name, _, public = code.rpartition(".")
    if name in modules() and _has_anchor(getattr(modules()[name], public, None)):
        return f"[`{code}`]({name}.md#{_anchor(modules()[name], public)})"
    return f"`{code}`"


def _anchor(module: ModuleType, public: str) -> str:
    """Return the anchor of a heading, as GitHub makes it: the second `plan` after `Plan` is `plan-1`."""
    headings = [name for name in module.__all__ if _has_anchor(getattr(module, name))]
    earlier = headings[: headings.index(public)]
    same = sum(name.lower() == public.lower() for name in earlier)
    return public.lower() + (f"-{same}" if same else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def index_page() -> str:
    """Return the index: one line a module."""
    first = [name for name in modules() if name not in PIPELINE]
    second = [name for name in modules() if name in PIPELINE]
    return "\n".join([INTRODUCTION, *_modules_table(first), FOR_PIPELINE, *_modules_table(second)])


def _modules_table(names: list[str]) -> list[str]:
    rows = [
        f"| [`{name}`]({name}.md) | {_cell(_prose(parse(modules()[name]).summary.rstrip('.')))} |"
        for name in names
    ]
    return ["| module | about |", "|---|---|", *rows, ""]


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    made = {f"{name}.md": module_page(name, module) for name, module in modules().items()}
    return {"README.md": index_page(), **made}


def main() -> None:
    """Write the pages, and remove those of modules that are gone."""
    folder = Path(__file__).with_name("api")
    folder.mkdir(exist_ok=True)
    made = pages()
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
