"""The part of `_check` that rejects options, matrices and vectors of one entry a class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import BoolArray, FloatArray
from labelhealth.core.errors import (
    ChoiceError,
    ClassNamesError,
    LabelHealthError,
    MatrixError,
    OptionError,
    UnsupportedError,
)
from labelhealth.core.options import (
    ENSEMBLE_WEIGHTS,
    FILTERS,
    SCORES,
    EnsembleWeights,
    FilterBy,
    IssueOptions,
    Score,
)

DISTRIBUTION_TOLERANCE = 1e-3  # a joint rounded to a few digits is still a joint

Choice = TypeVar("Choice", bound=str)


def check_single_label(multi_label: bool, instead: str) -> None:
    """Reject `multi_label=True`, and name the function for such data."""
    if multi_label:
        msg = (
            "`multi_label` must be False; got True."
            f" Hint: multilabel_classification.dataset.{instead} is for such data."
        )
        raise UnsupportedError(msg)


def as_array(
    name: str, values: npt.ArrayLike, error: type[LabelHealthError] = MatrixError
) -> npt.NDArray[Any]:
    """Return an array of what is even, without rows of different lengths."""
    try:
        return np.asarray(values)
    except ValueError as cause:
        msg = f"`{name}` must be an even array of numbers; got rows of different lengths."
        raise error(msg) from cause


def check_thresholds(thresholds: npt.ArrayLike, n_classes: int) -> FloatArray:
    """Return one threshold for each class, shape (K,); a single one counts for all."""
    values = as_array("thresholds", thresholds).reshape(-1)
    if values.dtype.kind not in "fiu" or values.size not in {1, n_classes}:
        msg = (
            f"`thresholds` must be {n_classes} numbers, one a class;"
            f" got {values.size} of dtype {values.dtype}."
        )
        raise MatrixError(msg)
    if np.isnan(values).any():
        msg = f"`thresholds` must not be NaN; got nan at {where(np.isnan(values))}."
        raise MatrixError(msg)
    return values if values.size == n_classes else np.repeat(values, n_classes)


def check_square(name: str, matrix: npt.ArrayLike, *, n_classes: int | None = None) -> FloatArray:
    """Return a finite K x K matrix; its memory order and type are kept."""
    values = as_array(name, matrix)
    expected = "a square matrix" if n_classes is None else f"of shape {(n_classes, n_classes)}"
    if values.dtype.kind not in "fiub" or values.ndim != 2 or values.shape != (n_classes or len(values),) * 2:
        msg = (
            f"`{name}` must be {expected}, one row and column a class;"
            f" got shape {values.shape} of dtype {values.dtype}."
        )
        raise MatrixError(msg)
    if not np.isfinite(values).all():
        msg = f"`{name}` must be finite; got a NaN or infinity at {where(~np.isfinite(values).all(axis=1))}."
        raise MatrixError(msg)
    return values


def check_joint_counts(name: str, matrix: npt.ArrayLike, *, n_classes: int | None = None) -> FloatArray:
    """Return a K x K matrix without negative entries."""
    values = check_square(name, matrix, n_classes=n_classes)
    if (values < 0).any():
        msg = f"`{name}` must be 0 or more; got {values.min()} at {where((values < 0).any(axis=1))}."
        raise MatrixError(msg)
    return values


def check_whole_joint(matrix: npt.ArrayLike, n_classes: int, *, name: str = "confident_joint") -> FloatArray:
    """Return a confident joint of whole counts, as the filters need it."""
    values = check_joint_counts(name, matrix, n_classes=n_classes)
    broken = values != np.trunc(values)
    if broken.any():
        msg = (
            f"`{name}` must hold whole counts; got {values[broken][0]:.6g}"
            f" at {where(broken.any(axis=1))}."
            " Hint: pass counts, not the joint distribution; calibrate_confident_joint rounds them."
        )
        raise MatrixError(msg)
    return values


def check_vector(name: str, vector: npt.ArrayLike, n_classes: int) -> FloatArray:
    """Return K finite numbers given as shape (K,), (1, K) or (K, 1)."""
    values = as_array(name, vector)
    if (
        values.dtype.kind not in "fiub"
        or values.size != n_classes
        or max(values.shape, default=0) != n_classes
    ):
        msg = (
            f"`{name}` must be {n_classes} numbers, one a class;"
            f" got shape {values.shape} of dtype {values.dtype}."
        )
        raise MatrixError(msg)
    if not np.isfinite(values).all():
        msg = f"`{name}` must be finite; got a NaN or infinity at {where(~np.isfinite(values.reshape(-1)))}."
        raise MatrixError(msg)
    return values.reshape(-1)


def check_choice(
    name: str, value: str, choices: Sequence[Choice], error: type[OptionError] = OptionError
) -> Choice:
    """Return `value` if it is one of `choices`."""
    for choice in choices:
        if value == choice:
            return choice
    msg = f"`{name}` must be one of {', '.join(choices)}; got {value!r}."
    raise error(msg)


def check_filter_by(value: str) -> FilterBy:
    """Return the name of a filter."""
    return check_choice("filter_by", value, FILTERS, ChoiceError)


def check_score(name: str, value: str, *, adjust_pred_probs: bool = False) -> Score:
    """Return the name of a label quality score that goes with `adjust_pred_probs`."""
    score = check_choice(name, value, SCORES)
    if adjust_pred_probs and score == "confidence_weighted_entropy":
        msg = f"`adjust_pred_probs` must be False with {name}={score!r}; got True."
        raise OptionError(msg)
    return score


def check_rank_by(rank_by_kwargs: dict[str, bool] | None) -> bool:
    """Return the value of `adjust_pred_probs`, the only key there is."""
    unknown = sorted(set(rank_by_kwargs or {}) - {"adjust_pred_probs"})
    if unknown:
        msg = (
            "`rank_by_kwargs` must hold no other key than 'adjust_pred_probs';"
            f" got {', '.join(map(repr, unknown))}."
        )
        raise OptionError(msg)
    return bool((rank_by_kwargs or {}).get("adjust_pred_probs", False))


def check_removals(
    num_to_remove: npt.ArrayLike | None, is_pruning: bool, n_classes: int
) -> FloatArray | None:
    """Return the numbers of examples to remove from each class, for a filter that prunes."""
    if num_to_remove is None:
        return None
    if not is_pruning:
        msg = "`num_to_remove_per_class` must be None for a filter that does not prune; got numbers."
        raise OptionError(msg)
    removals = check_vector("num_to_remove_per_class", num_to_remove, n_classes)
    if (removals < 0).any():
        msg = f"`num_to_remove_per_class` must be 0 or more; got {removals.min()} at {where(removals < 0)}."
        raise MatrixError(msg)
    return removals.astype(np.float64)


def check_issue_options(options: IssueOptions) -> IssueOptions:
    """Return the options of an audit if every one of them is in range."""
    check_filter_by(options.filter_by)
    check_score("score", options.score, adjust_pred_probs=options.adjust_pred_probs)
    if not (math.isfinite(options.frac_noise) and options.frac_noise >= 0):
        msg = f"`frac_noise` must be a finite share of 0 or more; got {options.frac_noise}."
        raise OptionError(msg)
    if not (math.isfinite(options.min_examples_per_class) and options.min_examples_per_class >= 0):
        msg = f"`min_examples_per_class` must be 0 or more; got {options.min_examples_per_class}."
        raise OptionError(msg)
    return options


def check_n_jobs(n_jobs: int | None) -> None:
    """Reject fewer than one job."""
    if n_jobs is not None and n_jobs < 1:
        msg = f"`n_jobs` must be at least 1; got {n_jobs}."
        raise ChoiceError(msg)


def check_ensemble(
    members: list[FloatArray], scheme: str, custom_weights: npt.ArrayLike | None
) -> tuple[EnsembleWeights, FloatArray | None]:
    """Return the weighting scheme and the caller's weights, one for each member."""
    if not isinstance(members, list) or not members:
        msg = f"`pred_probs_list` must be a list of at least one array; got {type(members).__name__}."
        raise ChoiceError(msg)
    name = check_choice("weight_ensemble_members_by", scheme, ENSEMBLE_WEIGHTS)
    if name != "custom":
        if custom_weights is not None:
            msg = f"`custom_weights` must be None unless weight_ensemble_members_by='custom'; got {scheme!r}."
            raise OptionError(msg)
        return name, None
    weights = np.asarray(custom_weights)
    if weights.dtype.kind not in "fiu" or weights.shape != (len(members),) or not np.isfinite(weights).all():
        msg = (
            f"`custom_weights` must be {len(members)} finite numbers, one a model; got shape {weights.shape}."
        )
        raise ChoiceError(msg)
    return name, weights


