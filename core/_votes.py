"""Labels of several annotators as a list of votes: memory grows with what was annotated, not with the table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from labelhealth.core._types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Votes:
    """Who gave which class to which example.

    Parameters
    ----------
    rows, annotators, classes : ndarray of int64, shape (V,)
        Row number, annotator's number and class of each vote, by row, then by annotator.
    index : Index of length N
        Names of the examples.
    columns : Index of length R
        Names of the annotators.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> votes = Votes(*np.array([[0, 0, 1], [0, 1, 1], [2, 2, 0]]), pd.RangeIndex(2), pd.Index(["ann", "bob"]))
    >>> votes.n_by_row
    array([2, 1])
    """

    rows: IntArray
    annotators: IntArray
    classes: IntArray
    index: pd.Index
    columns: pd.Index

    @property
    def n_rows(self) -> int:
        """Number of examples N."""
        return len(self.index)

    @property
    def n_annotators(self) -> int:
        """Number of annotators R."""
        return len(self.columns)

    @cached_property
    def n_by_row(self) -> IntArray:
        """Number of votes on each example, shape (N,)."""
        return np.bincount(self.rows, minlength=self.n_rows)

    @cached_property
    def n_by_annotator(self) -> IntArray:
        """Number of votes of each annotator, shape (R,)."""
        return np.bincount(self.annotators, minlength=self.n_annotators)

    @property
    def is_single(self) -> bool:
        """Whether every example has exactly one vote."""
        return bool((self.n_by_row == 1).all())

    def counts(self, n_classes: int) -> IntArray:
        """Count the votes for each class of each example, shape (N, K)."""
        cells = self.rows * n_classes + self.classes
        return np.bincount(cells, minlength=self.n_rows * n_classes).reshape(self.n_rows, n_classes)

    def sum_by_row(self, values: FloatArray | IntArray | BoolArray) -> FloatArray:
        """Sum one value a vote over the votes on each example."""
        return sum_by(self.rows, values, self.n_rows)

    def sum_by_annotator(self, values: FloatArray | IntArray | BoolArray) -> FloatArray:
        """Sum one value a vote over the votes of each annotator."""
        return sum_by(self.annotators, values, self.n_annotators)


def sum_by(groups: IntArray, values: FloatArray | IntArray | BoolArray, n_groups: int) -> FloatArray:
    """Sum the values of each group, in their order."""
    return np.asarray(np.bincount(groups, values, minlength=n_groups), dtype=np.float64)


def votes_of(table: IntArray | FloatArray, index: pd.Index, columns: pd.Index) -> Votes:
    """List the entries of a table (N, R) that are not NaN."""
    rows, annotators = np.nonzero(~np.isnan(table))
    return Votes(rows, annotators, table[rows, annotators].astype(np.int64), index, columns)


def vote_shares(votes: Votes, n_classes: int) -> FloatArray:
    """Share of the votes on each example that each class has, shape (N, K)."""
    return votes.counts(n_classes) / votes.n_by_row[:, None]
