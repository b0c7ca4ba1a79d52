"""The folds' predictions, joined in the order of the dataset."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.configs.tables import NOT_JUDGED_REASONS, UNKNOWN_CLASS
from labelhealth.core.folds import NOT_PREDICTED
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.predictions import FoldPredictions, Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import fill_array, open_array, put_array

_BLOCK_CELLS = 1 << 22  # rows x classes copied together: 32 MiB of float64
_CODES = {reason: code for code, reason in enumerate(NOT_JUDGED_REASONS)}


def join_folds(
    store: Store,
    labels: Ref,
    folds: Ref,
    parts: tuple[FoldPredictions, ...],
    n_classes: int,
    sets: Ref | None = None,
) -> Probabilities:
    """Store probabilities, labels and row numbers of all judged rows."""
    all_labels, all_folds = open_array(store, labels), open_array(store, folds)
    reasons = np.zeros(len(all_labels), dtype=np.uint8)
    for fold, reason in NOT_PREDICTED.items():
        reasons[all_folds == fold] = _CODES[reason]
    reasons[all_labels == UNKNOWN_CLASS] = _CODES["unknown_class"]
    for part in parts:
        rows = open_array(store, part.rows)
        trained = open_array(store, part.trained_classes)
        reason = "class_not_in_training" if trained.any() else "one_class_in_training"
        if sets is None:
            is_known = trained[all_labels[rows]]
        else:  # every class that the row is given
            is_known = (open_array(store, sets)[rows] <= trained).all(axis=1) & trained.any()
        reasons[rows[~is_known]] = _CODES[reason]
    judged = np.flatnonzero(reasons == 0)
    if len(judged) == 0:
        msg = (
            "`data` must have at least one example that can be judged; got none of"
            f" {len(all_labels)}. Hint: fewer folds, or classes with more than one example."
        )
        raise InputError(msg)
    kind = open_array(store, parts[0].pred_probs).dtype
    pred_probs, _ = fill_array(
        store, (len(judged), n_classes), kind, lambda joined: _join(joined, store, parts, judged)
    )
    return Probabilities(
        n_judged=len(judged),
        rows=put_array(store, judged),
        labels=put_array(store, all_labels[judged]),
        pred_probs=pred_probs,
        reasons=put_array(store, reasons),
        warnings=_warnings(parts),
    )


def _join(
    joined: npt.NDArray[np.floating],
    store: Store,
    parts: tuple[FoldPredictions, ...],
    judged: npt.NDArray[np.int64],
) -> None:
    """Write the matrix fold by fold, a block of rows in memory at a time."""
    size = max(1, _BLOCK_CELLS // joined.shape[1])
    for part in parts:
        all_rows, pred_probs = open_array(store, part.rows), open_array(store, part.pred_probs)
        for low in range(0, len(all_rows), size):
            rows = all_rows[low : low + size]
            place = np.searchsorted(judged, rows)
            known = (place < len(judged)) & (judged[np.minimum(place, len(judged) - 1)] == rows)
            joined[place[known]] = pred_probs[low : low + size][known]


def _warnings(parts: tuple[FoldPredictions, ...]) -> tuple[str, ...]:
    """Return what was warned of, each text once, and whether models learned from a sample."""
    sampled = [part for part in parts if part.n_trained < part.n_training]
    told = [warning for part in parts for warning in part.warnings]
    if sampled:
        most, n_training = max(part.n_trained for part in sampled), max(part.n_training for part in sampled)
        told.append(
            f"`max_train_rows`: {len(sampled)} of {len(parts)} models learned from samples of at most {most:,}"
            f" of {n_training:,} rows. Hint: more rows may tell classes apart better."
        )
    return tuple(dict.fromkeys(told))
