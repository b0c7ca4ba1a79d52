"""Label issues of data that comes in batches: thresholds first, then scores, then the rows to look at.

For data in files, and for those who hold a batch at a time. What the library's other functions find of arrays that do
not fit into memory they find as well: they read memory maps block by block, and are faster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from labelhealth.core._blocks import judge_rows
from labelhealth.core._check import Given, check_given, check_scorable
from labelhealth.core._check_options import as_array, check_choice, check_n_jobs, check_score
from labelhealth.core._constants import LOWEST_DENOMINATOR, TOLERANCE
from labelhealth.core._exact import ClassSums
from labelhealth.core._order import ascending
from labelhealth.core._scores import Scoring
from labelhealth.core._stdout import write_lines
from labelhealth.core._sums import thresholds_of
from labelhealth.core._sweep import threads
from labelhealth.core._types import BoolArray, FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import LabelsError, OptionError, PredProbsError
from labelhealth.core.options import EstimationMethod

__all__ = ["LabelInspector", "find_label_issues_batched"]

ESTIMATIONS: tuple[EstimationMethod, ...] = ("off_diagonal", "off_diagonal_calibrated")


class _Sliceable(Protocol):
    """An array of which rows can be read: NumPy's, a memory map, Zarr's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its lengths."""
        ...

    def __getitem__(self, rows: slice) -> Any: ...


ArrayLike: TypeAlias = "_Sliceable | npt.NDArray[Any]"


def find_label_issues_batched(
    labels: ArrayLike | LabelsLike | None = None,
    pred_probs: ArrayLike | None = None,
    *,
    labels_file: str | None = None,
    pred_probs_file: str | None = None,
    batch_size: int = 10000,
    n_jobs: int | None = 1,
    verbose: bool = True,
    quality_score_kwargs: Mapping[str, Any] | None = None,
    num_issue_kwargs: Mapping[str, Any] | None = None,
    return_mask: bool = False,
) -> BoolArray | IntArray:
    """Flag the rows of lowest label quality, as many as there seem to be label issues, reading a batch at a time.

    Parameters
    ----------
    labels : array-like of int, shape (N,), optional
        Given class of each example; anything of which rows can be sliced, such as a Zarr array.
    pred_probs : array-like of float, shape (N, K), optional
        Out-of-sample probabilities; likewise.
    labels_file, pred_probs_file : str, optional
        Paths of `.npy` files in place of the arrays; they are mapped into memory, read-only.
    batch_size : int, default 10000
        Rows to read at a time. The result does not depend on it.
    n_jobs : int, optional
        Threads to use at most; as many as there are cores if None. The result does not depend on it.
    verbose : bool, default True
        Whether to write how much was read.
    quality_score_kwargs, num_issue_kwargs : mapping, optional
        See `LabelInspector`.
    return_mask : bool, default False
        Whether to return a mask in place of row numbers.

    Returns
    -------
    ndarray of int64, shape (M,), or of bool, shape (N,)
        Row numbers, worst first, ties by row; or the mask.

    Raises
    ------
    OptionError
        If an array and a file are given for the same thing, or neither, or an option is unknown.
    LabelsError, PredProbsError
        If a batch is invalid, or labels and probabilities are not equally many.

    Notes
    -----
    Like `filter.find_label_issues(filter_by="low_self_confidence")`, but a row counts as an issue only if its most
    probable class is a confident one. cleanlab returns the rows in their order in the data.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([0, 0, 0, 1, 1, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    >>> find_label_issues_batched(labels, pred_probs, batch_size=2, verbose=False)
    array([2])
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        msg = f"`batch_size` must be 1 or more; got {batch_size!r}."
        raise OptionError(msg)
    labels, pred_probs = (
        _source("labels", labels, labels_file),
        _source("pred_probs", pred_probs, pred_probs_file),
    )
    n_rows, n_classes = _check_shapes(labels, pred_probs)
    if verbose and (labels_file is not None or pred_probs_file is not None):
        write_lines(f"mmap-loaded numpy arrays have: {n_rows} examples, {n_classes} classes")
    inspector = LabelInspector(
        num_class=n_classes,
        verbose=verbose,
        quality_score_kwargs=quality_score_kwargs,
        num_issue_kwargs=num_issue_kwargs,
        n_jobs=n_jobs,
    )
    for batch in _batches(labels, pred_probs, batch_size):
        inspector.update_confident_thresholds(*batch)
    for batch in _batches(labels, pred_probs, batch_size):
        inspector.score_label_quality(*batch)
    rows = inspector._issues_off_label()
    if not return_mask:
        return rows
    mask = np.zeros(n_rows, np.bool_)
    mask[rows] = True
    return mask


class LabelInspector:
    """Thresholds, scores and the number of label issues of batches that are shown one after the other.

    Show all batches to `update_confident_thresholds` first, then all of them to `score_label_quality`; then ask.

    Parameters
    ----------
    num_class : int
        Number of classes K.
    store_results : bool, default True
        Whether scores are kept (8 bytes a row), which `get_label_issues` and `get_quality_scores` need.
    verbose : bool, default True
        Whether to write how many examples were seen, when asked for a result.
    quality_score_kwargs : mapping, optional
        `method` and `adjust_pred_probs` of `rank.get_label_quality_scores`.
    num_issue_kwargs : mapping, optional
        `estimation_method`: "off_diagonal" or "off_diagonal_calibrated"; see `count.num_label_issues`.
    n_jobs : int, optional
        Threads to use at most; as many as there are cores if None.

    Raises
    ------
    OptionError
        If an option is unknown.

    Notes
    -----
    Sums are exact, so the order and the size of the batches change nothing.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([0, 0, 0, 1, 1, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    >>> inspector = LabelInspector(num_class=2, verbose=False)
    >>> for rows in (slice(0, 4), slice(4, 6)):
    ...     inspector.update_confident_thresholds(labels[rows], pred_probs[rows])
    >>> for rows in (slice(0, 4), slice(4, 6)):
    ...     _ = inspector.score_label_quality(labels[rows], pred_probs[rows])
    >>> inspector.get_label_issues()
    array([2])
    """

    def __init__(
        self,
        *,
        num_class: int,
        store_results: bool = True,
        verbose: bool = True,
        quality_score_kwargs: Mapping[str, Any] | None = None,
        num_issue_kwargs: Mapping[str, Any] | None = None,
        n_jobs: int | None = 1,
    ) -> None:
        if num_class < 1:
            msg = f"`num_class` must be 1 or more; got {num_class}."
            raise OptionError(msg)
        check_n_jobs(n_jobs)
        self.num_class = num_class
        self.store_results = store_results
        self.verbose = verbose
        self.n_jobs = n_jobs
        self._scoring = _scoring_of(quality_score_kwargs or {})
        self._is_calibrated = _estimation_of(num_issue_kwargs or {}) == "off_diagonal_calibrated"
        self._sums: ClassSums | None = None
        self._kind: npt.DTypeLike = np.float32
        self._n_scored = 0
        self._n_off = np.zeros(num_class, np.int64)
        self._n_confident = np.zeros(num_class, np.int64)
        self._n_labels = np.zeros(num_class, np.int64)
        self._scores: list[FloatArray] = []
        self._is_close: list[BoolArray] = []

    def update_confident_thresholds(self, labels: LabelsLike, pred_probs: FloatArray) -> None:
        """Take a batch into the confident thresholds.

        Parameters
        ----------
        labels : array-like of int, shape (B,)
            Given classes; a Zarr array, as anything that can be sliced, is read whole.
        pred_probs : ndarray of float, shape (B, K)
            Out-of-sample probabilities; likewise.

        Raises
        ------
        LabelsError, PredProbsError
            If the batch is invalid, or has another number of classes.
        """
        given = self._check(labels, pred_probs)
        self._sums = given.sums if self._sums is None else self._sums.merge(given.sums)
        self._kind = np.result_type(self._kind, given.pred_probs.dtype)

    def score_label_quality(
        self, labels: LabelsLike, pred_probs: FloatArray, *, update_num_issues: bool = True
    ) -> FloatArray:
        """Score a batch.

        Parameters
        ----------
        labels : array-like of int, shape (B,)
            Given classes; a Zarr array, as anything that can be sliced, is read whole.
        pred_probs : ndarray of float, shape (B, K)
            Out-of-sample probabilities; likewise.
        update_num_issues : bool, default True
            Whether the batch counts for the number of label issues.

        Returns
        -------
        ndarray of float, shape (B,)
            Label quality scores; low means suspicious.

        Raises
        ------
        LabelsError, PredProbsError
            If the batch is invalid, or has another number of classes.
        OptionError
            If no batch was shown to `update_confident_thresholds`.
        """
        limits, given = self._limits(), self._check(labels, pred_probs)
        check_scorable(given, self._scoring.method)
        scoring = Scoring(self._scoring.method, None if self._scoring.thresholds is None else limits)
        with self._threads():
            columns = judge_rows(given, limits, scoring).columns
        if update_num_issues:
            self._count(given, columns.predicted, limits)
        if self.store_results:
            self._scores.append(columns.score)
            self._is_close.append(columns.is_close)
        self._n_scored += len(given.labels)
        return columns.score

    def get_confident_thresholds(self, silent: bool = False) -> FloatArray:
        """Return the confident thresholds (probabilities) of all batches so far, shape (K,).

        Parameters
        ----------
        silent : bool, default False
            Whether nothing is written even with `verbose`.

        Returns
        -------
        ndarray of float, shape (K,)
            2 for a class without examples.

        Raises
        ------
        OptionError
            If there was no batch.
        """
        limits = self._limits()
        if self._sums is not None:
            self._tell(
                "Total number of examples used to estimate confident thresholds",
                int(self._sums.counts.sum()),
                silent,
            )
        return limits

    def get_num_issues(self, silent: bool = False) -> int:
        """Return the estimated number of label issues in the batches scored so far.

        Parameters
        ----------
        silent : bool, default False
            Whether nothing is written even with `verbose`.

        Returns
        -------
        int
            Rows whose most probable class is confident and not their label; calibrated, that share of each class's
            confident rows times its examples.

        Raises
        ------
        OptionError
            If no batch was scored.
        """
        if self._n_scored == 0:
            msg = "`score_label_quality` must be called first; got no batch."
            raise OptionError(msg)
        self._tell("Total number of examples whose labels have been evaluated", self._n_scored, silent)
        if not self._is_calibrated:
            return int(self._n_off.sum())
        rates = self._n_off * self._n_labels / np.maximum(self._n_confident, LOWEST_DENOMINATOR)
        return int(np.rint(rates.sum()))

    def get_quality_scores(self) -> FloatArray:
        """Return the scores of all batches, in the order in which they were shown, shape (N,).

        Returns
        -------
        ndarray of float64, shape (N,)
            Label quality scores.

        Raises
        ------
        OptionError
            If scores are not kept.
        """
        if not self.store_results:
            msg = "`store_results` must be True for scores of all batches; got False."
            raise OptionError(msg)
        return np.concatenate([*self._scores, np.empty(0)]).astype(np.float64)

    def get_label_issues(self) -> IntArray:
        """Return the rows of lowest score, as many as `get_num_issues`, worst first.

        Returns
        -------
        ndarray of int64, shape (M,)
            Row numbers in the order in which rows were shown; ties by row.

        Raises
        ------
        OptionError
            If scores are not kept, or no batch was scored.
        """
        scores = self.get_quality_scores()
        return ascending(scores)[: self.get_num_issues()]

    def _issues_off_label(self) -> IntArray:
        """Return the label issues whose label is not the most probable class, or close to it."""
        rows = self.get_label_issues()
        return rows[~np.concatenate(self._is_close)[rows]]

    def _limits(self) -> FloatArray:
        if self._sums is None:
            msg = "`update_confident_thresholds` must be called first; got no batch."
            raise OptionError(msg)
        return thresholds_of(self._sums, self._kind)

    def _check(self, labels: LabelsLike, pred_probs: FloatArray) -> Given:
        with self._threads():
            given = check_given(_in_memory(labels), _in_memory(pred_probs))
        if given.n_classes != self.num_class:
            msg = f"`pred_probs` must have {self.num_class} columns, as `num_class` says; got {given.n_classes}."
            raise PredProbsError(msg)
        return given

    def _count(self, given: Given, predicted: npt.NDArray[np.int32], limits: FloatArray) -> None:
        """Count the rows whose most probable class is confident, and those of them where it is not the label."""
        highest = given.pred_probs[np.arange(len(predicted)), predicted]
        is_confident = highest >= (limits - TOLERANCE)[predicted]
        is_off = is_confident & (predicted != given.labels)
        for counts, rows in (
            (self._n_labels, slice(None)),
            (self._n_confident, is_confident),
            (self._n_off, is_off),
        ):
            counts += np.bincount(given.labels[rows], minlength=self.num_class)

    def _threads(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.n_jobs is None else threads(self.n_jobs)

    def _tell(self, what: str, number: int, silent: bool) -> None:
        if self.verbose and not silent:
            write_lines(f"{what}: {number}")


def _scoring_of(options: Mapping[str, Any]) -> Scoring:
    """Return the score to compute; its thresholds are put in when they are known."""
    _check_keys("quality_score_kwargs", options, ("method", "adjust_pred_probs"))
    is_adjusted = bool(options.get("adjust_pred_probs", False))
    method = check_score("method", options.get("method", "self_confidence"), adjust_pred_probs=is_adjusted)
    return Scoring(method, np.empty(0) if is_adjusted else None)


def _estimation_of(options: Mapping[str, Any]) -> EstimationMethod:
    _check_keys("num_issue_kwargs", options, ("estimation_method",))
    return check_choice("estimation_method", options.get("estimation_method", "off_diagonal"), ESTIMATIONS)


def _check_keys(name: str, options: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = [key for key in options if key not in known]
    if unknown:
        msg = f"`{name}` may have the keys {', '.join(known)}; got {unknown[0]!r}."
        raise OptionError(msg)


def _source(name: str, array: ArrayLike | LabelsLike | None, file: str | None) -> _Sliceable:
    """Return the array, or that of the file, mapped into memory."""
    if (array is None) == (file is None):
        got = "neither" if array is None else "both"
        msg = f"`{name}` or `{name}_file` must be given, not both; got {got}."
        raise OptionError(msg)
    if file is None:
        return cast(
            "_Sliceable",
            array if hasattr(array, "shape") else as_array(name, cast("npt.ArrayLike", array), LabelsError),
        )
    if not isinstance(file, str):
        msg = f"`{name}_file` must be a path as text; got {type(file).__name__}."
        raise OptionError(msg)
    try:
        return cast("_Sliceable", np.load(file, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        msg = f"`{name}_file` must be a .npy file of numbers; got {file!r}: {error}."
        raise OptionError(msg) from error


def _check_shapes(labels: _Sliceable, pred_probs: _Sliceable) -> tuple[int, int]:
    """Return the numbers of rows and classes; Zarr arrays have shapes, but no length."""
    if len(labels.shape) == 0 or len(pred_probs.shape) == 0:
        msg = "`labels` and `pred_probs` must have rows; got a single value."
        raise LabelsError(msg)
    n_rows, n_found = int(labels.shape[0]), int(pred_probs.shape[0])
    if n_rows != n_found:
        msg = f"`pred_probs` must have one row for each of `labels`; got {n_found} for {n_rows}."
        raise PredProbsError(msg)
    if n_rows == 0 or len(pred_probs.shape) != 2:
        msg = f"`pred_probs` must have two dimensions and a row; got shape {tuple(pred_probs.shape)}."
        raise LabelsError(msg) if n_rows == 0 else PredProbsError(msg)
    return n_rows, int(pred_probs.shape[1])


def _in_memory(values: Any) -> Any:
    """Return a Zarr array, or another that only gives slices, as one of NumPy; all else as it is."""
    is_read = isinstance(values, np.ndarray | np.generic) or hasattr(values, "iloc")
    return values if is_read or not hasattr(values, "shape") else np.asarray(values[slice(None)])


def _batches(
    labels: _Sliceable, pred_probs: _Sliceable, batch_size: int
) -> Iterator[tuple[npt.NDArray[Any], FloatArray]]:
    for start in range(0, labels.shape[0], batch_size):
        rows = slice(start, start + batch_size)
        yield np.asarray(labels[rows]), np.asarray(pred_probs[rows])
