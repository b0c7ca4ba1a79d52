"""Ready probabilities as stages take them: opened, their classes matched, checked block by block, stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from labelhealth.configs.input import PredProbsOptions
from labelhealth.configs.tables import NO_LABEL, NOT_JUDGED_REASONS, UNKNOWN_CLASS
from labelhealth.tasks._files import SourceFile, open_source
from labelhealth.tasks._pred_probs_blocks import (
    FloatMatrix,
    NpyProbabilities,
    ParquetProbabilities,
    open_npy,
    open_parquet,
)
from labelhealth.tasks._probability_checks import check_entries, check_rows
from labelhealth.tasks.errors import input_error, list_names
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.streams import slices, storing_array
from labelhealth.tasks.tables import open_array

GivenProbabilities: TypeAlias = NpyProbabilities | ParquetProbabilities
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

_REASONS = {NO_LABEL: "no_label", UNKNOWN_CLASS: "unknown_class"}


def open_given(files: Sequence[SourceFile], options: PredProbsOptions) -> GivenProbabilities:
    """Open a file of probabilities: `.npy`, or Parquet."""
    if len(files) == 1 and files[0].name.lower().endswith(".npy"):
        return open_npy(files[0], options)
    return open_parquet(open_source(files), options)


def match_classes(given: Sequence[str], wanted: Sequence[str]) -> IntArray:
    """Return the column of each of the dataset's classes."""
    missing = [name for name in wanted if name not in set(given)]
    extra = [name for name in given if name not in set(wanted)]
    rule = "`class_names` must be the classes of the labels"
    if missing:
        got = f"none called {list_names(missing)} among {list_names(list(given))}"
        raise input_error(rule, got, "write the names as they stand in the label column")
    if extra:
        got = f"{list_names(extra)}, which no label has"
        raise input_error(rule, got, "list all classes in `input.classes` if some are absent from the data")
    place = {name: column for column, name in enumerate(given)}
    return np.array([place[name] for name in wanted], dtype=np.int64)


def numbered(blocks: Iterable[FloatMatrix]) -> Iterator[tuple[int, FloatMatrix]]:
    """Yield blocks with the number of their first row."""
    first = 0
    for block in blocks:
        yield first, block
        first += len(block)


def judged_rows(
    given: GivenProbabilities,
    first: int,
    block: FloatMatrix,
    is_judged: BoolArray,
    order: IntArray,
    *,
    independent: bool = False,
) -> FloatMatrix:
    """Return the judged rows of a block, checked, normalised, and with the classes in the dataset's order.

    Parameters
    ----------
    given : NpyProbabilities or ParquetProbabilities
        The file.
    first : int
        Number of the block's first row in the file.
    block : ndarray of float, shape (n, K)
        Rows of the file; not changed.
    is_judged : ndarray of bool, shape (n,)
        Rows with a label; the others are not looked at.
    order : ndarray of int64, shape (K,)
        Column of each class.
    independent : bool
        Whether rows need not sum to one.
    """
    used = np.flatnonzero(is_judged)
    rows = block if len(used) == len(block) else block[used]
    check = check_entries if independent else check_rows
    checked = check(rows, lambda row: given.where(first + int(used[row])))
    return checked if np.array_equal(order, np.arange(len(order))) else checked[:, order]


def store_probabilities(
    store: Store, labels: Ref, rows: Iterable[FloatMatrix], n_classes: int, dtype: np.dtype[np.floating]
) -> Probabilities:
    """Store the probabilities of one part of the dataset: `rows` are those of its labelled rows, in order."""
    codes = open_array(store, labels)
    n_judged = sum(int((codes[some] >= 0).sum()) for some in slices(len(codes)))
    with storing_array(store, dtype, (n_judged, n_classes)) as stored:
        for block in rows:
            stored.append(block)
    with (
        storing_array(store, np.int64, (n_judged,)) as numbers,
        storing_array(store, np.int32, (n_judged,)) as given_labels,
        storing_array(store, np.uint8, codes.shape) as reasons,
    ):
        for some in slices(len(codes)):
            judged = np.flatnonzero(codes[some] >= 0)
            numbers.append(judged + some.start)
            given_labels.append(codes[some][judged])
            reasons.append(_reasons(codes[some]))
    return Probabilities(
        n_judged=n_judged,
        rows=numbers.ref,
        labels=given_labels.ref,
        pred_probs=stored.ref,
        reasons=reasons.ref,
        warnings=(),
    )


def _reasons(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Return why rows are not judged, as places in `NOT_JUDGED_REASONS`."""
    reasons = np.zeros(len(codes), dtype=np.uint8)
    for code, reason in _REASONS.items():
        reasons[codes == code] = NOT_JUDGED_REASONS.index(reason)
    return reasons
