"""A published comparison, read back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.tasks.publish import MANIFEST
from labelhealth.tasks.published import plain_json
from labelhealth.tasks.published_tables import no_audit, read_table


@dataclass(frozen=True)
class PublishedComparison:
    """Two audits of a dataset, compared: tables when asked for, and a manifest."""

    directory: Path
    manifest: dict[str, Any]

    def __repr__(self) -> str:
        """Return finding and place."""
        return f"PublishedComparison({self.comparison['finding']!r}, {str(self.directory)!r})"

    @property
    def comparison(self) -> dict[str, Any]:
        """Return what the whole comparison comes to."""
        row: dict[str, Any] = self.table("comparison").to_pylist()[0]
        return row

    @property
    def finding(self) -> str:
        """Return what the evidence allows to say."""
        return str(self.comparison["finding"])

    def table(self, name: str) -> pa.Table:
        """Return a table: changes, class_changes, pair_changes, slice_changes or comparison."""
        return read_table(self.directory / f"{name}.parquet")

    def state_counts(self) -> dict[str, int]:
        """Return how many examples are in each state."""
        with pq.ParquetFile(self.directory / "changes.parquet") as file:
            states = file.read(columns=["state"])["state"].to_pylist()
        return dict(Counter(state for state in states if state is not None))

    def to_json(self) -> dict[str, Any]:
        """Return what a machine wants to know."""
        about = {key: self.manifest[key] for key in ("dataset", "old", "new", "warnings")}
        document = {**about, "directory": self.directory, **self.comparison, "states": self.state_counts()}
        return {key: plain_json(value) for key, value in document.items()}


def read_comparison(directory: Path) -> PublishedComparison:
    """Return the comparison published in `directory`."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError):
        raise no_audit(f"{directory} holds no comparison") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != "comparison":
        raise no_audit(f"{directory} holds no comparison")
    return PublishedComparison(directory, manifest)
