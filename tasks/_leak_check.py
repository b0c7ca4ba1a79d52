"""Features held against the label one by one, on a sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.core.identity import UInt64Array
from labelhealth.core.leaks import choose_rows, is_code, is_leak, leak_accuracy
from labelhealth.tasks._features import Feature

_SKIPPED_KINDS = ("text", "embedding")


def check_leaks(
    features: Mapping[str, Feature], labels: npt.NDArray[np.int32], keys: UInt64Array, threshold: float
) -> tuple[dict[str, float], dict[str, str]]:
    """Measure how well each feature alone predicts the label.

    Parameters
    ----------
    features : mapping of str to Feature
        Texts and embeddings are skipped: alone they are meant to predict the label.
    labels : ndarray of int32, shape (N,)
        Given class, -1 without one.
    keys : ndarray of uint64, shape (N,)
        Uniform keys of the rows.
    threshold : float
        Accuracy from which on a feature is a leak (share).

    Returns
    -------
    accuracies : dict of str to float
        Held-out accuracy by feature.
    leaks : dict of str to str
        A sentence for each feature that looks like a leak.
    """
    rows = choose_rows(labels, keys)
    sample_labels, sample_keys = labels[rows], keys[rows]
    accuracies: dict[str, float] = {}
    leaks: dict[str, str] = {}
    for feature in features.values():
        if feature.kind in _SKIPPED_KINDS:
            continue
        values = _sample(feature, rows)
        accuracy = leak_accuracy(values, sample_labels, sample_keys)
        accuracies[feature.name] = accuracy
        says = f"`{feature.name}` alone predicts the label with accuracy {accuracy:.3f}"
        if is_leak(accuracy, sample_labels, threshold):
            leaks[feature.name] = f"{says}: a leak? Hint: exclude it if it is made from the label."
        elif is_code(values, accuracy, sample_labels):
            leaks[feature.name] = f"{says} and has one value per class: a code of it? Hint: exclude it if so."
    return accuracies, leaks


def _sample(feature: Feature, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.generic]:
    """Return the values of some rows as floats, or as integer codes of categories."""
    values = feature.data.take(pa.array(rows)).combine_chunks()
    if feature.kind == "categorical":
        encoded = values.dictionary_encode().indices
        return np.asarray(encoded.fill_null(-1).to_numpy(zero_copy_only=False))
    if feature.kind == "datetime":
        values = values.view(pa.int64())
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
