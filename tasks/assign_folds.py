"""From labels and keys to folds, by the scheme that the config names."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from labelhealth.configs.probabilities import FoldOptions
from labelhealth.core.folds import NO_LABEL, assign_folds, stratified_folds, time_folds
from labelhealth.tasks.errors import InputError

NO_TIME_STAMP = np.iinfo(np.int64).min  # a time that is missing


def assign_rows(
    labels: npt.NDArray[np.int32],
    fold_keys: npt.NDArray[np.uint64] | None,
    times: npt.NDArray[np.int64] | None,
    n_classes: int,
    options: FoldOptions,
) -> npt.NDArray[np.int16]:
    """Return the fold of every row; negative for rows that no fold predicts (see `core.folds`)."""
    rows = np.flatnonzero(labels >= 0)
    folds = np.full(len(labels), NO_LABEL, dtype=np.int16)
    folds[rows] = _folds_of(labels[rows], _at(fold_keys, rows), _at(times, rows), n_classes, options)
    return folds


def _folds_of(
    labels: Any, keys: Any, times: Any, n_classes: int, options: FoldOptions
) -> npt.NDArray[np.int16]:
    if options.scheme == "stratified":
        return stratified_folds(labels, options.n_folds, options.seed)
    if options.scheme == "time":
        if times is None:
            msg = "`input.time` must name the time column for folds by time; got none. Hint: add it to the config."
            raise InputError(msg)
        return time_folds(times, times != NO_TIME_STAMP, labels, options.n_folds)
    return assign_folds(keys, labels, options.n_folds, options.seed, n_classes)


def _at(values: npt.NDArray[Any] | None, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any] | None:
    return None if values is None else values[rows]
