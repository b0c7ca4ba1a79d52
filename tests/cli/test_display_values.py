"""Display columns hold whatever the data holds: every report shows it, and JSON stays JSON."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.configs.audit import AuditConfig, DatasetOptions, ReportOptions
from labelhealth.configs.input import InputOptions
from labelhealth.tasks.published import Audit, plain_json, read_audit
from tests.cli.conftest import Command
from tests.conftest import small_columns

Write = Callable[..., Path]
LOCAL = ("--label", "label", "--id", "id", "--engine", "local", "--set", "reports.worst_labels=3")


def every_row(value: Any, kind: pa.DataType) -> pa.Array:
    """Return a column of the small dataset's length; integers may stand for instants."""
    stored = pa.int32() if kind == pa.date32() else pa.int64()
    counted = pa.types.is_temporal(kind) and isinstance(value, int)
    return pa.array([value] * 180, stored).cast(kind) if counted else pa.array([value] * 180, kind)


NOT_UTF8 = pa.array([b"caf\xe9"] * 180)
ODD = {
    "nan": every_row(math.nan, pa.float64()),
    "infinite": every_row(-math.inf, pa.float32()),
    "struct": pa.array([{"a": math.nan, "b": [math.inf, 1.0]}] * 180),
    "bytes": every_row(b"\xff\x00", pa.binary()),
    "decimal": every_row(decimal.Decimal("1.50"), pa.decimal128(5, 2)),
    "day": every_row(dt.date(2026, 1, 2), pa.date32()),
    "time": every_row(dt.time(1, 2, 3), pa.time64("us")),
    "far_day": every_row(10**7, pa.date32()),
    "far_us": every_row(10**18, pa.timestamp("us")),
    "far_ms": every_row(10**15, pa.timestamp("ms")),
    "long": every_row(10**15, pa.duration("s")),
    "mars": every_row(10**9, pa.timestamp("us", tz="Mars/Base")),
    "not_utf8": pa.Array.from_buffers(pa.string(), 180, NOT_UTF8.buffers()),
    "nested_far": pa.array([[10**15]] * 180, pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("ms"))),
}
SHOWN = {
    "nan": None,
    "infinite": None,
    "struct": {"a": None, "b": [None, 1.0]},
    "bytes": "/wA=",
    "decimal": "1.50",
    "day": "2026-01-02",
    "time": "01:02:03",
    "far_day": "29349-01-26",
    "long": "1000000000000000",
    "mars": "unreadable",
    "not_utf8": "unreadable",
}


def strict(text: str) -> Any:
    """Return what strict JSON says; NaN and infinities are refused."""

    def refuse(constant: str) -> None:
        msg = f"{constant} is not JSON"
        raise ValueError(msg)

    return json.loads(text, parse_constant=refuse)


def audited(command: Command, path: Path, display: str) -> Audit:
    """Audit with display columns and return what was published."""
    ended = command("audit", path, *LOCAL, "--display", display, "--json")
    assert ended.code == 0, ended
    return read_audit(Path(strict(ended.output)["directory"]))


def test_odd_values_are_shown_everywhere(
    command: Command, write_parquet: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terminal, JSON, lists of rows and artifacts: each value as its text, or a word that there is none."""
    from labelhealth import terminal
    from labelhealth.flows import artifacts

    audit = audited(command, write_parquet({**small_columns(), **ODD}), ",".join(ODD))
    document = strict(command("show", audit.directory, "--json").output)
    tables: list[Any] = []
    monkeypatch.setattr(artifacts, "create_markdown_artifact", lambda *_, **__: None)
    monkeypatch.setattr(artifacts, "create_table_artifact", lambda table, **_: tables.append(table))
    config = AuditConfig(
        dataset=DatasetOptions(path="data.parquet"),
        input=InputOptions(label="label"),
        reports=ReportOptions(display_in_artifacts=True),
    )
    artifacts.publish_artifacts(str(audit.directory), config)

    assert {name: document["worst_labels"][0][name] for name in SHOWN} == SHOWN
    assert set(ODD) <= set(document["worst_labels"][0])
    monkeypatch.setenv("COLUMNS", "900")
    monkeypatch.setattr(terminal, "_MAX_DISPLAY", len(ODD))
    shown = command("show", audit.directory).output
    assert all(text in shown for text in ("29349-01-26", "unreadable", "2026-01-02", "nan", "1.50"))
    assert len(audit.lowest_quality(2)) == 2
    assert audit.label_issues["far_day"][0] == "29349-01-26"
    assert audit.label_issues["mars"][0] == "unreadable"
    assert audit.label_issues["label_quality"].dtype == np.float64
    assert strict(json.dumps(tables[0]))[0]["far\\_day"] == "29349-01-26"


def test_worst_labels_are_in_order(command: Command, write_parquet: Write) -> None:
    """The first ranks, in their order; the lowest qualities, in theirs; display columns on request."""
    audit = audited(command, write_parquet({**small_columns(), "note": ["n"] * 180}), "note")
    table = audit.label_issues

    rows, lowest = audit.worst_labels(4), audit.lowest_quality(4)

    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    by_rank = table.sort_values("rank").head(4)
    assert [row["example_id"] for row in rows] == by_rank["example_id"].tolist()
    expected = table["label_quality"].sort_values().head(4).tolist()
    assert [row["label_quality"] for row in lowest] == expected
    assert "note" in rows[0]
    assert "note" not in audit.worst_labels(4, with_display=False)[0]
    assert audit.worst_labels(0) == []


def test_display_columns_of_taken_names(command: Command, write_parquet: Write) -> None:
    """`Rank`, `data.rank`, `source_file` and more as display columns: the table can be read, each is there."""
    names = ["Rank", "data.rank", "source_file", "file_index"]
    extra = {name: [f"my {name}"] * 180 for name in names}

    audit = audited(command, write_parquet({**small_columns(), **extra}), ",".join(names))

    columns = pq.read_table(audit.directory / "label_issues.parquet").column_names
    assert len({name.casefold() for name in columns}) == len(columns)
    (row,) = audit.worst_labels(1)
    assert row["rank"] == 1
    assert {f"my {name}" for name in names} <= set(map(str, row.values()))


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()
    | st.datetimes() | st.times() | st.timedeltas() | st.decimals() | st.uuids() | st.complex_numbers()
    | st.just("\udcff"),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)  # fmt: skip


@given(JSON_LIKE)
def test_plain_json_is_strict_and_settled(value: Any) -> None:
    """Any value becomes what strict JSON and UTF-8 hold; doing it twice changes nothing."""
    plain = plain_json(value)
    text = json.dumps(plain, allow_nan=False, ensure_ascii=False)

    assert strict(text.encode().decode()) == plain
    assert plain_json(plain) == plain


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(1.5), 1.5),
        (np.int8(3), 3),
        (np.float16("nan"), None),
        (True, True),
        ({1: math.inf}, {"1": None}),
        (b"\xff", "/w=="),
        (Path("a"), "a"),
    ],
)
def test_plain_json_by_hand(value: Any, plain: Any) -> None:
    """Numbers stay numbers of the same kind; what is no number, text, list or mapping becomes text."""
    assert plain_json(value) == plain
    assert type(plain_json(value)) is type(plain)
