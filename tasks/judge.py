"""From probabilities to findings: one call of the core, its results as columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.core.audit import LabelAudit, audit_labels
from labelhealth.core.options import IssueOptions
from labelhealth.tasks.issues import Issues
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, put_array, put_arrow


def judge(store: Store, labels: Ref, pred_probs: Ref, options: FindIssuesOptions) -> Issues:
    """Return the findings of the core as stored columns."""
    audit = audit_labels(
        open_array(store, labels), open_array(store, pred_probs), IssueOptions(**options.model_dump())
    )
    return Issues(
        n_flagged=int(audit.is_label_issue.sum()),
        n_estimated=audit.num_issues,
        scores=put_arrow(store, _scores(audit)),
        joint=put_arrow(store, _non_zero_pairs(audit)),
        thresholds=put_array(store, audit.thresholds),
    )


def _scores(audit: LabelAudit) -> pa.Table:
    """Return one row a judged row."""
    rank = np.zeros(len(audit.is_label_issue), dtype=np.int64)
    rank[audit.ranked_issues] = np.arange(1, len(audit.ranked_issues) + 1)
    return pa.table(
        {
            "predicted": audit.predicted_label,
            "is_label_issue": audit.is_label_issue,
            "label_quality": audit.label_quality.astype(np.float64),
            "rank": pa.array(rank, mask=rank == 0),
            "self_confidence": audit.self_confidence.astype(np.float64),
            "normalized_margin": audit.normalized_margin.astype(np.float64),
        }
    )


def _non_zero_pairs(audit: LabelAudit) -> pa.Table:
    """Return the calibrated confident joint, one row a pair of classes with a count."""
    given, true = np.nonzero(audit.confident_joint)
    return pa.table({"given": given, "true": true, "count": audit.confident_joint[given, true]})
