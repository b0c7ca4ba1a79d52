"""Label issues of multi-label data: those of the binary problem of each class, and of each example.

Input is already clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from labelhealth.core._check import Given
from labelhealth.core._find_issues import Found, Request, find, listed, warn_of_unused_options
from labelhealth.core._issues import PRUNING_RULES, RANKING_RULES
from labelhealth.core._label_sets import GivenSets, count_sides
from labelhealth.core._multilabel_scores import score_examples
from labelhealth.core._order import ascending
from labelhealth.core._pairs import sparse
from labelhealth.core._sweep import float_type
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core._warn import warn_user
from labelhealth.core.label_issues_batched import find_label_issues_batched
from labelhealth.core.options import IssueOptions


@dataclass(frozen=True, slots=True, eq=False)
class SetsRequest:
    """A clean call of `multilabel_classification.filter`.

    Parameters
    ----------
    given : GivenSets
        Label sets and probabilities.
    options : IssueOptions
        How issues are chosen and scored, the same for all classes.
    confident_joints : ndarray, shape (K, 2, 2), or None
        Counts to be used as they are.
    num_to_remove : ndarray of float, shape (K,), or None
        Wrong labels to look for among those of each class.
    ranked : bool
        Whether rows are asked for, worst first.
    in_batches : bool
        Whether rows are chosen as `label_issues_batched` does.
    verbose : bool
        Whether that writes how much was read.
    """

    given: GivenSets
    options: IssueOptions
    confident_joints: FloatArray | None = None
    num_to_remove: FloatArray | None = None
    ranked: bool = False
    in_batches: bool = False
    verbose: bool = False


def find_by_class(request: SetsRequest) -> Iterator[Found]:
    """Yield the label issues of each class."""
    joints, removals = request.confident_joints, request.num_to_remove
    for k, problem in enumerate(request.given.problems()):
        if request.in_batches:
            yield _find_in_batches(problem, request)
            continue
        yield find(
            Request(
                problem,
                request.options,
                None if joints is None else sparse(joints[k]),
                None if removals is None else np.array([0.0, removals[k]]),
                request.ranked,
            )
        )


def flag_classes(request: SetsRequest) -> BoolArray:
    """Return which labels are issues, shape (N, K)."""
    unranked = replace(request, ranked=False)
    return np.stack([found.mask for found in find_by_class(unranked)], axis=1)


def flag_examples(request: SetsRequest) -> BoolArray:
    """Return which examples have a label issue, shape (N,)."""
    if request.options.filter_by not in RANKING_RULES:
        return np.asarray(flag_classes(request).any(axis=1))
    confident = IssueOptions(filter_by="confident_learning")
    n_issues = int(flag_classes(SetsRequest(request.given, confident)).any(axis=1).sum())
    mask = np.zeros(len(request.given.has_label), np.bool_)
    scores = score_examples(request.given, "self_confidence", adjust_pred_probs=False)
    mask[ascending(scores)[:n_issues]] = True
    return mask


def flag_unpredicted(given: GivenSets) -> BoolArray:
    """Return which examples are given other classes than those more probable than not, shape (N,)."""
    chance = given.pred_probs.astype(float_type(given.pred_probs.dtype))
    return np.asarray(((chance > 1 - chance) != given.has_label).any(axis=1))


def rank_examples(request: SetsRequest, mask: BoolArray) -> IntArray:
    """Return the rows flagged, by ascending score of the example; ties by row."""
    rows, options = np.flatnonzero(mask), request.options
    scores = score_examples(request.given, options.score, adjust_pred_probs=options.adjust_pred_probs)
    return rows[ascending(scores[rows])]


def _find_in_batches(problem: Given, request: SetsRequest) -> Found:
    score = {"method": request.options.score}
    rows = np.asarray(
        find_label_issues_batched(
            problem.labels,
            problem.pred_probs,
            n_jobs=None,
            verbose=request.verbose,
            quality_score_kwargs=score,
        ),
        dtype=np.int64,
    )
    mask = np.zeros(len(problem.labels), np.bool_)
    mask[rows] = True
    return Found(mask, np.bincount(problem.labels, minlength=2), rows if request.ranked else None)


def warn_of_sets(request: SetsRequest) -> None:
    """Tell which options are not used, and which classes are too small to be judged in full."""
    options = request.options
    warn_of_unused_options(options, has_joint=request.confident_joints is not None)
    small = np.flatnonzero(
        (count_sides(request.given.has_label) <= options.min_examples_per_class).any(axis=1)
    )
    if options.filter_by in PRUNING_RULES and len(small):
        warn_user(
            f"{len(small)} classes are given to, or are not given to,"
            f" min_examples_per_class={options.min_examples_per_class} examples or fewer,"
            f" which are not judged: {listed(small)}."
        )
