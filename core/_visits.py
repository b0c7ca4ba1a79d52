"""The rows that a selection looks at, and their probabilities, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelhealth.core._blocks import RowColumns
from labelhealth.core._check import Given
from labelhealth.core._selection_kernels import list_rows
from labelhealth.core._sweep import BLOCK_ENTRIES, codes, float_type, pieces
from labelhealth.core._types import BoolArray, CodeArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """Some rows, their labels and most probable classes."""

    rows: IntArray
    labels: IntArray
    predicted: CodeArray

    def __getitem__(self, places: slice) -> Listed:
        return Listed(self.rows[places], self.labels[places], self.predicted[places])


def listed_rows(given: Given, columns: RowColumns, is_wanted: BoolArray, *, every: bool) -> Iterator[Listed]:
    """Yield the rows of the wanted classes: `every` one, or those whose label is not the predicted class."""
    for piece in pieces(slice(0, len(given.labels))):
        labels, predicted = codes(given.labels, piece), columns.predicted[piece]
        room = np.empty(len(labels), np.int64)
        found = room[: list_rows(labels, predicted, is_wanted, every, room)]
        yield Listed(found + piece.start, labels[found], predicted[found])


def with_probs(given: Given, listed: Listed) -> Iterator[tuple[Listed, IntArray, FloatArray]]:
    """Yield rows, and where each has its probabilities in an array; clean probabilities are not copied."""
    probs, kind = given.pred_probs, float_type(given.pred_probs.dtype)
    if isinstance(probs, np.ndarray) and probs.dtype == kind and probs.flags.c_contiguous:
        yield listed, listed.rows, np.asarray(probs)
        return
    step = max(BLOCK_ENTRIES // probs.shape[1], 1)
    for start in range(0, len(listed.rows), step):
        some = listed[start : start + step]
        yield some, np.arange(len(some.rows)), np.ascontiguousarray(probs[some.rows], dtype=kind)
