"""Whether probabilities can be what they are said to be: of these rows, and with their classes in this order.

Both guards look at how often each class is predicted for each given class. Neither can tell in-sample probabilities
from good ones: that takes features (`core.in_sample`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import IntArray
from labelhealth.core.errors import OptionError

__all__ = ["GuardResult", "check_class_order", "check_rows_belong"]

LEAST_GAIN = (
    0.2  # in agreement, by another order of the classes: labels would have to be wrong in as many rows
)
LEAST_MOVED_GAIN = 0.5  # in agreement of the classes that would move: more of their labels wrong than right
LEAST_ROWS = 20  # fewer say nothing either way
N_SHUFFLES = 5  # tables of shuffled rows: they differ by little, and only the best of them counts
SURE_KAPPA = 0.5  # nobody shuffles rows to see whether they reach this
HIGHEST_CHANCE = 0.3  # of shuffled rows: where they agree so well, rows are too few for so many classes
LEAST_ROWS_A_CLASS = 3  # with fewer another order of the classes may fit by luck
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
        were in the best order. Distrusted are 0.2 and more, and 0.5 and more of the rows of the classes that would move
        (20 rows at least), as where two of many classes are swapped. Not checked with fewer than 3 rows a class.

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
    if total < max(LEAST_ROWS, LEAST_ROWS_A_CLASS * len(counts)):
        return GuardResult(None, math.nan, f"{total} judged rows of {len(counts)} classes are too few")
    rows, columns = linear_sum_assignment(counts, maximize=True)
    as_given, best = int(np.trace(counts)) / total, int(counts[rows, columns].sum()) / total
    is_moved = columns != rows
    moved, n_moved = int(is_moved.sum()), int(counts[is_moved].sum())
    is_swapped = n_moved >= LEAST_ROWS and (best - as_given) * total >= LEAST_MOVED_GAIN * n_moved
    if best - as_given < LEAST_GAIN and not is_swapped:
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
        `value` is Cohen's kappa of labels and predictions in the best order of classes, the agreement beyond chance.
        Distrusted is what lies above the best of 5 tables of shuffled rows by 0.05 or less, as of probabilities that
        belong to other rows. Not checked where such tables reach 0.3: there are too few rows for so many classes.

    Raises
    ------
    OptionError
        If the counts are not square.

    References
    ----------
    Cohen (1960), Educational and Psychological Measurement 20, equation (1); Patefield (1981), Applied Statistics 30,
    for tables with given margins: scipy.stats.random_table.

    Examples
    --------
    >>> import numpy as np
    >>> check_rows_belong(np.array([[25, 25], [25, 25]])).holds
    False
    """
    total = _total(counts)
    if total < LEAST_ROWS:
        return GuardResult(None, math.nan, f"{total} judged rows are too few")
    kappa = _best_kappa(counts)
    if math.isnan(kappa):
        return GuardResult(None, kappa, "all rows are of one class")
    if kappa > SURE_KAPPA:
        return GuardResult(True, kappa, f"agreement beyond chance is {kappa:.2f}")
    shuffled = _kappa_of_shuffled_rows(counts)
    told = f"agreement beyond chance is {kappa:.2f}, that of shuffled rows {shuffled:.2f}"
    if kappa > shuffled + LOWEST_KAPPA:
        return GuardResult(True, kappa, told)
    if shuffled > HIGHEST_CHANCE:
        return GuardResult(None, kappa, f"{total} judged rows of {len(counts)} classes are too few")
    return GuardResult(False, kappa, f"{told}: do the probabilities belong to these rows")


def _best_kappa(counts: npt.NDArray[np.integer | np.floating]) -> float:
    """Return Cohen's kappa in the best order of classes; NaN where chance alone agrees always."""
    from scipy.optimize import linear_sum_assignment

    _, columns = linear_sum_assignment(counts, maximize=True)
    ordered = counts[:, columns] / counts.sum()
    chance = float(ordered.sum(axis=1) @ ordered.sum(axis=0))
    return (float(np.trace(ordered)) - chance) / (1 - chance) if chance < 1 else math.nan


def _kappa_of_shuffled_rows(counts: IntArray) -> float:
    """Return the largest kappa of some tables with the same class counts whose rows were shuffled."""
    from scipy.stats import random_table

    margins = random_table(counts.sum(axis=1), counts.sum(axis=0))
    tables = margins.rvs(N_SHUFFLES, method="patefield", random_state=np.random.default_rng(0))
    return max(_best_kappa(table) for table in tables)


def _total(counts: IntArray) -> int:
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        msg = f"`counts` must be square; got shape {counts.shape}."
        raise OptionError(msg)
    return int(counts.sum())
