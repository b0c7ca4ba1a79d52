"""The one place that rejects labels, predictions and options of a regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import as_array, where
from labelhealth.core._types import FloatArray
from labelhealth.core.errors import OptionError, TargetsError, TargetsShapeError
from labelhealth.core.identity import UInt64Array

Targets: TypeAlias = npt.NDArray[Any]  # numbers to be learned, in the type that the caller has given them


def check_numbers(name: str, values: npt.ArrayLike) -> Targets:
    """Return one finite number for each example, in its own type; dimensions of length 1 are dropped."""
    try:
        vector = np.asarray(values)
    except ValueError as error:
        msg = f"`{name}` must hold one number for each example; got rows of different lengths."
        raise TargetsError(msg) from error
    shape, vector = vector.shape, np.squeeze(vector)
    if shape and vector.ndim == 0:
        vector = vector[None]
    if vector.ndim != 1:
        msg = f"`{name}` must have one dimension; got shape {shape}."
        raise TargetsError(msg)
    if vector.size == 0:
        msg = f"`{name}` must not be empty; got 0 numbers."
        raise TargetsError(msg)
    if vector.dtype.kind not in "fiu":
        msg = f"`{name}` must be numbers; got dtype {vector.dtype}. Hint: np.asarray({name}, dtype=float)."
        raise TargetsError(msg)
    if (wrong := ~np.isfinite(vector)).any():
        msg = f"`{name}` must be finite; got {vector[wrong][0]} at {where(wrong)}. Hint: leave such rows out."
        raise TargetsError(msg)
    return vector


def check_pair(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return labels and predictions, equally many."""
    given, predicted = check_numbers("labels", labels), check_numbers("predictions", predictions)
    if len(given) != len(predicted):
        msg = f"`predictions` must be one for each of `labels`; got {len(predicted)} for {len(given)}."
        raise TargetsShapeError(msg)
    return given.astype(np.float64), predicted.astype(np.float64)


def check_per_row(name: str, values: npt.ArrayLike, n_rows: int, *, scalar: bool = False) -> FloatArray:
    """Return one finite number for each label; `scalar` allows one for all of them."""
    numbers = as_array(name, values, OptionError)
    if not (numbers.shape == (n_rows,) or (scalar and numbers.ndim == 0)) or numbers.dtype.kind not in "fiu":
        got = f"shape {numbers.shape} of dtype {numbers.dtype} for {n_rows}"
        msg = f"`{name}` must have one number for each label; got {got}."
        raise OptionError(msg)
    if not np.isfinite(numbers).all():
        msg = f"`{name}` must be finite; got a NaN or infinity."
        raise OptionError(msg)
    return np.broadcast_to(numbers, n_rows).astype(np.float64)


def check_search(shares: Sequence[float], fine_size: int) -> list[float]:
    values = np.asarray(shares, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        msg = f"`coarse_search_range` must hold at least one share; got shape {values.shape}."
        raise OptionError(msg)
    if not ((values >= 0) & (values <= 1)).all():
        wrong = values[~((values >= 0) & (values <= 1))][0]
        msg = f"`coarse_search_range` must hold shares in [0, 1]; got {wrong}."
        raise OptionError(msg)
    if fine_size < 0:
        msg = f"`fine_search_size` must be 0 or more; got {fine_size}."
        raise OptionError(msg)
    return [float(value) for value in values]


def check_groups(groups: npt.ArrayLike | None, n_rows: int) -> UInt64Array | None:
    """Return one whole number of 0 or more for each label, if there are groups."""
    if groups is None:
        return None
    values = np.asarray(groups)
    if values.shape != (n_rows,) or values.dtype.kind not in "iu" or (values < 0).any():
        got = f"shape {values.shape} of dtype {values.dtype} for {n_rows}"
        msg = f"`groups` must have one whole number of 0 or more for each label; got {got}."
        raise OptionError(msg)
    return values.astype(np.uint64)
