"""The seven rules that flag examples: what each selects, and which of the rows it flags. Input is already clean.

A rule works in three steps, so that rows may be divided in any way: what is wanted is planned from counts, each set of
rows offers its best candidates, and what remains of all candidates is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelhealth.core._blocks import RowColumns, is_off_diagonal
from labelhealth.core._check import Given
from labelhealth.core._pairs import Matrix, diagonal_of
from labelhealth.core._prune import prune_counts
from labelhealth.core._select import (
    Selection,
    select_least_confident,
    select_lowest,
    select_margins,
)
from labelhealth.core._sweep import Division
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.options import FilterBy, IssueOptions

PRUNING_RULES: frozenset[FilterBy] = frozenset({"prune_by_noise_rate", "prune_by_class", "both"})
RANKING_RULES: frozenset[FilterBy] = frozenset({"low_normalized_margin", "low_self_confidence"})


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How many rows a rule wants; None for a kind of selection that it does not make.

    Parameters
    ----------
    filter_by : str
        Name of the rule.
    pairs : Matrix of int64, or None
        Rows with the largest margins, of each (given, suggested) pair.
    classes : Matrix of int64, or None
        Rows of lowest self-confidence, of each given class; a diagonal.
    lowest : Matrix of int64, or None
        Rows of lowest score of all; one entry at most.

    Examples
    --------
    >>> Plan("predicted_neq_given").wanted
    []
    """

    filter_by: FilterBy
    pairs: Matrix[np.int64] | None = None
    classes: Matrix[np.int64] | None = None
    lowest: Matrix[np.int64] | None = None

    @property
    def wanted(self) -> list[Matrix[np.int64]]:
        """What each selection wants that the rule makes."""
        return [wanted for wanted in (self.pairs, self.classes, self.lowest) if wanted is not None]


def plan_issues(
    joint: Matrix[np.int64] | Matrix[np.float64],
    class_counts: IntArray,
    n_confident_issues: int,
    options: IssueOptions,
    num_to_remove: FloatArray | None = None,
) -> Plan:
    """Return what the chosen rule wants of a dataset with these counts."""
    name = options.filter_by
    if name in RANKING_RULES:
        return Plan(name, lowest=diagonal_of(np.array([n_confident_issues])))
    if name not in PRUNING_RULES:
        return Plan(name)
    counts = prune_counts(
        joint, class_counts, options.min_examples_per_class, options.frac_noise, num_to_remove
    )
    is_judged = class_counts > max(
        options.min_examples_per_class, 1
    )  # a class of one example is never judged
    flagged = counts.flagged
    pairs = flagged.with_values(np.where(is_judged[flagged.given], np.maximum(flagged.values, 0), 0))
    classes = np.where(is_judged, np.maximum(class_counts - counts.kept, 0), 0)
    return Plan(
        name,
        pairs=None if name == "prune_by_class" else pairs,
        classes=None if name == "prune_by_noise_rate" else diagonal_of(classes),
    )


def select_issues(
    given: Given, columns: RowColumns, plan: Plan, division: Division | None = None
) -> list[Selection]:
    """Return the candidates of a set of rows, one selection for each entry of `plan.wanted`."""
    found = []
    if plan.pairs is not None:
        found.append(select_margins(given, columns, plan.pairs, division))
    if plan.classes is not None:
        found.append(select_least_confident(given, columns, plan.classes, division))
    if plan.lowest is not None:
        is_margin = plan.filter_by == "low_normalized_margin"
        scores = columns.normalized_margin if is_margin else columns.self_confidence
        found.append(select_lowest(scores, plan.lowest))
    return found


def mark_issues(labels: IntArray, columns: RowColumns, plan: Plan, chosen: Sequence[IntArray]) -> BoolArray:
    """Flag rows of one set; `chosen` holds the selected rows of each selection.

    A rule that does not only rank leaves rows alone whose label is the most probable class.
    """
    if plan.filter_by == "confident_learning":
        flagged = is_off_diagonal(labels, columns)
    elif plan.filter_by == "predicted_neq_given":
        flagged = columns.predicted != labels
    else:
        flagged = np.logical_and.reduce([_mask(rows, len(labels)) for rows in chosen])
    return flagged if plan.filter_by in RANKING_RULES else flagged & ~columns.is_close


def flag_issues(given: Given, columns: RowColumns, plan: Plan, division: Division | None = None) -> BoolArray:
    """Plan carried out on all rows at once."""
    chosen = [selection.rows for selection in select_issues(given, columns, plan, division)]
    return mark_issues(given.labels, columns, plan, chosen)


def columns_of(filter_by: FilterBy) -> frozenset[str]:
    """Return the columns that a rule looks at."""
    looked_at: dict[FilterBy, set[str]] = {
        "prune_by_noise_rate": {"predicted", "is_close"},
        "prune_by_class": {"predicted", "self_confidence", "is_close"},
        "both": {"predicted", "self_confidence", "is_close"},
        "confident_learning": {"confident", "is_close"},
        "predicted_neq_given": {"predicted", "is_close"},
        "low_normalized_margin": {"normalized_margin"},
        "low_self_confidence": {"self_confidence"},
    }
    return frozenset(looked_at[filter_by])


def unjudged_classes(class_counts: IntArray, min_examples_per_class: float) -> IntArray:
    """Classes that the prune filters leave alone because they are too small."""
    return np.flatnonzero(class_counts <= min_examples_per_class)


def _mask(rows: IntArray, n_rows: int) -> BoolArray:
    mask = np.zeros(n_rows, dtype=np.bool_)
    mask[rows] = True
    return mask
