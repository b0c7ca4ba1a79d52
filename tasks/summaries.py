"""The summary tables of an audit: classes, pairs of classes, the joint, and one row for the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labelhealth.configs.issues import HealthOptions
from labelhealth.configs.tables import CLASS_HEALTH, CLASS_OVERLAP, HEALTH, JOINT, NO_LABEL
from labelhealth.core.summary import Pairs, conditional_probabilities, overlapping_pairs, summarize_classes
from labelhealth.tasks.findings import Issues, PartFindings
from labelhealth.tasks.health import Health
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, put_frame, read_names

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Findings:
    """What the summaries are made from: names, labels, findings a judged row, and the joint."""

    names: npt.NDArray[np.object_]
    all_labels: IntArray
    labels: IntArray
    predicted: IntArray
    flagged: npt.NDArray[np.bool_]
    pairs: Pairs
    n_estimated: int


def summarize_issues(
    store: Store,
    classes: Ref,
    all_labels: tuple[Ref, ...],
    judged_labels: tuple[Ref, ...],
    issues: Issues,
    options: HealthOptions,
) -> Health:
    """Store the summary tables."""
    names = np.asarray(read_names(store, classes), dtype=object)
    findings = Findings(
        names=names,
        all_labels=_joined(store, all_labels),
        labels=_joined(store, judged_labels),
        predicted=_joined(store, [part.predicted for part in issues.parts]),
        flagged=np.concatenate([_mask(store, part) for part in issues.parts]),
        pairs=_pairs(open_arrow(store, issues.joint), len(names)),
        n_estimated=issues.n_estimated,
    )
    class_health = class_health_frame(findings, options.min_judged_per_class)
    overlap = class_overlap_frame(findings)
    return Health(
        class_health=put_frame(store, CLASS_HEALTH, class_health),
        class_overlap=put_frame(store, CLASS_OVERLAP, overlap),
        joint=put_frame(store, JOINT, joint_frame(findings)),
        health=put_frame(store, HEALTH, health_frame(findings, class_health, overlap)),
    )


def class_health_frame(findings: Findings, min_judged: int) -> pd.DataFrame:
    """Return table `class_health`, worst label quality first, classes not judged last."""
    n_classes = len(findings.names)
    summary = summarize_classes(findings.pairs, len(findings.labels))
    num_judged = np.bincount(findings.labels, minlength=n_classes)
    flagged = np.bincount(findings.labels[findings.flagged], minlength=n_classes)
    with np.errstate(invalid="ignore"):  # 0 / 0: no judged rows, no share
        flagged_share = flagged / num_judged
    frame = pd.DataFrame(
        {
            "class_name": findings.names,
            "class_index": np.arange(n_classes),
            "num_examples": np.bincount(findings.all_labels[findings.all_labels >= 0], minlength=n_classes),
            "num_judged": num_judged,
            "judged": num_judged >= min_judged,
            "flagged_count": flagged,
            "flagged_share": flagged_share,
            "label_issues": summary.label_issues,
            "inverse_label_issues": summary.inverse_label_issues,
            "label_noise": summary.label_noise,
            "inverse_label_noise": summary.inverse_label_noise,
            "label_quality_score": summary.label_quality_score,
        }
    )
    order = np.lexsort((frame["class_index"], frame["label_quality_score"], ~frame["judged"]))
    return frame.iloc[order].reset_index(drop=True)


def class_overlap_frame(findings: Findings) -> pd.DataFrame:
    """Return table `class_overlap`, largest first."""
    pairs = overlapping_pairs(findings.pairs)
    probability = pairs.count / findings.pairs.total
    return pd.DataFrame(
        {
            "class_a": findings.names[pairs.given],
            "class_b": findings.names[pairs.true],
            "num_overlapping_examples": np.rint(probability * len(findings.labels)).astype(np.int64),
            "joint_probability": probability,
        }
    )


def joint_frame(findings: Findings) -> pd.DataFrame:
    """Return table `joint`: every pair with a count."""
    pairs = findings.pairs
    given_if_true, true_if_given = conditional_probabilities(pairs)
    return pd.DataFrame(
        {
            "given_class": findings.names[pairs.given],
            "true_class": findings.names[pairs.true],
            "count": pairs.count,
            "joint_probability": pairs.count / pairs.total,
            "p_given_if_true": given_if_true,
            "p_true_if_given": true_if_given,
        }
    )


def health_frame(findings: Findings, class_health: pd.DataFrame, overlap: pd.DataFrame) -> pd.DataFrame:
    """Return table `health`: one row."""
    n_judged = len(findings.labels)
    judged_quality = class_health.loc[class_health["judged"], "label_quality_score"]
    pairs = findings.pairs
    off_diagonal = int(pairs.count[pairs.given != pairs.true].sum())
    row = {
        "n_examples": len(findings.all_labels),
        "n_labelled": int((findings.all_labels != NO_LABEL).sum()),
        "n_judged": n_judged,
        "n_classes": len(findings.names),
        "n_classes_judged": int(class_health["judged"].sum()),
        "overall_label_health_score": 1.0 - findings.n_estimated / n_judged,
        "estimated_label_issues": findings.n_estimated,
        "flagged_count": int(findings.flagged.sum()),
        "flagged_share": float(findings.flagged.mean()),
        "disagreement_share": float((findings.predicted != findings.labels).mean()),
        "joint_off_diagonal": off_diagonal / pairs.total,
        "worst_class_quality": float(judged_quality.min()) if len(judged_quality) else np.nan,
        "worst_overlap": float(overlap["joint_probability"].max()) if len(overlap) else 0.0,
    }
    return pd.DataFrame([row])


def _joined(store: Store, refs: Sequence[Ref]) -> npt.NDArray[Any]:
    return np.concatenate([open_array(store, ref) for ref in refs])


def _mask(store: Store, part: PartFindings) -> npt.NDArray[np.bool_]:
    """Return which judged rows of a part are flagged."""
    mask = np.zeros(len(open_array(store, part.predicted)), dtype=np.bool_)
    mask[open_array(store, part.flagged)] = True
    return mask


def _pairs(table: pa.Table, n_classes: int) -> Pairs:
    given, true, count = (table[name].to_numpy() for name in ("given", "true", "count"))
    return Pairs(given, true, count, n_classes)
