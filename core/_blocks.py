"""Pass B: every row judged against the confident thresholds, in one sweep over the probabilities."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import Given, reject_range
from labelhealth.core._constants import TOLERANCE
from labelhealth.core._kernels import count_outside, judge_narrow, judge_wide, take_self_confidence
from labelhealth.core._pairs import Matrix, Tally, add
from labelhealth.core._scores import Scoring, normalized_entropy, score_block
from labelhealth.core._sums import range_of
from labelhealth.core._sweep import BLOCK_ENTRIES, Division, blocks, codes, float_type, share_rows
from labelhealth.core._types import BitArray, BoolArray, CodeArray, FloatArray, IntArray

DROPPED = -1  # confident class of a row that is confident in nothing
NARROW = 16  # classes up to which rows are judged in tiles


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

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> from labelhealth.core.parts import judge
    >>> labels, pred_probs = np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]])
    >>> judged = judge(labels, pred_probs, np.array([0.5, 0.5]), IssueOptions())
    >>> judged.columns.predicted.tolist(), judged.columns.is_close.tolist()
    ([0, 0], [True, False])
    """

    self_confidence: FloatArray
    normalized_margin: FloatArray
    score: FloatArray
    predicted: CodeArray
    confident: CodeArray
    is_close: BoolArray


MakeColumn: TypeAlias = Callable[[str, int, np.dtype[Any]], npt.NDArray[Any]]


