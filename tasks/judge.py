"""From probabilities to findings: one call of the core, its results as columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.core.audit import LabelAudit, audit_labels
from labelhealth.core.options import IssueOptions
from labelhealth.tasks.findings import Issues, PartFindings
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
        parts=(_part(store, audit),),
        joint=put_arrow(store, _non_zero_pairs(audit)),
        thresholds=put_array(store, audit.thresholds),
    )


def _part(store: Store, audit: LabelAudit) -> PartFindings:
    order = np.argsort(audit.ranked_issues)
    return PartFindings(
        predicted=put_array(store, audit.predicted_label),
        label_quality=put_array(store, audit.label_quality),
        self_confidence=put_array(store, audit.self_confidence),
        normalized_margin=put_array(store, audit.normalized_margin),
        flagged=put_array(store, audit.ranked_issues[order]),
        ranks=put_array(store, order + 1),
    )


def _non_zero_pairs(audit: LabelAudit) -> pa.Table:
    """Return the calibrated confident joint, one row a pair of classes with a count."""
    given, true = np.nonzero(audit.confident_joint)
    return pa.table({"given": given, "true": true, "count": audit.confident_joint[given, true]})
