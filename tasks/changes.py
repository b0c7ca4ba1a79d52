"""Stage *compare versions*: two reports of one dataset, row by row."""

from __future__ import annotations

import contextlib

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.compare import CompareOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class ChangeTables(BaseModel):
    """Tables of a comparison (Parquet)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    changes: Ref
    class_changes: Ref
    pair_changes: Ref
    slice_changes: Ref
    comparison: Ref

    def tables(self) -> dict[str, Ref]:
        """Return the tables by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class HealthScores(BaseModel):
    """Overall label health of two versions, audited in the same way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    old: float | None = None
    new: float | None = None
    noise_floor: float | None = None
    """Largest difference between audits of the new version that differ in their seed alone."""


class Evidence(BaseModel):
    """What is known of the auditor beside the two reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    published_share: float | None = None
    """Flagged share of the old version as it was audited then, if its report was made again."""
    noise_floor: float | None = None
    """Largest difference of flagged shares between audits that differ in their seed alone."""
    same_auditor: bool = True
    """Whether both reports were made in the same way."""
    health: HealthScores = HealthScores()


@stage("compare_versions", run_name="compare versions")
def find_changes(
    store: Store,
    old: Source,
    new: Source,
    earlier: tuple[Source, ...],
    slices: tuple[str, ...],
    evidence: Evidence,
    options: CompareOptions,
) -> ChangeTables:
    """Compare the tables `label_issues` of two audits; `earlier` are those of audits before both."""
    from labelhealth.tasks.read_changes import compare_files

    with contextlib.ExitStack() as stack:
        for source in (old, new, *earlier):
            stack.enter_context(source.reading())
        return compare_files(store, old, new, earlier, slices, evidence, options)
