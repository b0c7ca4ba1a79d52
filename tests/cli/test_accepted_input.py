"""Awkward data that must be audited all the same."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.cli.conftest import Command
from tests.conftest import small_columns

Write = Callable[..., Path]
LOCAL = ("--label", "label", "--engine", "local", "--json")


def audited(command: Command, path: Path, *options: str) -> dict[str, Any]:
    """Audit and return the JSON."""
    ended = command("audit", path, *LOCAL, *options)
    assert ended.code == 0, ended
    assert ended.errors == ""
    result: dict[str, Any] = json.loads(ended.output)
    return result


def changed(**columns: Any) -> dict[str, Any]:
    """Return the small dataset with columns replaced or added."""
    return {**small_columns(), **columns}


def every_third(values: list[Any]) -> list[Any]:
    """Return the values with every third missing."""
    return [None if place % 3 == 0 else value for place, value in enumerate(values)]


def test_every_kind_of_feature_with_missing_values(command: Command, write_parquet: Write) -> None:
    """Numbers, booleans, categories, text, dates and vectors, a third of each missing; constant and empty columns."""
    n = 180
    rng = np.random.default_rng(1)
    truth = np.arange(n) % 3
    vectors = [[float(t), float(v)] for t, v in zip(truth, rng.normal(size=n), strict=True)]
    path = write_parquet(
        changed(
            x=every_third((truth + rng.normal(size=n)).tolist()),
            flag=every_third([bool(t == 1) for t in truth]),
            color=pa.array(every_third([f"color {t}" for t in rng.integers(0, 4, n)])).dictionary_encode(),
            note=every_third(
                [f"note number {v} of class {t % 2}" for t, v in enumerate(rng.integers(0, 10**6, n))]
            ),
            day=every_third(
                [dt.date(2026, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 99, n)]
            ),
            stamp=every_third([dt.datetime(2026, 1, 1, int(h)) for h in rng.integers(0, 23, n)]),
            vector=pa.array(every_third(vectors), pa.list_(pa.float32())),
            constant=[7] * n,
            empty=pa.nulls(n, pa.float64()),
        )
    )

    result = audited(command, path, "--id", "id", "--set", "input.max_categories=20")

    assert result["health"]["n_judged"] == n
    assert any("constant" in warning for warning in result["warnings"])
    assert any("empty" in warning for warning in result["warnings"])


def test_rows_without_label_are_counted_and_listed(command: Command, write_parquet: Write) -> None:
    """A null label: left out of training and counting, present in the report."""
    labels = list(small_columns()["label"])
    labels[3] = labels[90] = None

    result = audited(command, write_parquet(changed(label=labels)), "--id", "id")

    assert result["health"]["n_examples"] == 180
    assert result["health"]["n_labelled"] == result["health"]["n_judged"] == 178
    from labelhealth.tasks.published import read_audit

    rows = read_audit(Path(result["directory"])).label_issues
    assert rows.loc[rows["not_judged_reason"] == "no_label", "example_id"].tolist() == ["row-3", "row-90"]
    assert not rows.loc[[3, 90], "is_label_issue"].any()


def test_class_with_one_example_is_not_judged(command: Command, write_parquet: Write) -> None:
    """No model has seen the class when it meets its only example: no quality is claimed for it."""
    labels = list(small_columns()["label"])
    labels[5] = "unicorn"

    result = audited(command, write_parquet(changed(label=labels)), "--id", "id")

    from labelhealth.tasks.published import read_audit

    audit = read_audit(Path(result["directory"]))
    row = audit.label_issues.iloc[5]
    assert (row["given_label"], row["judged"], row["not_judged_reason"]) == (
        "unicorn",
        False,
        "class_not_in_training",
    )
    assert np.isnan(row["label_quality"])
    unicorn = audit.class_health.set_index("class_name").loc["unicorn"]
    assert not unicorn["judged"]
    assert unicorn["num_examples"] == 1


@pytest.mark.parametrize(
    "names",
    [
        ["mäuschen", "鼠", "\N{MOUSE FACE}"],
        ["a" * 3000, "b" * 3000, "c" * 3000],
        ["", " ", "\t"],
        ["<b>bold</b>", "[red]rich[/red]", "\x1b[2Jclear"],
        ["'; DROP TABLE x; --", "${HOME}", "{{7*7}}"],
    ],
)
def test_strange_class_names_are_kept_and_shown_inert(
    command: Command, write_parquet: Write, names: list[str]
) -> None:
    """Names in any script, of any length, with any markup: kept as they are, shown as text."""
    kinds = {"ant": names[0], "bee": names[1], "cat": names[2]}
    path = write_parquet(changed(label=[kinds[label] for label in small_columns()["label"]]))

    result = audited(command, path, "--id", "id")
    shown = command("show", result["directory"])

    from labelhealth.tasks.published import read_audit

    assert set(read_audit(Path(result["directory"])).class_health["class_name"]) == set(names)
    assert shown.code == 0
    assert "\x1b[2J" not in shown.output


CODES = [{"ant": 0, "bee": 1, "cat": 2}[label] for label in small_columns()["label"]]
STRINGS = pa.array(small_columns()["label"])


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        (STRINGS, {"ant", "bee", "cat"}),
        (STRINGS.cast(pa.large_string()), {"ant", "bee", "cat"}),
        (STRINGS.cast(pa.string_view()), {"ant", "bee", "cat"}),
        (STRINGS.dictionary_encode(), {"ant", "bee", "cat"}),
        *[
            (pa.array(CODES, kind), {"0", "1", "2"})
            for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())
        ],
        *[
            (pa.array(CODES, kind), {"0", "1", "2"})
            for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
        ],
        (pa.array([float(code) for code in CODES]), {"0", "1", "2"}),
        (pa.array(CODES, pa.float32()), {"0", "1", "2"}),
        (pa.array([decimal.Decimal(code) for code in CODES]), {"0", "1", "2"}),
        (pa.array([code == 1 for code in CODES]), {"false", "true"}),
        (pa.array(CODES).dictionary_encode(), {"0", "1", "2"}),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_label_columns_of_every_sensible_type(
    command: Command, write_parquet: Write, column: pa.Array, classes: set[str]
) -> None:
    """Strings, integers, booleans, categories, and integers that a missing value made floats."""
    result = audited(command, write_parquet(changed(label=column)), "--id", "id")

    from labelhealth.tasks.published import read_audit

    assert set(read_audit(Path(result["directory"])).class_health["class_name"]) == classes


def test_directory_of_files(command: Command, write_parquet: Write, tmp_path: Path) -> None:
    """A directory is one dataset; every row says in which file it stands."""
    table = pa.table(small_columns())
    write_parquet(table.slice(0, 100), "parts/a.parquet")
    write_parquet(table.slice(100), "parts/sub/b.parquet")

    result = audited(command, tmp_path / "parts", "--id", "id")

    from labelhealth.tasks.published import read_audit

    rows = read_audit(Path(result["directory"])).label_issues
    assert rows.groupby("source_file").size().to_dict() == {"a.parquet": 100, "sub/b.parquet": 80}
    assert rows["row_number"].tolist() == [*range(100), *range(80)]


def test_ready_probabilities_three_ways_agree(command: Command, write_parquet: Write, tmp_path: Path) -> None:
    """A list column, one column a class, and a `.npy` with ids in another order: the same findings."""
    rng = np.random.default_rng(3)
    probs = rng.dirichlet([1.0, 1.0, 1.0], 180)
    given = ("--id", "id", "--class-names", "ant,bee,cat")
    as_columns = {f"p_{name}": values for name, values in zip(("ant", "bee", "cat"), probs.T, strict=True)}
    listed = write_parquet(
        changed(pred_probs=pa.FixedSizeListArray.from_arrays(pa.array(probs.ravel()), 3)), "l.parquet"
    )
    wide = write_parquet(changed(**as_columns), "w.parquet")
    plain = write_parquet(small_columns(), "n.parquet")
    order = rng.permutation(180)
    np.save(tmp_path / "probs.npy", probs[order])
    np.save(tmp_path / "ids.npy", np.array(small_columns()["id"])[order])

    results = [
        audited(command, listed, *given, "--set", "pred_probs.column=pred_probs"),
        audited(command, wide, *given, "--pred-probs-columns", "p_ant,p_bee,p_cat"),
        audited(command, plain, *given, "--pred-probs", "probs.npy", "--set", "pred_probs.ids_file=ids.npy"),
    ]

    strip = [
        [{k: v for k, v in row.items() if k != "source_file"} for row in r["worst_labels"]] for r in results
    ]
    assert strip[0] == strip[1] == strip[2]
    assert len(strip[0]) == 20
    assert results[0]["health"] == results[1]["health"] == results[2]["health"]


def test_class_without_judged_rows_has_no_quality(command: Command, write_parquet: Write) -> None:
    """A class that the config names and no row has: no number is claimed for it, and a rule on it cannot pass."""
    options = ("--id", "id", "--set", "input.classes=[ant, bee, cat, absent]")
    rule = "gate.min_class_quality={min: 0.1, classes: [absent]}"
    path = write_parquet(small_columns())

    result = audited(command, path, *options)
    gate = command("gate", path, *LOCAL, *options, "--set", rule)

    from labelhealth.tasks.published import read_audit

    row = read_audit(Path(result["directory"])).class_health.set_index("class_name").loc["absent"]
    assert row[["label_noise", "label_quality_score", "flagged_share"]].isna().all()
    assert gate.code == 3
    assert "absent" in gate.output


def test_fold_that_saw_one_class_judges_nothing(command: Command, write_parquet: Write) -> None:
    """Folds by time, a second class that begins late: what a one-class model says is no evidence."""
    stamps = [dt.datetime(2026, 1, 1) + dt.timedelta(hours=hour) for hour in range(180)]
    labels = ["ant" if hour < 120 else ("ant", "bee")[hour % 2] for hour in range(180)]
    path = write_parquet(changed(when=stamps, label=labels))

    result = audited(
        command, path, "--id", "id", "--time", "when", "--set", "probabilities.folds.scheme=time"
    )

    from labelhealth.tasks.published import read_audit

    rows = read_audit(Path(result["directory"])).label_issues
    reasons = rows["not_judged_reason"].value_counts().to_dict()
    assert reasons["before_first_cut"] == 30
    assert reasons["one_class_in_training"] == 120
    assert rows.loc[~rows["judged"], "label_quality"].isna().all()
    assert result["health"]["n_judged"] == rows["judged"].sum() == 30
    assert any("fewer than two" in warning or "to learn from" in warning for warning in result["warnings"])


def test_store_inside_the_dataset_is_no_part_of_it(
    command: Command, write_parquet: Write, tmp_path: Path
) -> None:
    """A dataset's folder audited from inside: the reports are not read as data the second time."""
    write_parquet(small_columns(), "here/data.parquet")
    root = ("--root", str(tmp_path / "here" / "audits"))

    first = audited(command, tmp_path / "here", "--id", "id", *root)
    second = audited(command, tmp_path / "here", "--id", "id", *root)

    assert first["directory"] == second["directory"]


@pytest.mark.slow
def test_five_thousand_classes(command: Command, write_parquet: Write, tmp_path: Path) -> None:
    """More classes than any table of pairs could hold."""
    n_classes, n_rows = 5000, 10_000
    rng = np.random.default_rng(4)
    truth = np.arange(n_rows) % n_classes
    probs = np.full((n_rows, n_classes), 0.5 / (n_classes - 1), dtype=np.float32)
    probs[np.arange(n_rows), truth] = 0.5
    given = np.where(rng.random(n_rows) < 0.01, (truth + 1) % n_classes, truth)
    np.save(tmp_path / "probs.npy", probs)
    path = write_parquet({"id": np.arange(n_rows), "label": given})
    names = ",".join(str(name) for name in range(n_classes))

    result = audited(
        command, path, "--id", "id", "--pred-probs", "probs.npy", "--aligned", "--class-names", names,
        "--set", f"input.classes=[{names}]",
    )  # fmt: skip

    assert result["health"]["n_classes"] == n_classes
    assert result["health"]["disagreement_share"] == pytest.approx(np.mean(given != truth))
