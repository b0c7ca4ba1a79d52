"""The table people read: what stands in each row, and under which names display columns are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.configs.tables import LABEL_ISSUES, NOT_JUDGED_REASONS
from labelhealth.tasks import label_issues
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.label_issues import display_names
from labelhealth.tasks.reports import render
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import put_array, put_arrow, put_names, read_parquet, schema_of


@pytest.mark.parametrize(
    ("names", "published"),
    [
        (["note", "color"], ["note", "color"]),
        (["rank"], ["data.rank"]),
        (["Rank"], ["data.Rank"]),
        (["rank", "data.rank"], ["data.data.rank", "data.rank"]),
        (["data.rank", "rank"], ["data.rank", "data.data.rank"]),
        (["rank", "Rank"], ["data.rank", "data.data.Rank"]),
        (["color", "Color"], ["color", "data.Color"]),
        (["file_index", "source_file"], ["file_index", "data.source_file"]),
    ],
)
def test_taken_names_get_a_prefix(names: list[str], published: list[str]) -> None:
    """A column keeps its name unless the report or another column has it."""
    assert display_names(names) == published


@given(
    st.lists(
        st.sampled_from([*LABEL_ISSUES.column_names, "x", "ß"]).flatmap(
            lambda name: st.sampled_from([name, name.upper(), name.title(), f"data.{name}", f"Data.{name}"])
        ),
        unique=True,
        max_size=12,
    )
)
def test_published_names_are_free_in_any_case(names: list[str]) -> None:
    """No two columns of the report have names that differ in case alone, whatever the display columns are."""
    folded = [name.casefold() for name in (*LABEL_ISSUES.column_names, *display_names(names))]

    assert len(set(folded)) == len(folded)


CLASSES = ["ant", "bee", "cat"]
FILES = (("a/1.parquet", "a/2.parquet"), ("b.parquet",), ("c.parquet", "d.parquet"))
PART_ROWS = (40, 1, 26)


def make_part(n_rows: int, n_files: int, seed: int, floats: str) -> dict[str, Any]:
    """Return one part as plain arrays: some rows without label, some not judged, some flagged."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(-2, 3, n_rows).astype(np.int32)
    reasons = np.where(labels >= 0, 0, -labels).astype(np.uint8)
    reasons[(reasons == 0) & (rng.random(n_rows) < 0.2)] = 2
    judged = np.flatnonzero(reasons == 0)
    flagged = np.flatnonzero(rng.random(len(judged)) < 0.4)
    return {
        "example_id": [f"id {row}" for row in range(n_rows)],
        "occurrence": rng.integers(0, 3, n_rows),
        "file_index": np.sort(rng.integers(0, n_files, n_rows)).astype(np.int32),
        "row_number": np.arange(n_rows),
        "note": [None if row % 5 == 0 else f"note {row % 4}" for row in range(n_rows)],
        "labels": labels,
        "reasons": reasons,
        "judged": judged,
        "predicted": rng.integers(0, 3, len(judged)).astype(np.int32),
        "label_quality": rng.random(len(judged)).astype(floats),
        "self_confidence": rng.random(len(judged)).astype(floats),
        "normalized_margin": rng.random(len(judged)).astype(floats),
        "flagged": flagged,
        "ranks": 1 + rng.permutation(len(flagged)) + 100 * seed,
    }


