"""What a key must know of an estimator: versions, a user's source, and that this source is what runs."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from importlib import metadata

import pytest

from labelhealth.core.errors import OptionError
from labelhealth.tasks.estimator_source import estimator_identity, loading_as

SIZE = {"kinds": {"a": "numeric"}, "n_classes": 3, "n_rows": 100}


def identity(name="auto", params=None, **more) -> dict:
    """Return the parsed identity of such an estimator."""
    return json.loads(estimator_identity(name, params, **{**SIZE, **more}))


def test_identity_names_choice_parameters_and_versions():
    """The automatic choice is resolved, so that a changed rule is a changed key."""
    parts = identity()

    assert parts["name"] == "ExtraTreesClassifier"
    assert parts["code"]["scikit-learn"] == f"=={metadata.version('scikit-learn')}"
    assert identity("sklearn.svm.SVC")["code"]["scikit-learn"] == parts["code"]["scikit-learn"]


@pytest.mark.parametrize(
    ("url", "read_as_source"),
    [
        ("", False),
        ('{"url": "git+https://example.org", "vcs_info": {"commit_id": "abc"}}', False),
        ('{"url": "file:///there", "dir_info": {"editable": true}}', True),
        ('{"url": "file:///there", "dir_info": {}}', True),
    ],
)
def test_identity_reads_installs_from_a_folder_as_source(
    user_code, monkeypatch, tmp_path, url, read_as_source
):
    """A version says which code it is only if the distribution came from an index or a commit."""
    user_code({"shipped": "class Mine: pass\n"})
    info = tmp_path / "shipped-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shipped\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("shipped\n")
    (info / "RECORD").write_text("shipped.py,,\n")
    if url:
        (info / "direct_url.json").write_text(url)
    monkeypatch.setattr("site.getusersitepackages", lambda: str(tmp_path))
    code = identity("shipped.Mine")["code"]["shipped"]

    assert code.startswith("sha256:") == read_as_source
    assert read_as_source or code == ("==1.0@abc" if url else "==1.0")


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"C": 2.0}},
        {"name": "SVC"},
        {"preprocessing": "none"},
        {"kinds": {"a": "categorical"}},
        {"kinds": {"b": "numeric"}},
        {"kinds": {"a": "numeric", "b": "numeric"}},
    ],
)
def test_identity_changes_with_all_that_decides_a_prediction(change):
    """No two different estimators share a key."""
    base = {"name": "LogisticRegression", "params": {"C": 1.0}}

    assert identity(**{**base, **change}) != identity(**base)


def test_identity_keeps_the_order_of_features_and_ignores_that_of_parameters():
    """Columns in another order are other columns; parameters are a mapping."""
    two = {"a": "numeric", "b": "numeric"}

    assert identity(kinds=two)["kinds"] != identity(kinds=dict(reversed(two.items())))["kinds"]
    assert estimator_identity("SVC", {"C": 1, "gamma": 2}, **SIZE) == estimator_identity(
        "SVC", {"gamma": 2, "C": 1}, **SIZE
    )


@pytest.mark.parametrize(
    "changed",
    ["mine", "nearby", "deep", "package/__init__", "package/inner", "package/sibling", "lazy"],
)
def test_identity_changes_with_every_local_source_it_reaches(user_code, changed):
    """A user's edit counts, however far from the class: through imports, packages, relative and late ones."""
    sources = {
        "mine": "import nearby\nfrom package import inner\nclass Mine: pass\n",
        "nearby": "from deep import thing\nimport numpy\n",
        "deep": "thing = 1\n",
        "package/__init__": "",
        "package/inner": "from . import sibling\nfrom .sibling import x as y\n",
        "package/sibling": "x = 1\nimport importlib\ndef f():\n    importlib.import_module('lazy')\n",
        "lazy": "import mine\n",
        "unrelated": "",
    }
    user_code(sources)
    before = identity("mine.Mine")
    user_code({"unrelated": "z = 1\n"})
    untouched = identity("mine.Mine")
    user_code({changed: sources[changed] + "# edited\n"})
    after = identity("mine.Mine")
    name = changed.removesuffix("/__init__").replace("/", ".")

    assert untouched == before
    assert before["code"]["numpy"] == f"=={metadata.version('numpy')}"
    assert {key for key in after["code"] if after["code"][key] != before["code"][key]} == {name}


