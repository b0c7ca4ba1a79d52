"""Published reports read for a comparison, and what it finds kept in the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from labelhealth.configs.compare import CompareOptions
from labelhealth.configs.tables import TABLES
from labelhealth.tasks.changes import ChangeTables, Evidence
from labelhealth.tasks.compare_versions import compare_versions
from labelhealth.tasks.published_tables import no_audit
from labelhealth.tasks.source import Source
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import put_frame

_COLUMNS = (
    "example_id",
    "given_label",
    "predicted_label",
    "is_label_issue",
    "label_quality",
    "judged",
    "source_file",
    "row_number",
)


def compare_files(
    store: Store,
    old: Source,
    new: Source,
    earlier: Sequence[Source],
    slices: Sequence[str],
    evidence: Evidence,
    options: CompareOptions,
) -> ChangeTables:
    """Read the reports, compare them, and store the tables."""
    found = compare_versions(
        _read(old, slices),
        _read(new, slices),
        options,
        published_share=evidence.published_share,
        once_flagged=_flagged_ids(earlier),
        slices=slices,
        noise_floor=evidence.noise_floor,
        same_auditor=evidence.same_auditor,
        health=evidence.health,
    )
    return ChangeTables(**{name: put_frame(store, TABLES[name], frame) for name, frame in found.items()})


def _read(source: Source, slices: Sequence[str]) -> pd.DataFrame:
    (file,) = source.files
    names = pq.read_schema(file.path).names
    if not set(_COLUMNS) <= set(names):
        raise no_audit(f"{Path(file.path)} is another table")
    shown = [name for name in slices if name in names and name not in _COLUMNS]
    frame: pd.DataFrame = pq.ParquetFile(file.path).read(columns=[*_COLUMNS, *shown]).to_pandas()
    return frame


def _flagged_ids(sources: Sequence[Source]) -> frozenset[str]:
    """Return the ids of examples that one of the reports flags."""
    ids: set[str] = set()
    for source in sources:
        table = pq.ParquetFile(source.files[0].path).read(columns=["example_id", "is_label_issue"])
        ids |= set(table.filter(table["is_label_issue"])["example_id"].to_pylist())
    return frozenset(ids)
