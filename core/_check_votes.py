"""The part of `_check` that rejects labels of several annotators, and probabilities that do not fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core._check import check_probs
from labelhealth.core._check_options import check_choice, check_score, where
from labelhealth.core._types import BoolArray, FloatArray
from labelhealth.core._votes import Votes, votes_of
from labelhealth.core._warn import warn_user
from labelhealth.core.errors import (
    LabelsError,
    LabelsTypeError,
    OptionError,
    OptionTypeError,
    PredProbsError,
    PredProbsTypeError,
)
from labelhealth.core.options import CONSENSUS_METHODS, QUALITY_METHODS, ConsensusMethod, QualityMethod, Score

Annotations: TypeAlias = "pd.DataFrame | npt.NDArray[Any]"
NAME = "labels_multiannotator"


def check_annotations(labels: Annotations) -> Votes:
    """Return the votes of a table of class numbers, with NaN where nobody voted; every example has a vote."""
    table, index, columns = _as_table(labels)
    present = ~np.isnan(table)
    wrong = present & ~(np.isfinite(table) & (np.trunc(table) == table) & (table >= 0))
    if wrong.any():
        _reject("hold whole class numbers of 0 or more", f"{table[wrong][0]} at {_where(wrong)}")
    if (is_empty := ~present.any(axis=1)).any():
        _reject("hold a label for every example", f"none at {where(is_empty)}", "leave such rows out.")
    return votes_of(table, index, columns)


def check_crowd(votes: Votes, *, single: bool = False) -> None:
    """Reject votes that say nothing about annotators; `single` allows one vote an example."""
    if single and votes.is_single:
        return
    if votes.n_annotators < 2:
        hint = "for one annotator there is `rank.get_label_quality_scores`."
        _reject("have at least two columns, one an annotator", f"{votes.n_annotators}", hint)
    if (idle := votes.n_by_annotator == 0).any():
        got = (
            f"none in column {votes.columns[int(idle.argmax())]!r} ({int(idle.sum())} of {len(idle)} columns)"
        )
        _reject("hold a label of every annotator", got, "drop such columns.")
    if votes.is_single:
        hint = "collapse them into one column and use `rank.get_label_quality_scores`."
        _reject("hold two labels for some example", "one label for each", hint)
    n_classes = int(votes.classes.max()) + 1
    if not (votes.counts(n_classes) > 1).any():
        warn_user("No two annotators agree on any example; check `labels_multiannotator`.")


def check_class_probs(
    pred_probs: npt.NDArray[Any], votes: Votes | None, name: str = "pred_probs"
) -> FloatArray:
    """Return probabilities (N, K) in [0, 1] of all classes that were voted for, one row an example."""
    probs = check_probs(pred_probs, name=name)
    if votes is not None:
        _check_fit(probs.shape, votes, name)
    return probs


def check_member_probs(
    pred_probs: npt.NDArray[Any], votes: Votes | None, name: str = "pred_probs"
) -> FloatArray:
    """Return probabilities (M, N, K) of several models."""
    if not isinstance(pred_probs, np.ndarray):
        msg = f"`{name}` must be a numpy array; got {type(pred_probs).__name__}. Hint: np.stack(pred_probs)."
        raise PredProbsTypeError(msg)
    if pred_probs.ndim != 3 or len(pred_probs) == 0:
        msg = (
            f"`{name}` must have three dimensions (models, examples, classes); got shape {pred_probs.shape}."
            " Hint: for one model there are functions without _ensemble."
        )
        raise PredProbsError(msg)
    for number, member in enumerate(pred_probs):
        check_class_probs(member, votes, f"{name}[{number}]")
    return pred_probs


def check_same_classes(members: FloatArray, unlabeled: FloatArray) -> None:
    """Reject probabilities (M, U, K) of unlabelled examples that are of other models or classes."""
    ours, theirs = members.shape[::2], unlabeled.shape[::2]
    if ours != theirs:
        msg = (
            "`pred_probs_unlabeled` must be of the models and classes of `pred_probs`;"
            f" got {theirs[0]} and {theirs[1]} for {ours[0]} and {ours[1]}."
        )
        raise PredProbsError(msg)


def check_consensus_methods(methods: str | Sequence[str]) -> list[ConsensusMethod]:
    """Return the ways to find consensus labels, the main one first."""
    names = [methods] if isinstance(methods, str) else list(methods)
    if not names:
        msg = f"`consensus_method` must name at least one of {', '.join(CONSENSUS_METHODS)}; got none."
        raise OptionError(msg)
    return [check_choice("consensus_method", name, CONSENSUS_METHODS) for name in names]


def check_quality_method(method: str, *, return_weights: bool) -> QualityMethod:
    """Return the way to judge labels; only CROWDLAB has weights to return."""
    name = check_choice("quality_method", method, QUALITY_METHODS)
    if return_weights and name != "crowdlab":
        msg = f"`return_weights` must be False with quality_method={name!r}, which has none; got True."
        raise OptionError(msg)
    return name


def check_score_options(options: Mapping[str, Any] | None) -> tuple[Score, bool]:
    """Return the label quality score and whether probabilities are adjusted first."""
    given = dict(options or {})
    adjust = bool(given.pop("adjust_pred_probs", False))
    score = check_score("method", given.pop("method", "self_confidence"), adjust_pred_probs=adjust)
    if given:
        got = ", ".join(sorted(map(repr, given)))
        msg = f"`label_quality_score_kwargs` may have the keys method, adjust_pred_probs; got {got}."
        raise OptionTypeError(msg)
    return score, adjust


def check_long(answers: pd.DataFrame) -> None:
    """Reject a list of answers that cannot be turned into a table."""
    if not isinstance(answers, pd.DataFrame):
        msg = f"`{NAME}_long` must be a DataFrame; got {type(answers).__name__}."
        raise LabelsTypeError(msg)
    if missing := [name for name in ("task", "annotator", "label") if name not in answers]:
        msg = f"`{NAME}_long` must have the columns task, annotator and label; got no {', '.join(missing)}."
        raise LabelsError(msg)
    again = answers.duplicated(["task", "annotator"]).to_numpy()
    if again.any():
        first = answers.iloc[int(again.argmax())]
        got = f"annotator {first['annotator']} on task {first['task']} again at {where(again)}"
        msg = f"`{NAME}_long` must hold one answer of an annotator to a task; got {got}."
        raise LabelsError(msg)


def _as_table(labels: Annotations) -> tuple[FloatArray, pd.Index, pd.Index]:
    """Return numbers with NaN for missing ones, and the names of rows and columns."""
    if not isinstance(labels, pd.DataFrame | np.ndarray):
        msg = f"`{NAME}` must be a DataFrame or numpy array; got {type(labels).__name__}."
        raise LabelsTypeError(msg)
    if labels.ndim != 2 or labels.size == 0:
        _reject("have two dimensions (examples, annotators) and a label", f"shape {labels.shape}")
    if isinstance(labels, np.ndarray):
        return _as_numbers(labels), pd.RangeIndex(len(labels)), pd.RangeIndex(labels.shape[1])
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in labels.dtypes):
        return labels.to_numpy(dtype=np.float64), labels.index, labels.columns
    values = np.column_stack([_column(labels.iloc[:, place]) for place in range(labels.shape[1])])
    return values, labels.index, labels.columns


def _column(column: pd.Series[Any]) -> FloatArray:
    return _as_numbers(column.to_numpy(dtype=object, na_value=np.nan).reshape(-1, 1))[:, 0]


def _as_numbers(values: npt.NDArray[Any]) -> FloatArray:
    if values.dtype.kind in "fiub":
        return values.astype(np.float64, copy=False)
    if values.dtype.kind == "c":  # a cast would drop the imaginary part
        _reject("hold class numbers", f"dtype {values.dtype}")
    is_text = np.array([isinstance(value, str) for value in values.ravel().tolist()]).reshape(values.shape)
    if is_text.any():
        got = f"{values[is_text][0]!r} at {_where(is_text)}"
        _reject("hold class numbers, not names", got, "number the classes 0..K-1.")
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        msg = f"`{NAME}` must hold class numbers; got dtype {values.dtype} that is not: {error}."
        raise LabelsError(msg) from error


def _check_fit(shape: tuple[int, ...], votes: Votes, name: str) -> None:
    if shape[0] != votes.n_rows:
        msg = f"`{name}` must have one row for each of `{NAME}`; got {shape[0]} rows for {votes.n_rows}."
        raise PredProbsError(msg)
    if (highest := int(votes.classes.max())) >= shape[1]:
        is_beyond = np.zeros(votes.n_rows, np.bool_)
        is_beyond[votes.rows[votes.classes >= shape[1]]] = True
        msg = f"`{name}` must have a column for each class of `{NAME}`; got {shape[1]} columns"
        raise PredProbsError(f"{msg} for class {highest} at {where(is_beyond)}.")


def _where(wrong: BoolArray) -> str:
    return where(wrong.any(axis=1))


def _reject(rule: str, got: str, hint: str = "") -> None:
    raise LabelsError(f"`{NAME}` must {rule}; got {got}." + (f" Hint: {hint}" if hint else ""))