def rows_by_definition(part: dict[str, Any], files: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the rows of the table, one by one from their definition."""
    rows = []
    for row in range(len(part["labels"])):
        label, reason = part["labels"][row], part["reasons"][row]
        found: dict[str, Any] = dict.fromkeys(
            ["predicted_label", "label_quality", "rank", "self_confidence", "normalized_margin"]
        )
        if reason == 0:
            place = part["judged"].tolist().index(row)
            for name in ("label_quality", "self_confidence", "normalized_margin"):
                found[name] = float(part[name][place])
            found["predicted_label"] = CLASSES[part["predicted"][place]]
            if place in part["flagged"]:
                found["rank"] = int(part["ranks"][part["flagged"].tolist().index(place)])
        rows.append(
            {
                **found,
                "example_id": part["example_id"][row],
                "occurrence": part["occurrence"][row],
                "given_label": CLASSES[label] if label >= 0 else None,
                "is_label_issue": found["rank"] is not None,
                "judged": bool(reason == 0),
                "not_judged_reason": NOT_JUDGED_REASONS[reason] or None,
                "source_file": files[part["file_index"][row]],
                "row_number": row,
                "note": part["note"][row],
            }
        )
    return rows


def render_parts(store: Store, parts: list[dict[str, Any]]) -> Path:
    """Return the table that the stage renders from these parts."""
    own = ("example_id", "occurrence", "file_index", "row_number")
    tables = [pa.table({name: part[name] for name in own} | {"display.note": part["note"]}) for part in parts]
    found = [
        PartFindings(**{name: put_array(store, part[name]) for name in PartFindings.model_fields})
        for part in parts
    ]
    refs = {
        name: tuple(put_array(store, part[name]) for part in parts)
        for name in ("labels", "judged", "reasons")
    }
    rendered = render.fn(
        store,
        tuple(put_arrow(store, table) for table in tables),
        refs["labels"],
        put_names(store, CLASSES),
        refs["judged"],
        refs["reasons"],
        tuple(found),
        FILES[: len(parts)],
    )
    return store.path(rendered.label_issues)


@pytest.mark.parametrize("block_rows", [1, 7, 40, 1 << 18])
@pytest.mark.parametrize("floats", ["float32", "float64"])
def test_rows_are_what_their_columns_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int, floats: str
) -> None:
    """Every cell of the table equals its definition, whatever the parts and blocks that it was written in."""
    monkeypatch.setattr(label_issues, "BLOCK_ROWS", block_rows)
    sizes = zip(PART_ROWS, FILES, strict=True)
    parts = [make_part(n_rows, len(files), seed, floats) for seed, (n_rows, files) in enumerate(sizes)]
    expected = [
        row for part, files in zip(parts, FILES, strict=True) for row in rows_by_definition(part, files)
    ]

    path = render_parts(Store(root=str(tmp_path)), parts)

    table = read_parquet(path)
    assert table.to_pylist() == [{name: row[name] for name in table.column_names} for row in expected]
    groups = pq.read_metadata(path)
    assert max(groups.row_group(number).num_rows for number in range(groups.num_row_groups)) <= block_rows


def test_rendered_table_has_the_published_schema(tmp_path: Path) -> None:
    """Names, types, meanings and metadata are the documented ones, then come the display columns."""
    path = render_parts(Store(root=str(tmp_path)), [make_part(40, 2, 0, "float64")])
    schema, documented = read_parquet(path).schema, schema_of(LABEL_ISSUES)
    own = pa.schema(list(schema)[: len(documented)], metadata=schema.metadata)

    assert own.equals(documented, check_metadata=True)
    assert schema.names[len(documented) :] == ["note"]


def test_same_findings_render_the_same_bytes(tmp_path: Path) -> None:
    """Two renderings are one file: what is published is compared by digest."""
    part = make_part(40, 2, 0, "float64")
    one, other = (render_parts(Store(root=str(tmp_path / name)), [part]) for name in "ab")

    assert one.name == other.name


def between(part: dict[str, Any], low: int, high: int) -> dict[str, Any]:
    """Return rows `low` to below `high` of a part as a part of their own, of the same files."""
    first, last = np.searchsorted(part["judged"], [low, high])
    own = (part["flagged"] >= first) & (part["flagged"] < last)
    judged = ("predicted", "label_quality", "self_confidence", "normalized_margin")
    every = ("example_id", "occurrence", "file_index", "row_number", "note", "labels", "reasons")
    return {
        **{name: part[name][low:high] for name in every},
        **{name: part[name][first:last] for name in judged},
        "judged": part["judged"][first:last] - low,
        "flagged": part["flagged"][own] - first,
        "ranks": part["ranks"][own],
    }


@pytest.mark.parametrize("block_rows", [7, 16, 1 << 18])
def test_file_does_not_depend_on_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int
) -> None:
    """How the rows were read changes no byte: one part or three, the digest is the same."""
    monkeypatch.setattr(label_issues, "BLOCK_ROWS", block_rows)
    monkeypatch.setitem(globals(), "FILES", (FILES[0],) * 3)
    whole = make_part(40, 2, 0, "float64")
    cuts = [between(whole, 0, 5), between(whole, 5, 21), between(whole, 21, 40)]
    one, three = (render_parts(Store(root=str(tmp_path)), parts) for parts in ([whole], cuts))

    assert one == three
