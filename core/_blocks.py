"""The folds over row blocks that all counting, filtering and scoring share; input is already clean.

Pass A sums self-confidence by class, pass B judges every row against the thresholds, pass C picks the
examples with the largest margins. Each pass returns a partial that merges with the partial of other rows,
and the merged partial is the same to the last bit however the rows were divided. Nothing here is larger than
a block in both directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import Given
from labelhealth.core._constants import LOWEST_THRESHOLD, MISSING_THRESHOLD, TOLERANCE
from labelhealth.core._exact import ClassSums, class_sums
from labelhealth.core._scores import Scoring, best_other, margin_of, score_block, self_confidence
from labelhealth.core._types import BoolArray, CodeArray, FloatArray, IntArray

BLOCK_ENTRIES = 2**17  # 1 MB of float64: a block and its few copies stay in a core's cache
DROPPED = -1  # confident class of a row that is confident in nothing
COMPACT_ROWS = 2**18  # candidates kept before the first selection: a few MB


# --- Blocks -------------------------------------------------------------------------------------------------


def float_type(dtype: npt.DTypeLike) -> np.dtype[np.floating]:
    """Type that probabilities are computed in: float32 for float32 and float16, float64 for the rest."""
    dtype = np.dtype(dtype)
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def row_blocks(given: Given, block_rows: int | None = None) -> Iterator[tuple[slice, IntArray, FloatArray]]:
    """Yield consecutive row ranges, their labels and their probabilities, contiguous and in `float_type`."""
    dtype = float_type(given.pred_probs.dtype)
    step = block_rows or max(BLOCK_ENTRIES // given.n_classes, 1)
    for start in range(0, len(given.labels), step):
        rows = slice(start, min(start + step, len(given.labels)))
        yield rows, given.labels[rows], np.ascontiguousarray(given.pred_probs[rows], dtype=dtype)


# --- Pass A: thresholds -------------------------------------------------------------------------------------


def sum_self_confidence(given: Given, block_rows: int | None = None) -> ClassSums:
    """Count the examples of each class and sum their self-confidence exactly."""
    step = block_rows or BLOCK_ENTRIES
    total = class_sums(given.labels[:0], np.empty(0), given.n_classes)
    for start in range(0, len(given.labels), step):
        labels = given.labels[start : start + step]
        values = self_confidence(labels, given.pred_probs[start : start + step])
        total = total.merge(class_sums(labels, values.astype(float_type(values.dtype)), given.n_classes))
    return total


def thresholds_of(sums: ClassSums, dtype: npt.DTypeLike) -> FloatArray:
    """Return each class's confident threshold: its mean self-confidence, rounded once to the type of the
    input.

    A missing class makes the result float64, as the number 2 in a list of float32 does.
    """
    kind = float_type(dtype)
    means = sums.means(kind)
    values = [MISSING_THRESHOLD if mean is None else mean for mean in means]
    result_kind = np.dtype(np.float64) if None in means else kind
    return np.maximum(np.array(values, dtype=result_kind), LOWEST_THRESHOLD)


# --- Pass B: one judgement of every row ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class RowColumns:
    """What pass B knows of each row, in row order.

    Parameters
    ----------
    self_confidence : ndarray of float, shape (N,)
        Probability of the given label.
    normalized_margin : ndarray of float, shape (N,)
        Lead of the given label over the best other class, in [0, 1]; infinite if there is one class only.
    score : ndarray of float, shape (N,)
        The label quality score that was asked for.
    predicted : ndarray of int32, shape (N,)
        Most probable class, lowest index among equals.
    confident : ndarray of int32, shape (N,)
        Class that the row is counted for in the confident joint; `DROPPED` if none.
    is_close : ndarray of bool, shape (N,)
        Whether the given label is the most probable class, or within `TOLERANCE` of it.
    is_off_diagonal : ndarray of bool, shape (N,)
        Whether the row is counted for another class than its given label.
    """

    self_confidence: FloatArray
    normalized_margin: FloatArray
    score: FloatArray
    predicted: CodeArray
    confident: CodeArray
    is_close: BoolArray
    is_off_diagonal: BoolArray

    def merge(self, following: RowColumns) -> RowColumns:
        """Return the columns of both sets of rows, `following` behind these."""
        return RowColumns(
            *(
                np.concatenate([getattr(self, name), getattr(following, name)])
                for name in self.__dataclass_fields__
            )
        )


def judge_rows(
    given: Given, thresholds: FloatArray, scoring: Scoring, block_rows: int | None = None
) -> RowColumns:
    """Judge every row against the thresholds, in one sweep."""
    columns: RowColumns | None = None
    for rows, labels, block in row_blocks(given, block_rows):
        part = _judge_block(labels, block, thresholds, scoring)
        columns = _empty_columns(part, len(given.labels), scoring) if columns is None else columns
        for name in RowColumns.__dataclass_fields__:
            getattr(columns, name)[rows] = getattr(part, name)
    return columns or _judge_block(given.labels, given.pred_probs, thresholds, scoring)


def _empty_columns(like: RowColumns, n_rows: int, scoring: Scoring) -> RowColumns:
    empty = {name: np.empty(n_rows, getattr(like, name).dtype) for name in RowColumns.__dataclass_fields__}
    if scoring.is_plain_self_confidence:
        empty["score"] = empty["self_confidence"]  # one column under two names
    return RowColumns(**empty)


def _judge_block(labels: IntArray, block: FloatArray, thresholds: FloatArray, scoring: Scoring) -> RowColumns:
    own = self_confidence(labels, block)
    other_class, other = best_other(labels, block)
    predicted = np.where((other > own) | ((other == own) & (other_class < labels)), other_class, labels)
    lifted = own + TOLERANCE
    confident = _confident_class(block, thresholds, predicted)
    return RowColumns(
        self_confidence=own,
        normalized_margin=margin_of(own, other),
        score=own if scoring.is_plain_self_confidence else score_block(labels, block, scoring),
        predicted=predicted.astype(np.int32),
        confident=confident.astype(np.int32),
        is_close=(lifted > other) | ((lifted == other) & (labels < other_class)),
        is_off_diagonal=(confident != DROPPED) & (confident != labels),
    )


def _confident_class(block: FloatArray, thresholds: FloatArray, predicted: IntArray) -> IntArray:
    """Return the one class at or above its threshold; of several, the most probable of the WHOLE row."""
    is_confident = block >= thresholds - TOLERANCE
    n_confident = is_confident.sum(axis=1)
    return np.where(
        n_confident > 1, predicted, np.where(n_confident == 1, is_confident.argmax(axis=1), DROPPED)
    )


def count_pairs(labels: IntArray, classes: npt.NDArray[np.integer], n_classes: int) -> IntArray:
    """Count rows by (given label, other class); rows of class `DROPPED` are left out. Counts of parts add up.

    The matrix is column-major: the calibration adds in memory order, so the order is part of the result.
    """
    kept = classes != DROPPED
    pairs = classes[kept].astype(np.int64) * n_classes + labels[kept]
    counts = np.bincount(pairs, minlength=n_classes * n_classes).astype(np.int64, copy=False)
    return counts.reshape(n_classes, n_classes).T


# --- Scores alone -------------------------------------------------------------------------------------------


def score_rows(given: Given, scoring: Scoring, block_rows: int | None = None) -> FloatArray:
    """Return the score of every row."""
    if scoring.is_plain_self_confidence:
        values = self_confidence(given.labels, given.pred_probs)
        return values.astype(float_type(values.dtype), copy=False)
    return np.concatenate(
        [score_block(labels, block, scoring) for _, labels, block in row_blocks(given, block_rows)]
    )


# --- Pass C: the largest margins ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class TopMargins:
    """The rows with the largest margins of each (given, suggested) pair: at most as many as wanted.

    Parameters
    ----------
    wanted : ndarray of int64, shape (K, K)
        Number of rows to keep of each pair.
    pairs : ndarray of int64, shape (M,)
        given * K + suggested of each candidate.
    margins : ndarray of float, shape (M,)
        Probability of the suggested class minus that of the given one.
    rows : ndarray of int64, shape (M,)
        Row number of each candidate in the whole dataset.
    """

    wanted: IntArray
    pairs: IntArray
    margins: FloatArray
    rows: IntArray

    def merge(self, other: TopMargins) -> TopMargins:
        """Return the selection over both sets of rows; equal margins are decided by row number."""
        return _joined(self.wanted, [self, other])


def select_margins(
    given: Given, wanted: IntArray, block_rows: int | None = None, *, first_row: int = 0
) -> TopMargins:
    """Select, of each pair, the `wanted` rows with the largest margins; among equals the first rows."""
    is_wanted = wanted > 0
    active = np.asarray(is_wanted.any(axis=1))
    bars = np.where(is_wanted, -np.inf, np.inf)  # a margin must lie above its bar to be of use
    selected = TopMargins(wanted, np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
    pending: list[TopMargins] = []
    n_pending, limit = 0, COMPACT_ROWS
    for rows, labels, block in row_blocks(given, block_rows):
        kept = np.flatnonzero(active[labels])
        part = _candidates(labels[kept], block[kept], kept + rows.start + first_row, wanted, bars)
        pending.append(part)
        n_pending += len(part.rows)
        if n_pending > limit:
            selected = _joined(wanted, [selected, *pending])
            _raise_bars(bars, selected)
            pending, n_pending, limit = [], 0, max(COMPACT_ROWS, len(selected.rows))
    return _joined(wanted, [selected, *pending])


def _candidates(
    labels: IntArray,
    block: FloatArray,
    row_numbers: IntArray,
    wanted: IntArray,
    bars: npt.NDArray[np.float64],
) -> TopMargins:
    margins = block - self_confidence(labels, block)[:, None]
    i, suggested = np.nonzero(margins > bars[labels])
    return TopMargins(wanted, labels[i] * len(wanted) + suggested, margins[i, suggested], row_numbers[i])


def _joined(wanted: IntArray, parts: list[TopMargins]) -> TopMargins:
    """Sort all candidates by pair, margin (falling) and row, and keep the wanted number of each pair."""
    filled = [part for part in parts if len(part.rows)] or parts[:1]
    pairs, margins, rows = (
        np.concatenate([getattr(p, name) for p in filled]) for name in ("pairs", "margins", "rows")
    )
    order = np.lexsort((rows, -margins, pairs))
    pairs, margins, rows = pairs[order], margins[order], rows[order]
    place = np.arange(len(pairs)) - np.searchsorted(pairs, pairs, side="left")
    best = place < wanted.ravel()[pairs]
    return TopMargins(wanted, pairs[best], margins[best], rows[best])


def _raise_bars(bars: npt.NDArray[np.float64], selected: TopMargins) -> None:
    """Raise the bar of each full pair to its smallest selected margin: a later row must exceed it."""
    last = np.flatnonzero(np.append(selected.pairs[1:] != selected.pairs[:-1], True))
    pairs = selected.pairs[last]
    sizes = np.diff(last, prepend=-1)
    full = sizes == selected.wanted.ravel()[pairs]
    bars.ravel()[pairs[full]] = selected.margins[last[full]]
