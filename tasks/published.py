"""A published audit, read back: the same for `show`, for `--json`, and for the function `audit`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.publish import MANIFEST
from labelhealth.tasks.verdict import Verdict, exit_code

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class NoAuditError(LabelHealthError):
    """There is no published audit in a place."""


@dataclass(frozen=True)
class Audit:
    """A published audit: its manifest, and its tables when asked for."""

    directory: Path
    manifest: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """Return the verdict of the gate with its reasons."""
        stored = self.manifest["verdict"]
        return Verdict(stored["verdict"], tuple(stored["reasons"]), tuple(stored["warnings"]))

    @property
    def exit_code(self) -> int:
        """Return what the command `gate` exits with: 0 PASS, 1 FAIL, 3 INCONCLUSIVE."""
        return exit_code(self.verdict)

    def table(self, name: str) -> pa.Table:
        """Return a published table by its name, such as `class_health`."""
        from labelhealth.tasks.tables import read_parquet

        return read_parquet(self.directory / f"{name}.parquet")

    def _frame(self, name: str) -> pd.DataFrame:
        frame: pd.DataFrame = self.table(name).to_pandas()
        return frame

    @property
    def label_issues(self) -> pd.DataFrame:
        """Return one row an example: what was found about its label."""
        return self._frame("label_issues")

    @property
    def class_health(self) -> pd.DataFrame:
        """Return one row a class, worst label quality first."""
        return self._frame("class_health")

    @property
    def class_overlap(self) -> pd.DataFrame:
        """Return one row a pair of classes that share label errors, most first."""
        return self._frame("class_overlap")

    @property
    def checks(self) -> pd.DataFrame:
        """Return one row an expectation of the checkpoints."""
        return self._frame("checks")

    @property
    def health(self) -> dict[str, Any]:
        """Return the summary of the dataset."""
        row: dict[str, Any] = self.table("health").to_pylist()[0]
        return row

    def worst_labels(self, n_rows: int, *, with_display: bool = True) -> list[dict[str, Any]]:
        """Return up to `n_rows` flagged rows, worst first."""
        import pyarrow.compute as pc

        from labelhealth.configs.tables import LABEL_ISSUES

        table = self.table("label_issues")
        if not with_display:
            table = table.select(list(LABEL_ISSUES.column_names))
        rows = table.filter(pc.less_equal(table["rank"], n_rows)).sort_by("rank").to_pylist()
        return [row for row in rows if row["rank"] is not None]

    def lowest_quality(self, n_rows: int) -> list[dict[str, Any]]:
        """Return the judged rows of lowest label quality, flagged or not, lowest first."""
        table = self.table("label_issues")
        rows: list[dict[str, Any]] = (
            table.filter(table["judged"]).sort_by("label_quality").slice(0, n_rows).to_pylist()
        )
        return rows

    def worst_pairs(self, n_pairs: int) -> list[dict[str, Any]]:
        """Return up to `n_pairs` pairs of classes, most overlap first."""
        rows: list[dict[str, Any]] = self.table("class_overlap").slice(0, n_pairs).to_pylist()
        return rows

    def to_json(self, n_labels: int, n_pairs: int) -> dict[str, Any]:
        """Return what a machine wants to know, as plain JSON values."""
        run = self.manifest["run"]
        return {
            "verdict": self.verdict.verdict,
            "exit_code": self.exit_code,
            "reasons": list(self.verdict.reasons),
            "warnings": [*self.verdict.warnings, *self.manifest["warnings"]],
            "dataset": self.manifest["dataset"],
            "version": self.manifest["version"],
            "audit": self.manifest["audit"],
            "directory": str(self.directory),
            "health": self.health,
            "worst_labels": json.loads(json.dumps(self.worst_labels(n_labels), default=str)),
            "worst_pairs": self.worst_pairs(n_pairs),
            "answered_by": run["answered_by"],
            "seconds": run["seconds"],
            "stages": run["stages"],
        }


def read_audit(directory: Path) -> Audit:
    """Return the audit published in `directory`."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except OSError:
        msg = f"`audit` must be a folder with a {MANIFEST}; {directory} has none. Hint: run `labelhealth audit`."
        raise NoAuditError(msg) from None
    except ValueError:
        msg = f"`audit` must be a published audit; {directory / MANIFEST} is damaged. Hint: run the audit again."
        raise NoAuditError(msg) from None
    return Audit(directory, manifest)


def newest_audit(place: Path) -> Audit:
    """Return the audit in `place`, or the newest one below it (a version, a dataset or a whole store)."""
    if (place / MANIFEST).is_file():
        return read_audit(place)
    found = [read_audit(manifest.parent) for manifest in _manifests(place)]
    if not found:
        msg = f"`place` must hold a published audit; there is none in {place}. Hint: run `labelhealth audit`."
        raise NoAuditError(msg)
    return max(found, key=lambda audit: str(audit.manifest["run"]["started_at"]))


def _manifests(place: Path) -> Iterator[Path]:
    for depth in ("*", "*/*", "*/*/*"):
        yield from place.glob(f"{depth}/{MANIFEST}")
