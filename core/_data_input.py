"""What a check of the data takes in: labels of any kind, tables, probabilities and limits, made clean or rejected."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core._check import check_probs
from labelhealth.core._check_options import as_array, where
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.errors import FeaturesError, LabelHealthError, LabelsError, OptionError, PredProbsError

ROW_SUM_TOLERANCE = 1e-3  # probabilities published in half precision are off by up to 2e-5 an entry


def codes_of(labels: Any, n_rows: int | None = None) -> IntArray:
    """Number the distinct labels, of any kind that can be sorted, in their order."""
    values = as_array("labels", labels.to_numpy() if isinstance(labels, pd.Series) else labels, LabelsError)
    if values.ndim != 1 or len(values) == 0:
        msg = f"`labels` must be one label for each example, not none; got shape {values.shape}."
        raise LabelsError(msg)
    check_length("labels", values, n_rows)
    missing = pd.isna(values)
    if missing.any():
        row, total = int(missing.argmax()), int(missing.sum())
        msg = (
            f"`labels` must not be missing; got {values[row]!r} at row {row} ({total} of {len(values)} rows)."
        )
        raise LabelsError(msg)
    try:
        return np.unique(values, return_inverse=True)[1].reshape(-1)
    except TypeError as error:
        msg = f"`labels` must be of one kind that can be sorted; got a mixture: {error}."
        raise LabelsError(msg) from error


def check_length(
    name: str,
    values: npt.NDArray[np.generic],
    n_rows: int | None,
    error: type[LabelHealthError] = LabelsError,
) -> None:
    """Reject other than one value for each example."""
    if n_rows is not None and values.shape != (n_rows,):
        msg = f"`{name}` must have one entry for each example; got shape {values.shape} for {n_rows}."
        raise error(msg)


def class_codes_of(labels: object, probs: FloatArray) -> IntArray:
    """Return the column of each label: itself if all are column numbers, else its place among those that occur."""
    codes = codes_of(labels, len(probs))
    values, n_classes = np.asarray(labels), probs.shape[1]
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() < n_classes:
        return values.astype(np.int64)
    if codes.max() + 1 != n_classes:
        msg = f"`labels` must be of {n_classes} classes, one a column of `pred_probs`; got {codes.max() + 1}."
        raise LabelsError(f"{msg} Hint: number the classes 0..K-1 if some do not occur.")
    return codes


def codes_of_groups(cluster_ids: Any, n_rows: int) -> IntArray:
    """Return whole numbers, one an example; -1 stands for no group."""
    groups = as_array("cluster_ids", cluster_ids, OptionError)
    check_length("cluster_ids", groups, n_rows, OptionError)
    if groups.dtype.kind not in "iu":
        msg = f"`cluster_ids` must be whole numbers; got dtype {groups.dtype}. Hint: -1 for examples of no group."
        raise OptionError(msg)
    return groups.astype(np.int64)


def check_row_sums(pred_probs: FloatArray) -> FloatArray:
    """Return probabilities of which every row sums to one."""
    probs = check_probs(pred_probs)
    totals = probs.sum(axis=1, dtype=np.float64)
    wrong = np.abs(totals - 1) > ROW_SUM_TOLERANCE
    if wrong.any():
        msg = f"`pred_probs` rows must sum to 1; got {totals[wrong][0]:.4g} at {where(wrong)}."
        raise PredProbsError(f"{msg} Hint: pass probabilities, not logits.")
    return probs


def missing_of(features: object) -> BoolArray:
    """Return which entries of a table are missing."""
    missing = np.asarray(pd.isna(features if isinstance(features, pd.DataFrame) else np.asarray(features)))
    if missing.ndim != 2 or 0 in missing.shape:
        msg = f"`features` must have two dimensions (examples, columns), neither of them 0; got shape {missing.shape}."
        raise FeaturesError(msg)
    return missing


def numbers_of(features: object) -> Any:
    """Return a table of numbers, missing ones as NaN; any other table as it is."""
    if not isinstance(features, pd.DataFrame):
        return features
    if all(pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes):
        return features.to_numpy(dtype=np.float64, na_value=np.nan)
    return features.to_numpy()


def check_count(name: str, value: object, lowest: int) -> None:
    """Reject other than whole numbers from a lowest one on."""
    if not isinstance(value, int | np.integer) or value < lowest:
        msg = f"`{name}` must be a whole number of {lowest} or more; got {value!r}."
        raise OptionError(msg)


def check_threshold(name: str, value: float) -> None:
    """Reject negative limits, and NaN."""
    if not (isinstance(value, int | float | np.number) and value >= 0):
        msg = f"`{name}` must be a number of 0 or more; got {value!r}."
        raise OptionError(msg)
