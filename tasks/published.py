"""A published audit, read back: the same for `show`, for `--json`, and for the function `audit`."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from labelhealth.configs.tables import LABEL_ISSUES
from labelhealth.tasks.publish import MANIFEST
from labelhealth.tasks.published_tables import NoAuditError, frame_of, no_audit, read_first_rows, read_table
from labelhealth.tasks.remote import bring_visible, fetch
from labelhealth.tasks.verdict import Verdict, VerdictName, exit_code

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_DEPTH = 3  # folders between a store and an audit


class _Part(BaseModel):
    """A part of a manifest; keys that are not read here may stand beside."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _StoredVerdict(_Part):
    verdict: VerdictName
    reasons: list[str]
    warnings: list[str]
    notes: list[str] = []


class _StoredStage(_Part):
    stage: str
    cached: bool


class _StoredRun(_Part):
    started_at: str
    seconds: float
    answered_by: str
    stages: list[_StoredStage]


class _StoredManifest(_Part):
    """What every reader of a manifest relies on."""

    dataset: str
    version: str
    audit: str
    verdict: _StoredVerdict
    warnings: list[str]
    run: _StoredRun


@dataclass(frozen=True)
class Audit:
    """A published audit: its manifest, and its tables when asked for."""

    directory: Path
    manifest: dict[str, Any]

    def __repr__(self) -> str:
        """Return verdict and place; the manifest is long."""
        return f"Audit({self.verdict.verdict}, {str(self.directory)!r})"

    @property
    def verdict(self) -> Verdict:
        """Return the verdict of the gate with its reasons."""
        stored = self.manifest["verdict"]
        sentences = (tuple(stored.get(kind, [])) for kind in ("reasons", "warnings", "notes"))
        return Verdict(stored["verdict"], *sentences)

    @property
    def exit_code(self) -> int:
        """Return what the command `gate` exits with: 0 PASS, 1 FAIL, 3 INCONCLUSIVE."""
        return exit_code(self.verdict)

    def table(self, name: str) -> pa.Table:
        """Return a published table by its name, such as `class_health`.

        Raises
        ------
        NoAuditError
            If the file is missing, damaged, or no such table.
        """
        return read_table(self.path(name))

    def has(self, name: str) -> bool:
        """Return whether a table was published: some belong to one task, or are asked for."""
        return fetch(self.directory / f"{name}.parquet")

    def path(self, name: str) -> Path:
        """Return where a table lies on this machine."""
        path = self.directory / f"{name}.parquet"
        fetch(path)
        return path

    @property
    def label_issues(self) -> pd.DataFrame:
        """Return one row an example: what was found about its label."""
        return frame_of(self.table("label_issues"))

    @property
    def class_health(self) -> pd.DataFrame:
        """Return one row a class, worst label quality first."""
        return frame_of(self.table("class_health"))

    @property
    def class_overlap(self) -> pd.DataFrame:
        """Return one row a pair of classes that share label errors, most first."""
        return frame_of(self.table("class_overlap"))

    @property
    def checks(self) -> pd.DataFrame:
        """Return one row an expectation of the checkpoints."""
        return frame_of(self.table("checks"))

    @property
    def health(self) -> dict[str, Any]:
        """Return the summary of the dataset."""
        row: dict[str, Any] = self.table("health").to_pylist()[0]
        return row

    def worst_labels(self, n_rows: int, *, with_display: bool = True) -> list[dict[str, Any]]:
        """Return up to `n_rows` flagged rows, worst first."""
        columns = None if with_display else LABEL_ISSUES.column_names
        return read_first_rows(self.path("label_issues"), "rank", n_rows, columns)

    def lowest_quality(self, n_rows: int) -> list[dict[str, Any]]:
        """Return the judged rows of lowest label quality, flagged or not, lowest first."""
        return read_first_rows(self.path("label_issues"), "label_quality", n_rows)

    def worst_pairs(self, n_pairs: int) -> list[dict[str, Any]]:
        """Return up to `n_pairs` pairs of classes, most overlap first."""
        rows: list[dict[str, Any]] = self.table("class_overlap").slice(0, n_pairs).to_pylist()
        return rows

    def to_json(self, n_labels: int, n_pairs: int) -> dict[str, JsonValue]:
        """Return what a machine wants to know, as plain JSON values."""
        run = self.manifest["run"]
        document = {
            "verdict": self.verdict.verdict,
            "exit_code": self.exit_code,
            "reasons": self.verdict.reasons,
            "warnings": [*self.verdict.warnings, *self.manifest["warnings"]],
            "notes": self.verdict.notes,
            "dataset": self.manifest["dataset"],
            "version": self.manifest["version"],
            "audit": self.manifest["audit"],
            "directory": self.directory,
            "health": self.health,
            "worst_labels": self.worst_labels(n_labels),
            "worst_pairs": self.worst_pairs(n_pairs),
            "answered_by": run["answered_by"],
            "seconds": run["seconds"],
            "stages": run["stages"],
        }
        return {key: plain_json(value) for key, value in document.items()}


def plain_json(value: object) -> JsonValue:
    """Return any value as strict JSON can hold it.

    Numbers that are not finite become null, bytes base64, and whatever JSON has no form for (instants, decimals)
    its text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {_encodable(str(key)): plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_json(item) for item in value]
    return _encodable(str(value))


def read_audit(directory: Path) -> Audit:
    """Return the audit published in `directory`."""
    path = directory / MANIFEST
    try:
        fetch(path)
        manifest = json.loads(path.read_bytes())
        _StoredManifest.model_validate_json(json.dumps(manifest))
    except OSError:
        msg = f"`audit` must be a folder with a {MANIFEST}; {directory} has none. Hint: run `labelhealth audit`."
        raise NoAuditError(msg) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its content"
        raise no_audit(f"{path} is another manifest ({place}: {first['msg']})") from None
    except (ValueError, RecursionError):
        raise no_audit(f"{path} is damaged") from None
    return Audit(directory, manifest)


def newest_audit(place: Path) -> Audit:
    """Return the audit in `place`, or the newest one below it (a version, a dataset or a whole store).

    A manifest in `place` itself must be an audit's; below, those of other programs are passed over.
    """
    if fetch(place / MANIFEST):
        return read_audit(place)
    bring_visible(place, lambda name: name.endswith(MANIFEST) and name.count("/") <= _DEPTH)
    found, n_others = [], 0
    for manifest in _manifests(place):
        try:
            found.append(read_audit(manifest.parent))
        except NoAuditError:
            n_others += 1
    if not found:
        others = f" (but {n_others} {MANIFEST} that no audit wrote, or that are damaged)" if n_others else ""
        msg = f"`place` must hold a published audit; there is none in {place}{others}."
        raise NoAuditError(f"{msg} Hint: run `labelhealth audit`.")
    return max(found, key=lambda audit: str(audit.manifest["run"]["started_at"]))


def _manifests(place: Path) -> Iterator[Path]:
    for depth in range(1, _DEPTH + 1):
        yield from place.glob(f"{'*/' * depth}{MANIFEST}")


def _encodable(text: str) -> str:
    """Return text without halves of surrogate pairs, which have no UTF-8."""
    return text.encode(errors="replace").decode()
