"""The check of labels that are no single classes: numbers, and sets of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from labelhealth.core._data_finding import Finding
from labelhealth.core._label_sets import check_given_sets
from labelhealth.core._multilabel_issues import SetsRequest, flag_examples
from labelhealth.core._multilabel_scores import score_examples
from labelhealth.core._types import FloatArray
from labelhealth.core.options import IssueOptions
from labelhealth.core.regression.learn import CleanLearning
from labelhealth.core.regression.rank import get_label_quality_scores

LOW_SHARE = 0.05  # of the median score: labels that score lower, with predictions given, are issues


def check_predicted_targets(targets: npt.ArrayLike, predictions: npt.ArrayLike) -> Finding:
    """Score numbers beside their predictions; flag those far below the median score."""
    score = get_label_quality_scores(targets, predictions, method="outre")
    return Finding("label", score < LOW_SHARE * np.median(score), score, float(score.mean()))


def check_targets(targets: npt.ArrayLike, vectors: FloatArray, seed: int | None) -> Finding:
    """Score numbers, and flag some of them, by a linear regression on the features."""
    found = CleanLearning(seed=seed).find_label_issues(vectors, targets)
    score = found["label_quality"].to_numpy(np.float64)
    return Finding("label", found["is_label_issue"].to_numpy(), score, float(score.mean()))


def check_sets(labels: Any, pred_probs: FloatArray) -> Finding:
    """Flag examples of which a class seems wrongly given or left out, and score them."""
    given = check_given_sets(labels, pred_probs)
    score = score_examples(given, "self_confidence", adjust_pred_probs=False).astype(np.float64)
    return Finding("label", flag_examples(SetsRequest(given, IssueOptions())), score, float(score.mean()))
