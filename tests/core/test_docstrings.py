"""What docstrings say and what the code does agree: names, parameters, results, errors, examples."""

from __future__ import annotations

import doctest
import inspect
import io

import numpy as np
import pytest

from labelhealth.core import errors
from tests.scripts import load_script

API = load_script("make_api")
MODULES = API.modules()
NOTHING = (None, "None", "Iterator[None]")  # a context manager gives nothing either
FOREIGN_ERRORS = {"numpy.linalg.LinAlgError": np.linalg.LinAlgError}  # raised by numpy's solver as it is


def _documented():
    """Every public function, class and method, by its full name."""
    found = {}
    for name, module in MODULES.items():
        for public in module.__all__:
            value = getattr(module, public)
            if inspect.isfunction(value):
                found[f"{name}.{public}"] = value
            elif API.is_public_class(value):
                found[f"{name}.{public}"] = value
                found |= {f"{name}.{public}.{n}": m for n, m in API.methods(value).items()}
    return found


DOCUMENTED = _documented()
CALLED = {n: v for n, v in DOCUMENTED.items() if not inspect.isclass(v) and not isinstance(v, property)}
FUNCTIONS = {n: v for n, v in CALLED.items() if n.rpartition(".")[0] in MODULES}
CLASSES = {
    n: v
    for n, v in DOCUMENTED.items()
    if inspect.isclass(v)
    and not issubclass(v, errors.LabelHealthError)  # raised, not made by readers
    and not getattr(v, "_is_protocol", False)  # no object is made of it
}


def _parameters(called):
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    signature = inspect.signature(getattr(called, "__func__", called))
    return sorted(
        n for n, p in signature.parameters.items() if n not in ("self", "cls") and p.kind not in kinds
    )


def _named(documented, *sections):
    parsed = API.parse(documented).sections
    heads = [head for section in sections for head, _ in API.entries(parsed.get(section, ""))]
    names = [name for head in heads for name in head.partition(" : ")[0].split(", ")]
    return sorted(name for name in names if not name.startswith("*"))


def _fields(cls):
    """Return what objects of a class are made of: fields of a record, keys of a dictionary, or arguments."""
    return sorted(cls.__annotations__) if hasattr(cls, "__total__") else _parameters(cls)


@pytest.mark.parametrize("name", MODULES)
def test_module_names_what_is_public(name):
    """`__all__` names things that exist, once, and every public function and class that the module defines."""
    module = MODULES[name]
    defined = {
        public
        for public, value in vars(module).items()
        if not public.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    }

    assert len(set(module.__all__)) == len(module.__all__) > 0
    assert [public for public in module.__all__ if not hasattr(module, public)] == []
    assert defined - set(module.__all__) == set()


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_is_for(name):
    """A module begins with a sentence."""
    summary = API.parse(MODULES[name]).summary

    assert summary.endswith(".")
    assert f"| [`{name}`]({name}.md) |" in API.index_page()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_has_no_stray_section(name):
    """The first line is a sentence; underlined headings are numpydoc's, each once and after a blank line."""
    text = inspect.cleandoc(DOCUMENTED[name].__doc__ or "")
    lines = text.splitlines()
    headings = [n for n, line in enumerate(lines) if set(line) == {"-"} and n]
    prose = [n for n in headings if not lines[n - 1].startswith((" ", ">"))]

    assert API.parse(DOCUMENTED[name]).summary.endswith(".")
    assert {lines[n - 1] for n in prose} <= set(API.SECTIONS)
    assert len({lines[n - 1] for n in prose}) == len(prose)
    assert [lines[n - 1] for n in prose if lines[n - 2]] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_documents_its_parameters(name):
    """Every parameter of the signature is documented, once, and no other is."""
    assert _named(FUNCTIONS[name], "Parameters") == _parameters(FUNCTIONS[name])


@pytest.mark.parametrize("name", [n for n in CALLED if n not in FUNCTIONS])
def test_method_documents_its_parameters(name):
    """So does a method, unless its one line says all."""
    parsed = API.parse(CALLED[name])
    named = _named(CALLED[name], "Parameters")

    assert named == _parameters(CALLED[name]) or not parsed.sections


@pytest.mark.parametrize("name", CLASSES)
def test_class_documents_what_it_is_made_of(name):
    """Arguments of a class, fields of a record and keys of a dictionary are documented, once each."""
    cls = CLASSES[name]
    documented = _named(cls, "Parameters") or _named(cls, "Attributes")

    assert documented == _fields(cls)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_documents_its_result(name):
    """What is returned is documented, unless it is None."""
    returned = inspect.signature(FUNCTIONS[name]).return_annotation

    assert returned is not inspect.Signature.empty
    assert ("Returns" in API.parse(FUNCTIONS[name]).sections) == (returned not in NOTHING)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_errors_exist(name):
    """Errors that a docstring names are those of the package; what it warns of are warnings."""
    raised = _named(DOCUMENTED[name], "Raises")
    known = {**FOREIGN_ERRORS, **{public: getattr(errors, public) for public in errors.__all__}}

    assert [error for error in raised if error not in known] == []
    assert set(_named(DOCUMENTED[name], "Warns")) <= {"UserWarning", "DeprecationWarning"}


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_example_runs_alone(name):
    """Functions and classes have an example that runs for a reader who has imported the names of the module alone."""
    module = next(MODULES[name[:end]] for end in range(len(name), 0, -1) if name[:end] in MODULES)
    text = API.parse(DOCUMENTED[name]).sections.get("Examples", "")
    names = {public: getattr(module, public) for public in module.__all__}
    example = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    written = io.StringIO()
    result = doctest.DocTestRunner().run(example, out=written.write)

    assert result.attempted > 0
    assert not any(doctest.SKIP in line.options for line in example.examples)
    assert result.failed == 0, written.getvalue()
