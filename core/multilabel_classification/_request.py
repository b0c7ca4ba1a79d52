"""Options of a call that asks for label issues of multi-label data, checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import (
    check_filter_by,
    check_issue_options,
    check_n_jobs,
    check_rank_by,
    check_removals,
)
from labelhealth.core._issues import PRUNING_RULES
from labelhealth.core._label_sets import GivenSets, check_joints, check_scorable_sets
from labelhealth.core._multilabel_issues import SetsRequest, warn_of_sets
from labelhealth.core._types import FloatArray
from labelhealth.core._warn import warn_user
from labelhealth.core.options import FilterBy, IssueOptions, Score


def make_request(
    given: GivenSets,
    *,
    return_indices_ranked_by: Score | None = None,
    rank_by_kwargs: dict[str, bool] | None = None,
    filter_by: FilterBy = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: npt.ArrayLike | None = None,
    min_examples_per_class: int = 1,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    low_memory: bool = False,
) -> SetsRequest:
    """Return a clean request, or raise; warn of options that change nothing and of classes that are too small."""
    check_n_jobs(n_jobs)
    if low_memory:
        is_default = {
            "rank_by_kwargs": not rank_by_kwargs,
            "filter_by": filter_by == "prune_by_noise_rate",
            "frac_noise": frac_noise == 1,
            "num_to_remove_per_class": num_to_remove_per_class is None,
            "min_examples_per_class": min_examples_per_class == 1,
            "confident_joint": confident_joint is None,
            "n_jobs": n_jobs is None,
        }
        return _in_batches(given, return_indices_ranked_by, is_default, verbose=verbose)
    options = IssueOptions(
        filter_by=check_filter_by(filter_by),
        score=return_indices_ranked_by or "self_confidence",
        adjust_pred_probs=check_rank_by(rank_by_kwargs),
        frac_noise=frac_noise,
        min_examples_per_class=min_examples_per_class,
    )
    request = SetsRequest(
        given,
        check_issue_options(options),
        _joints(confident_joint, given.n_classes),
        check_removals(num_to_remove_per_class, filter_by in PRUNING_RULES, given.n_classes),
        ranked=return_indices_ranked_by is not None,
    )
    if request.ranked:
        check_scorable_sets(given, options.score)
    warn_of_sets(request)
    return request


def _in_batches(
    given: GivenSets, score: Score | None, is_default: Mapping[str, bool], *, verbose: bool
) -> SetsRequest:
    """Return a request that few options matter to; warn of the others."""
    for name in [name for name, is_left_out in is_default.items() if not is_left_out]:
        warn_user(f"`{name}` is not used with low_memory=True.")
    options = check_issue_options(IssueOptions(score=score or "self_confidence"))
    check_scorable_sets(given, options.score)
    return SetsRequest(given, options, ranked=score is not None, in_batches=True, verbose=verbose)


def _joints(confident_joint: npt.ArrayLike | None, n_classes: int) -> FloatArray | None:
    if confident_joint is None:
        return None
    if np.shape(confident_joint) == (n_classes, n_classes):
        warn_user(
            f"`confident_joint` is not used: multi-label data need shape ({n_classes}, 2, 2),"
            f" got ({n_classes}, {n_classes})."
        )
        return None
    return check_joints(confident_joint, n_classes, whole=True)
