"""Label sets held against independent probabilities, and summed up by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.configs.issues import FindIssuesOptions, HealthOptions
from labelhealth.configs.table import Table
from labelhealth.configs.tables import CLASS_HEALTH, CLASS_ISSUES, CLASS_OVERLAP, HEALTH, JOINT, NO_LABEL
from labelhealth.core.label_sets import SetIssues, find_set_issues
from labelhealth.core.options import IssueOptions
from labelhealth.tasks.label_sets import SetFindings
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, put_array, put_frame, read_names

EVEN_CHANCE = 0.5  # a class that is more probable than not is predicted
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Findings:
    """What the tables are made from."""

    names: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int32]
    """0 for every row with a label, negative without."""
    n_given: IntArray
    """Labelled rows of each class, judged or not."""
    has_label: BoolArray
    """shape (n judged, K)."""
    predicted: BoolArray
    """Classes more probable than not, shape (n judged, K)."""
    found: SetIssues


def judge_sets(
    store: Store,
    labels: Ref,
    sets: Ref,
    probs: Probabilities,
    classes: Ref,
    options: FindIssuesOptions,
    health: HealthOptions,
) -> SetFindings:
    """Store the findings and the tables."""
    values, pred_probs = open_array(store, sets), open_array(store, probs.pred_probs)
    has_label = values[open_array(store, probs.rows)].astype(np.bool_)
    found = find_set_issues(has_label, pred_probs, issue_options(options))
    findings = Findings(
        names=np.asarray(read_names(store, classes), dtype=object),
        labels=open_array(store, labels),
        n_given=values.sum(axis=0, dtype=np.int64),
        has_label=has_label,
        predicted=pred_probs > EVEN_CHANCE,
        found=found,
    )
    class_health = class_health_frame(findings, health.min_judged_per_class)
    return SetFindings(
        flags=put_array(store, found.flags.astype(np.uint8)),
        label_quality=put_array(store, found.label_quality),
        flagged=put_array(store, found.rows),
        class_health=put_frame(store, CLASS_HEALTH, class_health),
        class_issues=put_frame(store, CLASS_ISSUES, class_issues_frame(findings)),
        class_overlap=put_frame(store, CLASS_OVERLAP, empty_frame(CLASS_OVERLAP)),
        joint=put_frame(store, JOINT, empty_frame(JOINT)),
        health=put_frame(store, HEALTH, health_frame(findings, class_health)),
    )


def issue_options(options: FindIssuesOptions) -> IssueOptions:
    """Return the options as the core takes them."""
    return IssueOptions(**options.model_dump())


def empty_frame(table: Table) -> pd.DataFrame:
    """Return a table that has no row because it has nothing to say about this task."""
    return pd.DataFrame({column.name: [] for column in table.columns})


def class_health_frame(findings: Findings, min_judged: int) -> pd.DataFrame:
    """Return table `class_health`: each class against the rows that are not given it."""
    given, flags = findings.has_label, findings.found.flags
    num_judged = given.sum(axis=0)
    wrong, missing = (flags & given).sum(axis=0), (flags & ~given).sum(axis=0)
    flagged = np.zeros(len(given), dtype=np.bool_)
    flagged[findings.found.rows] = True
    of_class = (given & flagged[:, None]).sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0: no judged rows, no share
        noise = wrong / num_judged
        inverse = missing / (num_judged - wrong + missing)
        flagged_share = of_class / num_judged
    frame = pd.DataFrame(
        {
            "class_name": findings.names,
            "class_index": np.arange(len(findings.names)),
            "num_examples": findings.n_given,
            "num_judged": num_judged,
            "judged": num_judged >= min_judged,
            "flagged_count": of_class,
            "flagged_share": flagged_share,
            "label_issues": wrong,
            "inverse_label_issues": missing,
            "label_noise": noise,
            "inverse_label_noise": inverse,
            "label_quality_score": 1.0 - noise,
        }
    )
    order = np.lexsort((frame["class_index"], frame["label_quality_score"], ~frame["judged"]))
    return frame.iloc[order].reset_index(drop=True)


def class_issues_frame(findings: Findings) -> pd.DataFrame:
    """Return table `class_issues`: how often each class is wrongly given, and wrongly left out."""
    given, flags = findings.has_label, findings.found.flags
    n_rows, n_classes = flags.shape
    counts = np.stack([(flags & given).sum(axis=0), (flags & ~given).sum(axis=0)], axis=1).ravel()
    is_given = np.tile([True, False], n_classes)
    order = np.argsort(-counts, kind="stable")
    frame = pd.DataFrame(
        {
            "class_name": np.repeat(findings.names, 2),
            "class_index": np.repeat(np.arange(n_classes), 2),
            "in_given_label": is_given,
            "in_suggested_label": ~is_given,
            "num_examples": counts,
            "issue_probability": counts / n_rows,
        }
    )
    return frame.iloc[order].reset_index(drop=True)


def health_frame(findings: Findings, class_health: pd.DataFrame) -> pd.DataFrame:
    """Return table `health`: one row."""
    n_judged = len(findings.has_label)
    n_estimated, n_flagged = int(findings.found.flags.any(axis=1).sum()), len(findings.found.rows)
    quality = class_health.loc[class_health["judged"], "label_quality_score"]
    disagreeing = (findings.predicted != findings.has_label).any(axis=1)
    row = {
        "n_examples": len(findings.labels),
        "n_labelled": int((findings.labels != NO_LABEL).sum()),
        "n_judged": n_judged,
        "n_classes": len(findings.names),
        "n_classes_judged": int(class_health["judged"].sum()),
        "overall_label_health_score": 1.0 - n_estimated / n_judged,
        "estimated_label_issues": n_estimated,
        "flagged_count": n_flagged,
        "flagged_share": n_flagged / n_judged,
        "disagreement_share": float(disagreeing.mean()),
        "joint_off_diagonal": np.nan,
        "worst_class_quality": float(quality.min()) if len(quality) else np.nan,
        "worst_overlap": np.nan,
    }
    return pd.DataFrame([row])
