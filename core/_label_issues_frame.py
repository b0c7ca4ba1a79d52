"""The frame of label issues that CleanLearning returns, and takes in three forms."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd

from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.errors import IssuesError

SHORT_CODES = np.iinfo(np.int16).max  # class numbers below it fit into two bytes

Issues: TypeAlias = pd.DataFrame | BoolArray | IntArray


def issues_frame(
    mask: BoolArray, scores: FloatArray, labels: IntArray, pred_probs: FloatArray
) -> pd.DataFrame:
    """Return what was found about each label."""
    code = np.int16 if pred_probs.shape[1] < SHORT_CODES else np.int32
    return pd.DataFrame(
        {
            "is_label_issue": np.asarray(mask, dtype=bool),
            "label_quality": scores,
            "given_label": labels.astype(code),
            "predicted_label": pred_probs.argmax(axis=1).astype(code),
        }
    )


def frame_of(label_issues: Issues, labels: IntArray) -> pd.DataFrame:
    """Return label issues, given in one of three forms, as a frame of our own."""
    if isinstance(label_issues, pd.DataFrame):
        return _copied(label_issues, labels)
    if isinstance(label_issues, np.ndarray) and label_issues.dtype == np.bool_:
        if label_issues.shape != labels.shape:
            got = f"shape {label_issues.shape} for {len(labels)} labels"
            msg = f"`label_issues` must have one entry for each label; got {got}."
            raise IssuesError(msg)
        return pd.DataFrame({"is_label_issue": label_issues.copy()})
    if isinstance(label_issues, np.ndarray) and label_issues.dtype == np.int64 and label_issues.ndim == 1:
        if len(np.unique(label_issues)) < len(label_issues):
            msg = "`label_issues` must name each row once; got a row twice."
            raise IssuesError(msg)
        if len(label_issues) and not -len(labels) <= label_issues.min() <= label_issues.max() < len(labels):
            msg = f"`label_issues` must be row numbers below {len(labels)}; got {label_issues.max()}."
            raise IssuesError(msg)
        mask = np.zeros(len(labels), dtype=bool)
        mask[label_issues] = True
        return pd.DataFrame({"is_label_issue": mask})
    kind = getattr(label_issues, "dtype", type(label_issues).__name__)
    msg = f"`label_issues` must be a DataFrame, or an array of bool or of int64; got {kind}."
    raise IssuesError(msg)


def _copied(frame: pd.DataFrame, labels: IntArray) -> pd.DataFrame:
    if "is_label_issue" not in frame:
        msg = f"`label_issues` must have the column is_label_issue; got {', '.join(map(str, frame.columns))}."
        raise IssuesError(msg)
    if len(frame) != len(labels):
        msg = f"`label_issues` must have one row for each label; got {len(frame)} for {len(labels)}."
        raise IssuesError(msg)
    if "given_label" in frame and (is_other := frame["given_label"].to_numpy() != labels).any():
        row = int(is_other.argmax())
        got = f"given_label {frame['given_label'].iloc[row]} for {labels[row]} at row {row}"
        msg = f"`label_issues` must be of these labels; got {got}."
        raise IssuesError(msg)
    return frame.copy()