def check_scores(name: str, scores: npt.ArrayLike) -> FloatArray:
    """Return a vector of scores without NaN."""
    values = np.asarray(scores)
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        msg = f"`{name}` must be a vector of numbers; got shape {values.shape} of dtype {values.dtype}."
        raise OptionError(msg)
    if np.isnan(values).any():
        msg = f"`{name}` must not be NaN; got nan at {where(np.isnan(values))}."
        raise OptionError(msg)
    return values


def check_mask(name: str, mask: npt.ArrayLike, n_rows: int) -> BoolArray:
    """Return one truth value for each example."""
    values = np.asarray(mask)
    if values.dtype.kind != "b" or values.shape != (n_rows,):
        msg = (
            f"`{name}` must be {n_rows} truth values, one an example;"
            f" got shape {values.shape} of {values.dtype}."
        )
        raise OptionError(msg)
    return values


def check_distribution(name: str, matrix: npt.ArrayLike) -> FloatArray:
    """Return a K x K matrix of shares that sum to 1."""
    values = check_joint_counts(name, matrix)
    total = float(values.sum())
    if abs(total - 1) > DISTRIBUTION_TOLERANCE:
        msg = f"`{name}` must sum to 1; got {total:.6g}. Hint: pass counts as `confident_joint`."
        raise MatrixError(msg)
    return values.astype(np.float64, copy=False)


def check_class_names(
    names: Sequence[str] | Mapping[int, str], n_classes: int, *, exactly: bool = False
) -> list[str]:
    """Return the name of each class; `exactly` rejects more names than classes."""
    if exactly and len(names) != n_classes:
        msg = f"`class_names` must name {n_classes} classes; got {len(names)} names."
        raise ClassNamesError(msg)
    try:
        return [names[k] for k in range(n_classes)]
    except (IndexError, KeyError) as error:
        msg = f"`class_names` must name {n_classes} classes; got {len(names)} names."
        raise ClassNamesError(msg) from error


def where(wrong: npt.NDArray[np.bool_] | np.bool_) -> str:
    """Name the first row that is wrong and how many there are."""
    rows = np.atleast_1d(wrong)
    return f"row {int(rows.argmax())} ({int(rows.sum())} of {len(rows)} rows)"