def test_identity_covers_nested_estimators(user_code):
    """A user's class inside scikit-learn's is read as well."""
    user_code({"mine": "class Mine: pass\n"})
    parts = identity("CalibratedClassifierCV", {"estimator": {"class": "mine.Mine"}})

    assert parts["code"]["mine"].startswith("sha256:")


def test_identity_notes_modules_that_are_absent(user_code):
    """An optional import that appears later is a change."""
    user_code({"mine": "try:\n    import optional_thing\nexcept ImportError:\n    pass\n"})
    before = identity("mine.Mine")["code"]
    user_code({"optional_thing": ""})

    assert before["optional_thing"] == "absent"
    assert identity("mine.Mine")["code"]["optional_thing"].startswith("sha256:")


@pytest.mark.parametrize("name", ["nowhere.Thing", "mine.gone.Thing", "__main__.Thing"])
def test_identity_refuses_modules_that_cannot_be_found(user_code, name):
    """What cannot be read cannot be keyed."""
    user_code({"mine": ""})

    with pytest.raises(OptionError, match=f"`estimator` must be importable; got '{name}'"):
        identity(name)


def test_identity_imports_nothing(tmp_path):
    """Neither the user's module nor scikit-learn's classifiers are loaded for a key."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "package" / "mine.py").write_text("raise RuntimeError('imported')\n")
    code = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "from labelhealth.tasks.estimator_source import estimator_identity\n"
        "size = dict(kinds={'a': 'numeric'}, n_classes=2, n_rows=9)\n"
        "estimator_identity(**size), estimator_identity('SVC', **size)\n"
        "estimator_identity('package.mine.M', **size)\n"
        "print([name for name in ('package', 'sklearn') if name in sys.modules])\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"


def test_module_edited_after_its_import_is_refused(user_code):
    """The process runs the old source while the disk holds the new one: a result would get the wrong key."""
    user_code({"mine": "class Mine: pass\n"})
    with loading_as(estimator_identity("mine.Mine", **SIZE)):
        importlib.import_module("mine")
    user_code({"mine": "class Mine: edited = True\n"})

    with pytest.raises(OptionError, match=r"mine changed after it was imported\. Hint: restart Python"):
        estimator_identity("mine.Mine", **SIZE)


def test_module_that_others_imported_and_edited_is_refused(user_code, tmp_path):
    """A module imported before labelhealth looked at it, and written since this process began, is in doubt."""
    user_code({"mine": "class Mine: pass\n"})
    importlib.import_module("mine")
    os.utime(tmp_path / "mine.py", (time.time() + 1, time.time() + 1))

    with pytest.raises(OptionError, match="mine changed after it was imported"):
        estimator_identity("mine.Mine", **SIZE)


def test_module_edited_while_it_is_used_is_refused(user_code):
    """The key was made from another source than what was loaded."""
    user_code({"mine": "class Mine: pass\n"})
    before = estimator_identity("mine.Mine", **SIZE)

    def edit_while_loading():
        with loading_as(before):
            user_code({"mine": "class Mine: edited = True\n"})
            importlib.import_module("mine")

    with pytest.raises(OptionError, match="must not change while it is used; mine did"):
        edit_while_loading()


def test_module_loaded_as_it_stands_is_accepted_again(user_code):
    """Nothing was edited: the second audit of a process is as good as the first."""
    user_code({"mine": "class Mine: pass\n"})
    first = estimator_identity("mine.Mine", **SIZE)
    with loading_as(first):
        importlib.import_module("mine")

    assert estimator_identity("mine.Mine", **SIZE) == first


def test_module_that_another_thread_is_loading_is_accepted(user_code):
    """Two folds begin side by side: the second finds the module loaded, and the first not yet done with it."""
    user_code({"mine": "class Mine: pass\n"})
    named = estimator_identity("mine.Mine", **SIZE)
    loaded = []

    def load():
        with loading_as(named):
            loaded.append(importlib.import_module("mine"))

    with loading_as(named):
        importlib.import_module("mine")
        other = threading.Thread(target=load)
        other.start()
        other.join()

    assert loaded == [sys.modules["mine"]]
