"""The seven rules that flag examples, on what the passes over the rows have found. Input is already clean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelhealth.core._blocks import RowColumns, select_margins
from labelhealth.core._check import Given
from labelhealth.core._prune import prune_counts
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.options import FilterBy, IssueOptions


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """All that a rule may look at.

    Parameters
    ----------
    given : Given
        Labels and probabilities.
    columns : RowColumns
        What pass B found in each row.
    class_counts : ndarray of int64, shape (K,)
        Examples of each class.
    confident_joint : ndarray of float, shape (K, K)
        Calibrated, or the caller's own.
    options : IssueOptions
        The audit's options.
    num_to_remove : ndarray of float, shape (K,), or None
        Examples to remove from each given class, if the caller has decided.
    block_rows : int or None
        Rows of a block.
    """

    given: Given
    columns: RowColumns
    class_counts: IntArray
    confident_joint: FloatArray | IntArray
    options: IssueOptions
    num_to_remove: FloatArray | None = None
    block_rows: int | None = None


def flag_issues(findings: Findings) -> BoolArray:
    """Apply the chosen rule; unless it only ranks, unflag examples whose label is the most probable class."""
    name = findings.options.filter_by
    flagged = RULES[name](findings)
    return flagged if name in RANKING_RULES else flagged & ~findings.columns.is_close


def is_confident_issue(columns: RowColumns) -> BoolArray:
    """Counted for another class than the given one, and not close to it."""
    return columns.is_off_diagonal & ~columns.is_close


def unjudged_classes(class_counts: IntArray, min_examples_per_class: float) -> IntArray:
    """Classes that the prune filters leave alone because they are too small."""
    return np.flatnonzero(class_counts <= min_examples_per_class)


def _prune_by_noise_rate(findings: Findings) -> BoolArray:
    wanted = _wanted(findings)
    np.fill_diagonal(wanted, 0)
    flagged = np.zeros(len(findings.given.labels), dtype=np.bool_)
    flagged[select_margins(findings.given, wanted, findings.block_rows).rows] = True
    return flagged


def _prune_by_class(findings: Findings) -> BoolArray:
    kept = np.diagonal(_prune_counts(findings))
    n_pruned = np.where(_is_judged(findings), np.maximum(findings.class_counts - kept, 0), 0)
    labels = findings.given.labels
    order = np.lexsort((findings.columns.self_confidence, labels))  # stable: ties by row
    starts = np.cumsum(findings.class_counts) - findings.class_counts
    place = np.arange(len(labels)) - starts[labels[order]]
    flagged = np.zeros(len(labels), dtype=np.bool_)
    flagged[order[place < n_pruned[labels[order]]]] = True
    return flagged


def _both(findings: Findings) -> BoolArray:
    return _prune_by_noise_rate(findings) & _prune_by_class(findings)


def _confident_learning(findings: Findings) -> BoolArray:
    return findings.columns.is_off_diagonal


def _predicted_neq_given(findings: Findings) -> BoolArray:
    return np.asarray(findings.columns.predicted != findings.given.labels)


def _low_normalized_margin(findings: Findings) -> BoolArray:
    return _lowest(findings.columns.normalized_margin, findings)


def _low_self_confidence(findings: Findings) -> BoolArray:
    return _lowest(findings.columns.self_confidence, findings)


def _lowest(scores: FloatArray, findings: Findings) -> BoolArray:
    n_issues = int(is_confident_issue(findings.columns).sum())
    flagged = np.zeros(len(scores), dtype=np.bool_)
    flagged[np.argsort(scores, kind="stable")[:n_issues]] = True
    return flagged


def _wanted(findings: Findings) -> IntArray:
    return np.where(_is_judged(findings)[:, None], np.maximum(_prune_counts(findings), 0), 0)


def _prune_counts(findings: Findings) -> IntArray:
    options = findings.options
    return prune_counts(
        findings.confident_joint,
        findings.class_counts,
        options.min_examples_per_class,
        options.frac_noise,
        findings.num_to_remove,
    )


def _is_judged(findings: Findings) -> BoolArray:
    """Large enough a class; a class of one example is never judged."""
    return findings.class_counts > max(findings.options.min_examples_per_class, 1)


RULES: dict[FilterBy, Callable[[Findings], BoolArray]] = {
    "prune_by_noise_rate": _prune_by_noise_rate,
    "prune_by_class": _prune_by_class,
    "both": _both,
    "confident_learning": _confident_learning,
    "predicted_neq_given": _predicted_neq_given,
    "low_normalized_margin": _low_normalized_margin,
    "low_self_confidence": _low_self_confidence,
}
PRUNING_RULES: frozenset[FilterBy] = frozenset({"prune_by_noise_rate", "prune_by_class", "both"})
RANKING_RULES: frozenset[FilterBy] = frozenset({"low_normalized_margin", "low_self_confidence"})
