"""Data, cache and reports in an object store: the same as on disk, also when requests fail."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labelhealth.api import audit, compare, export_review, import_review, reaudit
from labelhealth.configs.load import ConfigFileError
from labelhealth.core.errors import LabelHealthError
from labelhealth.places import place_at
from labelhealth.tasks import remote
from labelhealth.tasks.history import read_history
from labelhealth.tasks.published import Audit, newest_audit
from tests.flows.test_reaudit import here as here
from tests.flows.test_reaudit import write_config

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")

NAMES = np.array(["ant", "bee", "cat"])
OPTIONS: dict[str, Any] = {
    "input": {"id": "id"},
    "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
}


class Flaky:
    """A server that refuses every n-th request, and counts."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app
        self.every = 0
        self.n_requests = 0
        self.n_refused = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.n_requests += 1
        if self.every and self.n_requests % self.every == 0:
            self.n_refused += 1
            start_response("503 Slow Down", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return [b""]
        return self.app(environ, start_response)


@pytest.fixture(scope="module")
def server() -> Iterator[Flaky]:
    """Run a server that speaks S3 on loopback; the environment names it as AWS's tools expect."""
    from werkzeug.serving import make_server

    app = Flaky(moto_server.DomainDispatcherApplication(moto_server.create_backend_app))
    running = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{running.server_port}",
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-tester",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",  # what is refused comes to us
    }
    before = dict(os.environ)
    os.environ.update(settings)
    remote._opened.cache_clear()
    yield app
    os.environ.clear()
    os.environ.update(before)
    running.shutdown()
    running.server_close()


@pytest.fixture
def bucket(server: Flaky, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the URL of a fresh bucket; mirrors are kept in the test's own folder."""
    import s3fs

    server.every = 0
    monkeypatch.setattr(remote, "_FIRST_WAIT", 0.01)
    monkeypatch.setenv("LABELHEALTH_MIRRORS", str(tmp_path / "mirrors"))
    name = f"bucket-{server.n_requests}"
    s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False).mkdir(name)
    return f"s3://{name}"


def examples(n_rows: int = 150) -> pd.DataFrame:
    """Return examples of which some are wrong."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, n_rows)
    given = np.where(np.arange(n_rows) < 8, (truth + 1) % 3, truth)
    places = np.eye(3)[truth][:, :2] * 5 + rng.normal(size=(n_rows, 2))
    frame = pd.DataFrame(places, columns=["x", "y"])
    return frame.assign(id=[f"row{row}" for row in range(n_rows)], label=NAMES[given])


def put(path: Path, url: str) -> None:
    """Put a file into the store by other means than ours."""
    import s3fs

    s3fs.S3FileSystem(skip_instance_cache=True).put_file(str(path), url.removeprefix("s3://"))


def names_in(url: str) -> set[str]:
    """Return what is in a store, the cache apart."""
    return {name for name in remote.sizes_below(url) if not name.startswith(".cache/")}


def digests(found: Audit) -> dict[str, str]:
    """Return the digest of each table."""
    return {name: about["digest"] for name, about in found.manifest["tables"].items()}


def forget_mirrors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Be another machine: nothing is here yet."""
    monkeypatch.setenv("LABELHEALTH_MIRRORS", str(tmp_path / name))


@pytest.mark.parametrize("every", [0, 5])
def test_audit_is_that_on_disk(
    bucket: str, server: Flaky, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, every: int
) -> None:
    """Data, cache and reports by URL give the digests of an audit on disk, whichever requests fail."""
    (tmp_path / "data").mkdir()
    frame = examples()
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), 2)):
        frame.iloc[rows].to_parquet(tmp_path / "data" / f"part-{number}.parquet", index=False)
        put(tmp_path / "data" / f"part-{number}.parquet", f"{bucket}/data/part-{number}.parquet")
    options = {**OPTIONS, "dataset": {"name": "data"}}
    here = audit(tmp_path / "data", "label", root=tmp_path / "audits", options=options)
    server.every, server.n_refused = every, 0

    there = audit(f"{bucket}/data", "label", root=f"{bucket}/audits", options=options)

    assert digests(there) == digests(here)
    assert there.manifest["audit"] == here.manifest["audit"]
    assert there.manifest["config"]["store"]["root"] == f"{bucket}/audits"
    assert "secret" not in str(there.manifest)
    assert (server.n_refused > 0) == (every > 0)
    expected = {
        path.relative_to(tmp_path / "audits").as_posix() for path in (tmp_path / "audits").glob("data/**/*.*")
    }
    assert {name for name in names_in(f"{bucket}/audits") if "/runs/" not in name} == {
        name for name in expected if "/runs/" not in name
    }
    forget_mirrors(monkeypatch, tmp_path, "other")
    again = newest_audit(place_at(f"{bucket}/audits", "PLACE"))
    assert again.label_issues.equals(here.label_issues)
    assert len(read_history(place_at(f"{bucket}/audits/data", "PLACE"))) == 1


