"""What people said about labels, put into what confident learning counted.

A row whose label was confirmed counts on the diagonal of the joint, one whose label was found wrong off it: what is
known is no longer estimated. Rows that nobody looked at stay as they were counted.
"""

from __future__ import annotations

import numpy as np

from labelhealth.core._blocks import RowColumns, is_confident_issue
from labelhealth.core._types import BoolArray, IntArray
from labelhealth.core.errors import OptionError
from labelhealth.core.summary import Pairs

__all__ = ["correct_estimate", "is_counted", "move_counts"]


def is_counted(given: IntArray, columns: RowColumns, rows: IntArray) -> BoolArray:
    """Return whether some rows are among the estimated label issues.

    Parameters
    ----------
    given : ndarray of int, shape (m,)
        Given class of each of these rows.
    columns : RowColumns
        What `parts.judge` found about all rows.
    rows : ndarray of int64, shape (m,)
        The rows.

    Returns
    -------
    ndarray of bool, shape (m,)
        Counted off the diagonal, and not close to the given label.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> from labelhealth.core.parts import judge
    >>> labels, pred_probs = np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]])
    >>> columns = judge(labels, pred_probs, np.array([0.5, 0.5]), IssueOptions()).columns
    >>> is_counted(labels, columns, np.array([0, 1]))
    array([False,  True])
    """
    some = {field: getattr(columns, field)[rows] for field in RowColumns.__dataclass_fields__}
    return is_confident_issue(given, RowColumns(**some))


def move_counts(pairs: Pairs, given: IntArray, counted: IntArray, settled: IntArray) -> Pairs:
    """Move rows within a confident joint from the class that they were counted for to the one that people gave.

    Parameters
    ----------
    pairs : Pairs
        Calibrated confident joint: each given class adds up to its examples.
    given, counted, settled : ndarray of int, shape (m,)
        Given class of each reviewed row, the class that it was counted for, and its true class as people say; classes
        in 0..K-1.

    Returns
    -------
    Pairs
        The same number of examples for each given class, no count below zero; sorted by given and true class.

    Raises
    ------
    OptionError
        If the three are not equally many.

    Examples
    --------
    Of two rows of class 0 that were counted for class 1, one is confirmed.

    >>> import numpy as np
    >>> from labelhealth.core.summary import Pairs
    >>> pairs = Pairs(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([6, 2, 2]), 2)
    >>> moved = move_counts(pairs, np.array([0]), np.array([1]), np.array([0]))
    >>> moved.given.tolist(), moved.true.tolist(), moved.count.tolist()
    ([0, 0, 1], [0, 1, 1], [7, 1, 2])
    """
    if not len(given) == len(counted) == len(settled):
        got = ", ".join(str(len(each)) for each in (given, counted, settled))
        msg = f"`given`, `counted` and `settled` must be equally many; got {got}."
        raise OptionError(msg)
    width = pairs.n_classes
    places = np.concatenate(
        [pairs.given * width + pairs.true, given * width + counted, given * width + settled]
    )
    cells, place = np.unique(places, return_inverse=True)
    n_pairs, n_moved = len(pairs.count), len(given)
    counts = np.zeros(len(cells), dtype=np.int64)
    counts[place[:n_pairs]] = pairs.count
    source, target = place[n_pairs : n_pairs + n_moved], place[n_pairs + n_moved :]
    for one, other in zip(source.tolist(), target.tolist(), strict=True):  # one by one: none falls below zero
        if counts[one] > 0:
            counts[one] -= 1
            counts[other] += 1
    kept = counts > 0
    return Pairs(cells[kept] // width, cells[kept] % width, counts[kept], width)


def correct_estimate(n_estimated: int, was_counted: BoolArray, is_wrong: BoolArray) -> int:
    """Return the estimated number of label issues when some rows are known.

    Parameters
    ----------
    n_estimated : int
        Label issues that confident learning counts.
    was_counted : ndarray of bool, shape (m,)
        Whether each reviewed row is one of these.
    is_wrong : ndarray of bool, shape (m,)
        Whether people found its label wrong.

    Returns
    -------
    int
        At least the number of rows that are known to be wrong.

    Examples
    --------
    >>> import numpy as np
    >>> correct_estimate(10, np.array([True, True, False]), np.array([False, True, True]))
    10
    """
    n_known = int(is_wrong.sum())
    return max(n_estimated - int(was_counted.sum()), 0) + n_known
