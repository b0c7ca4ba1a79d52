"""Stage *issues*: which labels look wrong, how much, and in which order."""

from __future__ import annotations

from labelhealth.tasks.findings import Issues
from labelhealth.tasks.judge import Judged
from labelhealth.tasks.plan import Planned
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.thresholds import Thresholds


@stage("issues")
def find_issues(
    store: Store,
    labels: tuple[Ref, ...],
    judged: tuple[Judged, ...],
    chosen: tuple[tuple[Ref, ...], ...],
    planned: Planned,
    limits: Thresholds,
) -> Issues:
    """Flag and rank the label issues of all parts; `chosen` holds the selected rows of each."""
    from labelhealth.tasks.passes import mark_and_rank

    return mark_and_rank(store, labels, judged, chosen, planned, limits)
