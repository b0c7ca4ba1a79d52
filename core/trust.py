"""Whether probabilities can be what they are said to be: of these rows, and with their classes in this order.

Both guards look at how often each class is predicted for each given class. Neither can tell in-sample probabilities
from good ones: that takes features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelhealth.core._types import IntArray
from labelhealth.core.errors import OptionError

__all__ = ["GuardResult", "check_class_order", "check_rows_belong"]

LEAST_GAIN = (
    0.2  # in agreement, by another order of the classes: labels would have to be wrong in as many rows
)
LEAST_ROWS = 20  # fewer say nothing either way
LOWEST_KAPPA = 0.05  # agreement beyond chance below which probabilities say nothing about the labels


@dataclass(frozen=True, slots=True)
class GuardResult:
    """What a guard found.

    Parameters
    ----------
    holds : bool or None
        Whether there is nothing to distrust; None if it could not be checked.
    value : float
        What was measured; NaN if nothing was.
    reason : str
        One sentence for a person.

    Examples
    --------
    >>> import numpy as np
    >>> check_rows_belong(np.diag([50, 50])).holds
    True
    """

    holds: bool | None
    value: float
    reason: str


def check_class_order(counts: IntArray) -> GuardResult:
    """Tell whether another order of the classes fits the labels much better.

    Parameters
    ----------
    counts : ndarray of int, shape (K, K)
        Judged rows by given class (row) and most probable class (column).

    Returns
    -------
    GuardResult
        `value` is how much larger the share of rows would be whose most probable class is the given one, if columns
        were in the best order; 0.2 and more is distrusted.

    Raises
    ------
    OptionError
        If the counts are not square.

    References
    ----------
    Kuhn (1955), The Hungarian method for the assignment problem; scipy.optimize.linear_sum_assignment.

    Examples
    --------
    >>> import numpy as np
    >>> check_class_order(np.array([[2, 48], [47, 3]])).holds
    False
    """
    from scipy.optimize import linear_sum_assignment

    total = _total(counts)
    if total < LEAST_ROWS:
        return GuardResult(None, float("nan"), f"{total} judged rows are too few")
    rows, columns = linear_sum_assignment(counts, maximize=True)
    as_given, best = int(np.trace(counts)) / total, int(counts[rows, columns].sum()) / total
    moved = int((columns != rows).sum())
    if best - as_given < LEAST_GAIN:
        return GuardResult(
            True, best - as_given, f"{as_given:.1%} of the rows agree, {best:.1%} in the best order"
        )
    told = f"{as_given:.1%} of the rows agree with their labels, {best:.1%} if {moved} classes changed places"
    return GuardResult(False, best - as_given, f"{told}: check the order of class_names")


def check_rows_belong(counts: IntArray) -> GuardResult:
    """Tell whether predictions say anything about the labels of their rows.

    Parameters
    ----------
    counts : ndarray of int, shape (K, K)
        Judged rows by given class (row) and most probable class (column).

    Returns
    -------
    GuardResult
        `value` is Cohen's kappa of labels and predictions in the best order of classes, the agreement beyond chance;
        0.05 and less is distrusted, as of probabilities that belong to other rows.

    Raises
    ------
    OptionError
        If the counts are not square.

    References
    ----------
    Cohen (1960), Educational and Psychological Measurement 20, equation (1).

    Examples
    --------
    >>> import numpy as np
    >>> check_rows_belong(np.array([[25, 25], [25, 25]])).holds
    False
    """
    from scipy.optimize import linear_sum_assignment

    total = _total(counts)
    if total < LEAST_ROWS:
        return GuardResult(None, float("nan"), f"{total} judged rows are too few")
    _, columns = linear_sum_assignment(counts, maximize=True)
    ordered = counts[:, columns] / total
    chance = float(ordered.sum(axis=1) @ ordered.sum(axis=0))
    if chance >= 1:
        return GuardResult(None, float("nan"), "all rows are of one class")
    kappa = (float(np.trace(ordered)) - chance) / (1 - chance)
    if kappa > LOWEST_KAPPA:
        return GuardResult(True, kappa, f"agreement beyond chance is {kappa:.2f}")
    told = f"labels and predictions agree no more than by chance (kappa {kappa:.2f})"
    return GuardResult(False, kappa, f"{told}: do the probabilities belong to these rows")


def _total(counts: IntArray) -> int:
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        msg = f"`counts` must be square; got shape {counts.shape}."
        raise OptionError(msg)
    return int(counts.sum())
