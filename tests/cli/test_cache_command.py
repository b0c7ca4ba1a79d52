"""`labelhealth cache` as a person uses it."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from labelhealth.cli_cache import _SIZE_UNITS, _Measure
from labelhealth.tasks.store import Store
from tests.cli.conftest import Command
from tests.tasks.test_prune import squares


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with three results, the third used forty days ago."""
    store = Store(root=str(tmp_path / "audits"))
    for number in range(3):
        squares(store, number)
    old = max((store.cache / "records" / "squares").iterdir())
    moment = time.time() - 40 * 86_400
    for path in (old, *(store.cache / "objects").glob("*/*")):
        os.utime(path, (moment, moment))
    return store


def test_cache_shows_what_it_holds(command: Command, store: Store) -> None:
    """By stage, and in all; the store's place may be left out, or a word that is no command."""
    table = command("cache")
    document = json.loads(command("cache", store.root, "--json").output)

    assert (table.code, table.errors) == (0, "")
    assert "squares" in table.output
    assert "needed by published audits: nothing" in table.output
    assert (document["records"], document["objects"]) == (3, 4)
    assert document["stages"]["squares"]["records"] == 3
    assert document["stages"]["squares"]["days_since_oldest_use"] == pytest.approx(40, abs=0.1)
    assert document["bytes"] == sum(path.stat().st_size for path in store.cache.glob("[or]*/*/*"))


def test_prune_says_what_it_does(command: Command, store: Store) -> None:
    """A dry run first, then the same; what was used lately stays, and is told, however small the cache should be."""
    would = command("cache", "prune", "--older-than", "30d", "--dry-run")
    done = json.loads(command("cache", "prune", "--older-than", "30d", "--json").output)
    small = command("cache", "prune", store.root, "--max-size", "1kB")

    assert "would remove 1 results, 1 files" in would.output
    assert (done["n_records"], done["n_objects"]) == (1, 1)
    assert (small.code, "2 results stay: used by a running audit" in small.output) == (0, True)
    assert command("cache", "prune").output.startswith("removed 0 results")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prune", "--older-than", "30"), "'30' must be a number with a unit, such as 30d"),
        (("prune", "--max-size", "many"), "'many' must be a number with a unit, such as 20GB"),
        (("nowhere",), "`STORE` must be the root of a store; .*nowhere has no cache"),
    ],
)
def test_mistakes_of_usage(command: Command, store: Store, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2 and one message."""
    ended = command("cache", *arguments)

    assert ended.code == 2
    assert re.search(message, ended.errors), ended.errors


@pytest.mark.parametrize(("size", "nbytes"), [("20GB", 20e9), ("1.5 kib", 1536), ("7", 7), ("2TB", 2e12)])
def test_sizes_have_units(size: str, nbytes: float) -> None:
    """Decimal and binary units, in any case; a bare number is bytes."""
    assert _Measure("SIZE", _SIZE_UNITS, "20GB").convert(size, None, None) == nbytes
