"""Class and pair summaries from the non-zero entries of a confident joint, for any number of classes.

The numbers are those of `core.dataset`, which works on the full matrix, but for classes without any example: these
have no noise and no quality here, where `core.dataset` gives 0 and 1 as its users expect. Nothing of size K x K is
made, and sums are taken over counts, so they are exact and equal counts are ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelhealth.core._types import FloatArray, IntArray

__all__ = ["ClassSummary", "Pairs", "conditional_probabilities", "overlapping_pairs", "summarize_classes"]

_FLOOR = 1e-6  # of denominators in class summaries, as in `core.dataset`


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Non-zero entries of a calibrated confident joint.

    Parameters
    ----------
    given, true : ndarray of int64, shape (M,)
        Classes of each entry, in 0..K-1.
    count : ndarray of int64, shape (M,)
        Examples counted for it.
    n_classes : int
        K.

    Examples
    --------
    >>> import numpy as np
    >>> Pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([6, 2, 2]), 2).total
    10
    """

    given: IntArray
    true: IntArray
    count: IntArray
    n_classes: int

    @property
    def total(self) -> int:
        """Return the number of examples counted, at least 1."""
        return max(int(self.count.sum()), 1)


@dataclass(frozen=True, slots=True, eq=False)
class ClassSummary:
    """One value a class, each of shape (K,).

    Parameters
    ----------
    label_issues, inverse_label_issues : ndarray of int64
        Examples given the class and truly another, and the reverse (counts).
    label_noise, inverse_label_noise : ndarray of float
        P(truly another | given), P(given another | true); NaN for a class of which nothing was counted.
    label_quality_score : ndarray of float
        1 - label_noise.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = Pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([6, 2, 2]), 2)
    >>> summarize_classes(pairs, 10).label_quality_score
    array([0.75, 1.  ])
    """

    label_issues: IntArray
    inverse_label_issues: IntArray
    label_noise: FloatArray
    inverse_label_noise: FloatArray
    label_quality_score: FloatArray


def summarize_classes(pairs: Pairs, n_examples: int) -> ClassSummary:
    """Return the label issues and noise of each class.

    Parameters
    ----------
    pairs : Pairs
        Entries of the confident joint.
    n_examples : int
        Examples that the joint stands for.

    Returns
    -------
    ClassSummary
        One value a class.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = Pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([6, 2, 2]), 2)
    >>> summarize_classes(pairs, 10).label_noise
    array([0.25, 0.  ])
    """
    given_total = _sum_by(pairs.given, pairs.count, pairs.n_classes)
    true_total = _sum_by(pairs.true, pairs.count, pairs.n_classes)
    same = pairs.given == pairs.true
    diagonal = _sum_by(pairs.given[same], pairs.count[same], pairs.n_classes)
    total = pairs.total
    off_given, off_true = (given_total - diagonal) / total, (true_total - diagonal) / total
    noise = _share(off_given, given_total / total)
    return ClassSummary(
        label_issues=np.rint(off_given * n_examples).astype(np.int64),
        inverse_label_issues=np.rint(off_true * n_examples).astype(np.int64),
        label_noise=noise,
        inverse_label_noise=_share(off_true, true_total / total),
        label_quality_score=1.0 - noise,
    )


def overlapping_pairs(pairs: Pairs) -> Pairs:
    """Return each unordered pair of classes with its count in both directions, largest first.

    Parameters
    ----------
    pairs : Pairs
        Entries of the confident joint.

    Returns
    -------
    Pairs
        `given` is the smaller class number of the pair; ties keep the order of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> overlapping_pairs(Pairs(np.array([0, 1]), np.array([1, 0]), np.array([2, 3]), 2)).count
    array([5])
    """
    off = pairs.given != pairs.true
    low = np.minimum(pairs.given[off], pairs.true[off])
    high = np.maximum(pairs.given[off], pairs.true[off])
    codes, place = np.unique(low * pairs.n_classes + high, return_inverse=True)
    count = _sum_by(place, pairs.count[off], len(codes))
    order = np.argsort(-count, kind="stable")
    return Pairs(
        codes[order] // pairs.n_classes, codes[order] % pairs.n_classes, count[order], pairs.n_classes
    )


def conditional_probabilities(pairs: Pairs) -> tuple[FloatArray, FloatArray]:
    """Return P(given | true) and P(true | given) of each entry.

    Parameters
    ----------
    pairs : Pairs
        Entries of the confident joint.

    Returns
    -------
    given_by_true, true_by_given : ndarray of float, shape (M,)
        Probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> conditional_probabilities(Pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([6, 2, 2]), 2))
    (array([1. , 0.5, 0.5]), array([0.75, 0.25, 1.  ]))
    """
    given_total = _sum_by(pairs.given, pairs.count, pairs.n_classes)
    true_total = _sum_by(pairs.true, pairs.count, pairs.n_classes)
    return (
        pairs.count / np.maximum(true_total[pairs.true], 1),
        pairs.count / np.maximum(given_total[pairs.given], 1),
    )


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return `part / whole`, NaN where nothing was counted: no examples, no statement."""
    return np.where(whole > 0, part / np.maximum(whole, _FLOOR), np.nan)


def _sum_by(groups: IntArray, values: IntArray, n_groups: int) -> IntArray:
    """Return the sum of `values` in each group, exact."""
    sums = np.zeros(n_groups, dtype=np.int64)
    np.add.at(sums, groups, values)
    return sums
