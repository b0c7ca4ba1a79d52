"""The summary of a re-audit in the root of each store: one file, replaced by the next re-audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelhealth.configs.reaudit_tables import SUMMARY
from labelhealth.tasks.remote import local_place, push
from labelhealth.tasks.store import Store, writing
from labelhealth.tasks.tables import make_table, write_parquet

SUMMARY_FILE = "summary.parquet"


def write_summary(root: str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the rows of one store; a reader sees the file of before or this one."""
    table = make_table(SUMMARY, {name: [row[name] for row in rows] for name in SUMMARY.column_names})
    here = local_place(root, "store.root")
    path = here / SUMMARY_FILE
    with writing(str(here)), Store(root=str(here)).scratch(".parquet") as temporary:
        write_parquet(table, temporary)
        temporary.replace(path)
    push(path)
    return path
