"""Stage *issues*: which labels look wrong, how much, and in which order."""

from __future__ import annotations

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.tasks.findings import Issues
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("issues")
def find_issues(store: Store, labels: Ref, pred_probs: Ref, options: FindIssuesOptions) -> Issues:
    """Find, score and rank label issues."""
    from labelhealth.tasks.judge import judge

    return judge(store, labels, pred_probs, options)
