"""A call of `filter.find_label_issues` on clean input: the mask, or the rows in order of a score."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from labelhealth.core._blocks import RowColumns, score_some
from labelhealth.core._check import Given
from labelhealth.core._estimates import judge, scoring_of
from labelhealth.core._issues import (
    PRUNING_RULES,
    columns_of,
    flag_issues,
    plan_issues,
    unjudged_classes,
)
from labelhealth.core._joint import calibrate as calibrate_counts
from labelhealth.core._joint import with_counted_diagonal
from labelhealth.core._order import ascending
from labelhealth.core._pairs import Matrix
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core._warn import warn_user
from labelhealth.core.options import IssueOptions

SHOWN_CLASSES = 10  # a warning stays readable


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A clean call of `filter.find_label_issues`."""

    given: Given
    options: IssueOptions
    confident_joint: Matrix[np.int64] | Matrix[np.float64] | None = None
    num_to_remove: FloatArray | None = None
    ranked: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a call found.

    Parameters
    ----------
    mask : ndarray of bool, shape (N,)
        True for a label issue.
    class_counts : ndarray of int64, shape (K,)
        Number of examples of each given class.
    rows : ndarray of int64, shape (M,), or None
        The rows flagged, worst first, if they were to be ranked.
    """

    mask: BoolArray
    class_counts: IntArray
    rows: IntArray | None = None

    @property
    def answer(self) -> BoolArray | IntArray:
        """The rows if they were to be ranked, else the mask."""
        return self.mask if self.rows is None else self.rows


def find(request: Request) -> Found:
    """Flag the label issues, and rank them if asked to."""
    request = replace(request, given=replace(request.given, known_sums=request.given.sums))
    given, options = request.given, request.options
    kept_score = _column_of_score(options) if request.ranked else frozenset[str]()
    sums, judged = judge(given, keep=columns_of(options.filter_by) | kept_score)
    joint = request.confident_joint
    if joint is None:
        joint = calibrate_counts(with_counted_diagonal(judged.counts), sums.counts)
    plan = plan_issues(joint, sums.counts, judged.n_confident, options, request.num_to_remove)
    mask = flag_issues(given, judged.columns, plan)
    return Found(mask, sums.counts, _ranked(request, mask, judged.columns) if request.ranked else None)


def warn_of_small_classes(options: IssueOptions, class_counts: IntArray) -> None:
    """Tell which classes a filter that prunes leaves alone."""
    small = unjudged_classes(class_counts, options.min_examples_per_class)
    if options.filter_by in PRUNING_RULES and len(small):
        warn_user(
            f"{len(small)} classes have min_examples_per_class={options.min_examples_per_class} examples"
            f" or fewer and are not judged: {listed(small)}."
        )


def warn_of_unused_options(options: IssueOptions, *, has_joint: bool) -> None:
    """Tell which options the chosen filter does not look at."""
    if options.filter_by not in PRUNING_RULES and options.frac_noise != 1:
        warn_user(f"`frac_noise` is not used by filter_by={options.filter_by!r}.")
    if options.filter_by == "confident_learning" and has_joint:
        warn_user("`confident_joint` is not used by filter_by='confident_learning'.")


def listed(classes: IntArray) -> str:
    """Return the first few classes as text."""
    return ", ".join(map(str, classes[:SHOWN_CLASSES])) + (", ..." if len(classes) > SHOWN_CLASSES else "")


def _ranked(request: Request, flagged: BoolArray, columns: RowColumns) -> IntArray:
    """Order the flagged rows by a score of the full data."""
    rows, options = np.flatnonzero(flagged), request.options
    for name in _column_of_score(options):
        return rows[ascending(getattr(columns, name)[rows])]
    scoring = scoring_of(request.given, options.score, adjust_pred_probs=options.adjust_pred_probs)
    return rows[ascending(score_some(request.given, scoring, rows))]


def _column_of_score(options: IssueOptions) -> frozenset[str]:
    """Name the column of pass B that is the score, if one is."""
    is_plain = options.score in ("self_confidence", "normalized_margin") and not options.adjust_pred_probs
    return frozenset({options.score} if is_plain else ())
