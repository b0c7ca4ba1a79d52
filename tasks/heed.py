"""Stage *heed*: the findings of confident learning, put right where people have looked."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.findings import Issues
from labelhealth.tasks.judge import Judged
from labelhealth.tasks.recall import Recalled
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Heeded(BaseModel):
    """Findings that know of verdicts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issues: Issues
    review: Ref
    """Table `review` (Parquet)."""


@stage("heed", run_name="heed verdicts")
def heed(
    store: Store,
    labels: tuple[Ref, ...],
    judged_rows: tuple[Ref, ...],
    judged: tuple[Judged, ...],
    issues: Issues,
    recalled: Recalled,
) -> Heeded:
    """Unflag labels that people confirmed, flag those that they found wrong, and count both as known."""
    from labelhealth.tasks.heeded import heed_verdicts

    return heed_verdicts(store, labels, judged_rows, judged, issues, recalled)