def in_memory(name: str, n_rows: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:  # noqa: ARG001 - files have names
    """Make a column that lives in memory."""
    return np.empty(n_rows, dtype)


ALL_COLUMNS = frozenset(RowColumns.__dataclass_fields__)


class _Unkept(threading.local):
    """A column that nobody wants: a block of it lasts until its thread asks for the next."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.room = np.empty(0, dtype)

    def __getitem__(self, rows: slice) -> npt.NDArray[Any]:
        if len(self.room) < rows.stop - rows.start:
            self.room = np.empty(rows.stop - rows.start, self.room.dtype)
        return self.room[: rows.stop - rows.start]


def _keeping(names: frozenset[str]) -> MakeColumn:
    def make(name: str, n_rows: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        return np.empty(n_rows, dtype) if name in names else cast("npt.NDArray[Any]", _Unkept(dtype))

    return make


def empty_columns(given: Given, scoring: Scoring, make: MakeColumn = in_memory) -> RowColumns:
    """Return columns to be filled; a score that is one of the other columns is that column."""
    n_rows, kind = len(given.labels), float_type(given.pred_probs.dtype)
    own, margin = make("self_confidence", n_rows, kind), make("normalized_margin", n_rows, kind)
    if scoring.is_plain_self_confidence or scoring.is_plain_margin:
        score = own if scoring.is_plain_self_confidence else margin
    else:
        score = make("score", n_rows, score_type(scoring, given.n_classes, kind))
    return RowColumns(
        self_confidence=own,
        normalized_margin=margin,
        score=score,
        predicted=make("predicted", n_rows, np.dtype(np.int32)),
        confident=make("confident", n_rows, np.dtype(np.int32)),
        is_close=make("is_close", n_rows, np.dtype(np.bool_)),
    )


def score_type(scoring: Scoring, n_classes: int, kind: np.dtype[np.floating]) -> np.dtype[np.floating]:
    """Return the type of the scores of probabilities of a type."""
    return score_block(np.empty(0, np.int64), np.empty((0, n_classes), kind), scoring).dtype


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What pass B found.

    Parameters
    ----------
    columns : RowColumns
        One value a row.
    counts : Matrix of int64
        Confident examples by given and suggested class.
    n_confident : int
        Rows counted off the diagonal that are not close to their label.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> from labelhealth.core.parts import judge
    >>> labels, pred_probs = np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]])
    >>> judged = judge(labels, pred_probs, np.array([0.5, 0.5]), IssueOptions())
    >>> judged.counts.given.tolist(), judged.counts.true.tolist(), judged.n_confident
    ([0, 1], [0, 0], 1)
    """

    columns: RowColumns
    counts: Matrix[np.int64]
    n_confident: int


def judge_rows(
    given: Given,
    thresholds: FloatArray,
    scoring: Scoring,
    division: Division | None = None,
    columns: RowColumns | None = None,
    keep: frozenset[str] = ALL_COLUMNS,
) -> Judged:
    """Judge every row against the thresholds; the results go into `columns` if there are any.

    Columns that are not to be kept are thrown away block by block, and must not be looked at. If nobody has checked
    the range of the probabilities before, this does.
    """
    limits = _Limits.of(thresholds, float_type(given.pred_probs.dtype))
    columns = columns or empty_columns(given, scoring, _keeping(keep))
    is_derived = columns.score is columns.self_confidence or columns.score is columns.normalized_margin

    def judge(share: slice) -> tuple[Matrix[np.int64], int]:
        tally, n_confident = Tally(given.n_classes, share.stop - share.start), 0
        for rows, block in blocks(given.pred_probs, share, division, at_once=is_derived):
            labels = codes(given.labels, rows)
            found = _results(columns, rows)
            n_bad = _judge_block(labels, block, limits, found)
            if n_bad and not given.in_range:
                reject_range(given.pred_probs)
            if not is_derived:
                columns.score[rows] = score_block(labels, block, scoring)
            tally.add(labels, found.confident)
            n_confident += int(is_confident_issue(labels, found).sum())
        return tally.matrix(), n_confident

    parts = share_rows(len(given.labels), given.n_classes, judge, division)
    counts = add([counted for counted, _ in parts])
    return Judged(columns, counts, sum(n_confident for _, n_confident in parts))


def is_off_diagonal(labels: IntArray, columns: RowColumns) -> BoolArray:
    """Whether each row is counted for another class than its given label."""
    return np.asarray((columns.confident != DROPPED) & (columns.confident != labels))


def is_confident_issue(labels: IntArray, columns: RowColumns) -> BoolArray:
    """Counted for another class than the given one, and not close to it."""
    return is_off_diagonal(labels, columns) & ~columns.is_close


def _results(columns: RowColumns, rows: slice) -> RowColumns:
    """Return the places for what is found of some rows; scores that are not derived come later."""
    own, margin = columns.self_confidence[rows], columns.normalized_margin[rows]
    return RowColumns(
        own, margin, own, columns.predicted[rows], columns.confident[rows], columns.is_close[rows]
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Limits:
    """Probabilities from which on a class counts as confident, in the type of the block, and as integers."""

    values: FloatArray
    keys: BitArray
    order: BitArray

    @classmethod
    def of(cls, thresholds: FloatArray, kind: np.dtype[np.floating]) -> _Limits:
        values = _rounded_up(thresholds - TOLERANCE, kind)
        integer = np.dtype(f"i{kind.itemsize}")
        highest = np.array(range_of(kind)[1]).view(integer)
        order = np.array([np.iinfo(integer).max, np.iinfo(integer).min, highest], integer)
        bits = np.where(values == 0, kind.type(-0.0), values).view(
            integer
        )  # -0.0 sorts first, and equals 0.0
        return cls(values, np.where(bits < 0, bits ^ order[0], bits), order)


def _rounded_up(limits: FloatArray, kind: np.dtype[np.floating]) -> FloatArray:
    """Return the smallest numbers of a type that are not below the limits: comparing with them is the same."""
    rounded = limits.astype(kind)
    raised = np.nextafter(rounded, kind.type(np.inf))
    return np.ascontiguousarray(np.where(rounded < limits, raised, rounded), dtype=kind)


def _judge_block(labels: IntArray, block: FloatArray, limits: _Limits, found: RowColumns) -> int:
    """Judge the rows of a block; return how many entries are out of range."""
    tolerance, (low, high) = block.dtype.type(TOLERANCE), range_of(block.dtype)
    if block.shape[1] <= NARROW:
        return judge_narrow(
            labels,
            block,
            limits.values,
            tolerance,
            low,
            high,
            found.self_confidence,
            found.normalized_margin,
            found.predicted,
            found.confident,
            found.is_close,
        )
    scratch = np.empty(1, block.dtype)
    return judge_wide(
        labels,
        block,
        block.view(limits.keys.dtype),
        limits.values,
        limits.keys,
        limits.order,
        tolerance,
        low,
        high,
        scratch,
        scratch.view(limits.keys.dtype),
        found.self_confidence,
        found.normalized_margin,
        found.predicted,
        found.confident,
        found.is_close,
    )


def score_rows(given: Given, scoring: Scoring, division: Division | None = None) -> FloatArray:
    """Return the score of every row; if nobody has checked the range of the probabilities before, this does."""
    if scoring.is_plain_margin:
        endless, keep = np.full(given.n_classes, np.inf), frozenset({"normalized_margin"})
        return judge_rows(given, endless, scoring, division, keep=keep).columns.normalized_margin
    kind = float_type(given.pred_probs.dtype)
    scores = np.empty(len(given.labels), score_type(scoring, given.n_classes, kind))
    ends = range_of(kind, scoring.tolerance)

    def score(share: slice) -> None:
        for rows, block in blocks(given.pred_probs, share, division):
            labels = codes(given.labels, rows)
            if scoring.is_plain_self_confidence:
                n_bad = take_self_confidence(labels, block, *ends, scores[rows])
            else:
                n_bad = 0 if given.in_range else count_outside(block, *ends)
            if n_bad and not given.in_range:
                reject_range(given.pred_probs, scoring.tolerance)
            if not scoring.is_plain_self_confidence:
                scores[rows] = score_block(labels, block, scoring)

    share_rows(len(given.labels), given.n_classes, score, division)
    return scores


def entropy_rows(pred_probs: FloatArray, floor: float | None = None) -> FloatArray:
    """Return the normalised entropy of every row; probabilities are raised to the floor first."""
    entropy = np.empty(len(pred_probs))

    def measure(share: slice) -> None:
        for rows, block in blocks(pred_probs, share):
            raised = block if floor is None else np.maximum(block, floor, dtype=block.dtype)
            entropy[rows] = np.abs(normalized_entropy(raised))

    share_rows(len(pred_probs), pred_probs.shape[1], measure)
    return entropy


def score_some(given: Given, scoring: Scoring, rows: IntArray) -> FloatArray:
    """Return the scores of some rows, block by block: their probabilities are never gathered as a whole."""
    step = max(BLOCK_ENTRIES // given.n_classes, 1)
    if scoring.is_plain_self_confidence:
        step = max(len(rows), 1)
    parts = [
        _score_gathered(given, scoring, rows[start : start + step]) for start in range(0, len(rows), step)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _score_gathered(given: Given, scoring: Scoring, rows: IntArray) -> FloatArray:
    kind, labels = float_type(given.pred_probs.dtype), given.labels[rows]
    if scoring.is_plain_self_confidence:
        return given.pred_probs[rows, labels].astype(kind, copy=False)
    return score_block(labels, np.ascontiguousarray(given.pred_probs[rows], dtype=kind), scoring)
