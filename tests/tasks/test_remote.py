"""Object stores and their mirrors, on a file system in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from labelhealth.configs.versions import PatternError, find_versions
from labelhealth.tasks import remote
from labelhealth.tasks.remote import (
    RemoteError,
    bring,
    bring_visible,
    fetch,
    mirror_of,
    push,
    push_once,
    url_of,
)

URL = "memory://bucket/audits"


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Yield an empty file system; mirrors are in the test's own folder, and nobody waits."""
    monkeypatch.setenv("LABELHEALTH_MIRRORS", str(tmp_path / "mirrors"))
    monkeypatch.setattr(remote, "_FIRST_WAIT", 0.0)
    system = fsspec.filesystem("memory", use_listings_cache=False)
    remote._opened.cache_clear()
    yield system
    system.store.clear()
    remote._opened.cache_clear()


def write(path: Path, text: str = "text") -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def age(path: Path, seconds: float = 7200) -> None:
    """Make a file look as if it had been written long ago."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def test_mirror_and_url_belong_to_each_other() -> None:
    """A mirror's path tells its URL; a path elsewhere is no mirror."""
    assert url_of(mirror_of(f"{URL}/data/v1")) == f"{URL}/data/v1"
    assert url_of(Path("elsewhere").absolute()) is None


def test_endpoints_have_mirrors_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers may have a bucket of one name."""
    first = mirror_of(URL)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert mirror_of(URL) != first


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("s3://key:secret@bucket/data", "without credentials"),
        ("s3://bucket/data?secret=1", "without credentials"),
        ("nowhere://bucket", "that fsspec knows"),
    ],
)
def test_urls_that_cannot_be_used(url: str, match: str) -> None:
    """Refused by name, and the secret is not repeated."""
    with pytest.raises(RemoteError, match=match) as caught:
        remote.check_url(url, "dataset.path")

    assert "secret" not in str(caught.value)


def test_way_out_of_the_mirror_is_refused() -> None:
    """No URL leads to a file beside the mirrors."""
    with pytest.raises(RemoteError, match=r"must not contain \.\."):
        mirror_of("s3://bucket/../../etc/passwd")


def test_names_in_the_store_lead_nowhere_else(store: Any, tmp_path: Path) -> None:
    """Whoever can write to the bucket cannot write beside the mirror."""
    for name in ("d/a.txt", "../../../../evil.txt"):
        store.pipe(f"/bucket/audits/{name}", b"text")
    assert len(store.find("/bucket/audits")) == 2

    bring(mirror_of(URL), bool)

    assert [path.name for path in tmp_path.rglob("*.txt")] == ["a.txt"]


def test_there_and_back(store: Any) -> None:
    """What is put can be fetched where it is not; what is nowhere is not there."""
    path = write(mirror_of(f"{URL}/a.txt"))
    push(path)
    path.unlink()

    assert fetch(path)
    assert path.read_text() == "text"
    assert not fetch(mirror_of(f"{URL}/b.txt"))
    assert store.cat("/bucket/audits/a.txt") == b"text"


def test_put_once_leaves_what_is_there(store: Any) -> None:
    """Of one size it is taken for the same, of another it is replaced."""
    path = write(mirror_of(f"{URL}/a.txt"))
    store.pipe("/bucket/audits/a.txt", b"TEXT")
    push_once(path)
    assert store.cat("/bucket/audits/a.txt") == b"TEXT"

    store.pipe("/bucket/audits/a.txt", b"damaged")
    push_once(path)
    assert store.cat("/bucket/audits/a.txt") == b"text"


def test_mirror_follows_the_store(store: Any) -> None:
    """Files come and go as in the store; what was just written here stays until it is there."""
    folder = mirror_of(URL)
    gone, new, unwanted = (write(folder / name) for name in ("d/gone.txt", "d/new.txt", "d/unwanted.bin"))
    age(gone)
    age(unwanted)
    store.pipe("/bucket/audits/d/there.txt", b"there")

    bring(folder, lambda name: name.endswith(".txt"))

    assert (folder / "d" / "there.txt").read_text() == "there"
    assert [path.exists() for path in (gone, new, unwanted)] == [False, True, True]


def test_hidden_folders_are_passed_over(store: Any) -> None:
    """The cache is not listed when audits are looked for; a dataset that is gone there goes here."""
    folder = mirror_of(URL)
    gone = write(folder / "old" / "gone.txt")
    age(gone)
    store.pipe("/bucket/audits/.cache/a.txt", b"cache")
    store.pipe("/bucket/audits/data/a.txt", b"data")

    bring_visible(folder, lambda name: name.endswith(".txt"))

    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.txt")) == ["data/a.txt"]


def test_folders_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    """A folder that is no mirror is never touched."""
    path = write(tmp_path / "own" / "a.txt")
    age(path)

    bring(tmp_path / "own", bool)
    bring_visible(tmp_path, bool)

    assert path.exists()


@pytest.mark.parametrize(
    ("error", "n_tries"),
    [
        (ConnectionError("reset"), 6),
        (TimeoutError(), 6),
        (PermissionError("denied"), 1),
        (ValueError("bad"), 1),
    ],
)
def test_only_what_may_pass_is_tried_again(
    store: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, n_tries: int
) -> None:
    """Networks and servers recover, credentials and names do not; either way the URL is named at last."""
    tried = []

    def fail(*_: object, **__: object) -> None:
        tried.append(1)
        raise error

    monkeypatch.setattr(type(store), "info", fail)
    with pytest.raises(RemoteError, match=r"memory://bucket/audits/a.txt is not"):
        remote.size_of(f"{URL}/a.txt")

    assert len(tried) == n_tries


def test_passing_failure_is_not_seen(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that succeeds the second time is like any other."""
    store.pipe("/bucket/audits/a.txt", b"text")
    look, failures = type(store).info, [ConnectionError("reset")]

    def sometimes(self: Any, *arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return look(self, *arguments, **options)

    monkeypatch.setattr(type(store), "info", sometimes)

    assert remote.size_of(f"{URL}/a.txt") == 4


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("memory://bucket/train/v*.parquet", {"v2": "v2.parquet", "v10": "v10.parquet"}),
        ("memory://bucket/train/{version}/", {"day1": "day1", "day2": "day2"}),
    ],
)
def test_versions_below_a_prefix(store: Any, pattern: str, expected: dict[str, str]) -> None:
    """Files and folders of a store are versions as those on disk are, in natural order."""
    for name in ("v10.parquet", "v2.parquet", "day1/a.parquet", "day2/a.parquet", "_new/a.parquet"):
        store.pipe(f"/bucket/train/{name}", b"data")

    found = find_versions(pattern)

    assert {each.name: each.path for each in found} == {
        name: f"memory://bucket/train/{path}" for name, path in expected.items()
    }
    assert [each.name for each in found] == list(expected)


def test_prefix_that_cannot_be_listed() -> None:
    """The pattern is named, not an error of the library."""
    with pytest.raises(PatternError, match=r"nowhere://bucket/\* is not"):
        find_versions("nowhere://bucket/*")
