"""The last step of CleanLearning: which weights the classifier gets, and the rows that it is trained on."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import as_array
from labelhealth.core._rows import select_rows
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import FeaturesTypeError, OptionError, OptionTypeError

LOWEST_RATE = 1e-3  # floor of P(given k | true k) in weights: no example counts a thousand times


def takes_weights(clf: Any) -> bool:
    """Tell whether a classifier can be trained with weights."""
    return "sample_weight" in inspect.signature(clf.fit).parameters


def check_weights(clf: Any, sample_weight: npt.ArrayLike | None, clf_kwargs: Mapping[str, Any]) -> None:
    """Reject weights that are no array, in the wrong argument, or for a classifier that takes none."""
    if "sample_weight" in clf_kwargs:
        msg = "`clf_kwargs` must not hold 'sample_weight'. Hint: pass `sample_weight` to fit."
        raise OptionError(msg)
    if sample_weight is None:
        return
    if not takes_weights(clf):
        msg = f"`sample_weight` must be left out: {type(clf).__name__}.fit takes no weights."
        raise OptionError(msg)
    if isinstance(sample_weight, list):
        msg = "`sample_weight` must be an array; got list. Hint: np.asarray(sample_weight)."
        raise OptionTypeError(msg)


def given_weights(sample_weight: npt.ArrayLike, n_rows: int) -> FloatArray:
    """Return the caller's weights, one for each row."""
    values = as_array("sample_weight", sample_weight, OptionError)
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        msg = f"`sample_weight` must be finite numbers; got dtype {values.dtype}, or a NaN or infinity."
        raise OptionError(msg)
    weights: FloatArray = values.astype(np.float64)
    if weights.shape != (n_rows,):
        msg = f"`sample_weight` must have one number for each label; got shape {weights.shape} for {n_rows}."
        raise OptionError(msg)
    return weights


def weights_by_class(noise_matrix: FloatArray, labels: IntArray, kept: IntArray) -> FloatArray:
    """Return 1 / P(given k | true k) of each row that is kept, 0 for the others."""
    by_class = 1 / np.maximum(np.diagonal(noise_matrix), LOWEST_RATE)
    weights = np.zeros(len(labels))
    weights[kept] = by_class[labels[kept]]
    return weights


def selected(X: Any, rows: IntArray) -> Any:
    """Return some rows of features of any kind."""
    try:
        return select_rows(X, rows)
    except Exception as error:
        msg = f"`X` must let rows be selected by number; got {type(X).__name__} that does not: {error}."
        raise FeaturesTypeError(msg) from error
