"""What one check of the data has found."""

from __future__ import annotations

from dataclasses import dataclass

from labelhealth.core._types import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What one check has found.

    Parameters
    ----------
    issue_type : str
        Name of the check.
    is_issue : ndarray of bool, shape (N,)
        Whether the check flags the example.
    score : ndarray of float64, shape (N,)
        0 is bad, 1 is good.
    summary : float
        Score of the whole dataset.

    Examples
    --------
    >>> from labelhealth.core.data_issues import find_null_issues
    >>> found = find_null_issues([[1.0, None], [None, None]])
    >>> found.issue_type, found.num_issues
    ('null', 1)
    """

    issue_type: str
    is_issue: BoolArray
    score: FloatArray
    summary: float

    @property
    def num_issues(self) -> int:
        """Number of examples that are flagged (count)."""
        return int(self.is_issue.sum())