def test_another_machine_answers_from_the_store(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The cache is shared: a machine with nothing on it computes nothing; a damaged object is computed anew."""
    examples().to_parquet(tmp_path / "data.parquet", index=False)
    put(tmp_path / "data.parquet", f"{bucket}/data.parquet")
    first = audit(f"{bucket}/data.parquet", "label", root=f"{bucket}/audits", options=OPTIONS)
    forget_mirrors(monkeypatch, tmp_path, "second")

    second = audit(f"{bucket}/data.parquet", "label", root=f"{bucket}/audits", options=OPTIONS)

    assert second.manifest["run"]["answered_by"] == "store"
    assert digests(second) == digests(first)
    damaged = next(name for name in remote.sizes_below(f"{bucket}/audits") if name.endswith(".arrow"))
    (tmp_path / "junk").write_bytes(b"junk")
    put(tmp_path / "junk", f"{bucket}/audits/{damaged}")
    forget_mirrors(monkeypatch, tmp_path, "third")
    third = audit(f"{bucket}/data.parquet", "label", root=f"{bucket}/audits", options=OPTIONS)
    assert third.manifest["run"]["answered_by"] != "store"
    assert digests(third) == digests(first)
    assert remote.size_of(f"{bucket}/audits/{damaged}") != 4


def test_changed_data_is_noticed(bucket: str, tmp_path: Path) -> None:
    """A file that was replaced in the store is read anew, whatever is here; versions are compared, verdicts kept."""
    options = {**OPTIONS, "dataset": {"name": "data"}}
    frame = examples()
    frame.to_parquet(tmp_path / "data.parquet", index=False)
    put(tmp_path / "data.parquet", f"{bucket}/data.parquet")
    old = audit(f"{bucket}/data.parquet", "label", root=f"{bucket}/audits", options=options)
    export_review(f"{bucket}/audits/data", tmp_path / "queue.csv", n_rows=3)
    text = (tmp_path / "queue.csv").read_text(encoding="utf-8-sig")
    (tmp_path / "queue.csv").write_text(
        "\n".join(line.replace(",,,,", ",correct,,,", 1) for line in text.splitlines())
    )
    assert import_review(f"{bucket}/audits/data", tmp_path / "queue.csv").n_new == 3
    frame.iloc[:140].to_parquet(tmp_path / "data.parquet", index=False)
    put(tmp_path / "data.parquet", f"{bucket}/data.parquet")

    new = audit(f"{bucket}/data.parquet", "label", root=f"{bucket}/audits", options=options)

    assert new.health["n_examples"] == 140
    assert new.table("review").to_pylist()[0]["n_correct"] == 3
    found = compare(
        f"{bucket}/audits/data/{old.manifest['version']}",
        f"{bucket}/audits/data/{new.manifest['version']}",
        options={"noise_audits": 0},
        engine="local",
    )
    assert found.comparison["n_removed"] == 10
    assert f"data/compare/{old.manifest['audit']}-{new.manifest['audit']}/manifest.json" in names_in(
        f"{bucket}/audits"
    )


@pytest.mark.usefixtures("here")
def test_versions_in_a_bucket_are_audited_once(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each new file below a prefix, in order; another machine finds nothing to do, and the summary in the store."""
    config = write_config(
        tmp_path,
        "train",
        dataset={"name": "train", "versions": f"{bucket}/train/v*.parquet"},
        store={"root": f"{bucket}/audits"},
    )
    for number in (10, 2):
        examples(90 + number).to_parquet(tmp_path / "data.parquet", index=False)
        put(tmp_path / "data.parquet", f"{bucket}/train/v{number}.parquet")

    first = reaudit(config, engine="local")
    forget_mirrors(monkeypatch, tmp_path, "second")
    again = reaudit(config, engine="local")

    assert [(row.version, row.outcome) for row in first.rows] == [("v2", "audited"), ("v10", "audited")]
    assert [(row.version, row.outcome) for row in again.rows] == [("v2", "unchanged"), ("v10", "unchanged")]
    assert {"summary.parquet"} <= names_in(f"{bucket}/audits")


def test_urls_that_cannot_be_used_are_named(bucket: str, tmp_path: Path) -> None:
    """Credentials in a URL, kinds nobody knows, buckets and files that are not there."""
    with pytest.raises(LabelHealthError, match=r"`dataset.path` must be a URL without credentials"):
        audit("s3://key:secret@bucket/data.parquet", "label", root=tmp_path / "audits")
    with pytest.raises(LabelHealthError, match=r"`dataset.path` must be a path or a URL that fsspec knows"):
        audit("nowhere://bucket/data.parquet", "label", root=tmp_path / "audits")
    with pytest.raises(LabelHealthError, match=r"`dataset.path` must hold Parquet files; got none at"):
        audit(f"{bucket}/nothing", "label", root=tmp_path / "audits")
    examples().to_parquet(tmp_path / "data.parquet", index=False)
    with pytest.raises(LabelHealthError, match="`url` must be one that can be read and written"):
        audit(tmp_path / "data.parquet", "label", root="s3://no-such-bucket/audits", options=OPTIONS)
    assert issubclass(ConfigFileError, LabelHealthError)
