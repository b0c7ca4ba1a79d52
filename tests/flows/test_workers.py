"""Folds side by side: another number of workers is the same audit, and a failing fold fails it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labelhealth.api import run
from labelhealth.configs.audit import AuditConfig
from labelhealth.core.errors import ClassifierError
from labelhealth.tasks.published import Audit
from tests.conftest import small_columns

MakeConfig = Callable[..., AuditConfig]
FAILING = """
import threading
from sklearn.linear_model import LogisticRegression

n_fits, lock = [0], threading.Lock()


class Failing(LogisticRegression):
    def fit(self, frame, labels):
        with lock:
            n_fits[0] += 1
            if n_fits[0] == 2:
                raise RuntimeError("planted in the second fit")
        return super().fit(frame, labels)
"""


def tables(audit: Audit) -> dict[str, bytes]:
    """Return the bytes of an audit's published tables."""
    return {path.name: path.read_bytes() for path in sorted(audit.directory.glob("*.parquet"))}


@pytest.mark.parametrize("name", ["LogisticRegression", "auto"])
def test_number_of_workers_changes_nothing(make_config: MakeConfig, tmp_path: Path, name: str) -> None:
    """One worker, three, or as many as there are cores: one audit id, and the same bytes in every table."""
    audits = [
        run(
            make_config(
                store__root=str(tmp_path / f"audits-{workers}"),
                run__workers=workers,
                probabilities__estimator__name=name,
            )
        )
        for workers in (1, 3, None)
    ]

    assert len({audit.directory.name for audit in audits}) == 1
    assert tables(audits[0]) == tables(audits[1]) == tables(audits[2])
    assert [stage["name"] for stage in audits[0].manifest["run"]["stages"]] == [
        stage["name"] for stage in audits[1].manifest["run"]["stages"]
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_failing_fold_fails_the_audit(
    make_config: MakeConfig,
    user_code: Callable[[dict[str, str]], None],
    tmp_path: Path,
    workers: int,
) -> None:
    """A failure inside one of the threads reaches the caller with the fold's number, and nothing is published."""
    user_code({"failing": FAILING})
    config = make_config(run__workers=workers, probabilities__estimator__name="failing.Failing")

    with pytest.raises(ClassifierError, match=r"\(fold \d\); got RuntimeError: planted in the second fit"):
        run(config)
    assert not list((tmp_path / "audits").glob("*/*/*/manifest.json"))


def test_limit_on_training_rows_is_told(make_config: MakeConfig) -> None:
    """Every row is judged, the audit has another id, and its manifest says what the models learned from."""
    plain, limited = run(make_config()), run(make_config(probabilities__max_train_rows=70))
    (warning,) = limited.manifest["warnings"]

    assert limited.health["n_judged"] == plain.health["n_judged"] == 180
    assert limited.directory.name != plain.directory.name
    assert plain.manifest["warnings"] == []
    assert warning.startswith(
        "`max_train_rows`: 3 of 3 models learned from samples of at most 69 of 124 rows."
    )


@pytest.mark.parametrize("scheme", ["grouped", "stratified", "time"])
def test_limit_holds_for_every_scheme(
    make_config: MakeConfig, write_parquet: Callable[..., Path], scheme: str
) -> None:
    """Folds by group, by class or by time learn from a sample too, and judge the rows that they judge without."""
    rows = range(180)
    columns = {**small_columns(), "who": [f"group {row // 4}" for row in rows], "when": list(rows)}
    path = write_parquet(columns, "grouped.parquet")
    settings = {
        "dataset__path": str(path),
        "input__group": "who",
        "input__time": "when",
        "probabilities__folds__scheme": scheme,
    }
    plain = run(make_config(**settings))
    limited = run(make_config(**settings, probabilities__max_train_rows=60))

    assert limited.health["n_judged"] == plain.health["n_judged"]
    assert any("`max_train_rows`" in warning for warning in limited.manifest["warnings"])
