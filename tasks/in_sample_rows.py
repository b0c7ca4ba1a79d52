"""Rows of a baseline: drawn by hash, and compared."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from labelhealth.core._mixing import mix
from labelhealth.core.in_sample import check_in_sample
from labelhealth.tasks.in_sample import DrawnRows, InSample
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, put_array

_SALT = 0x1B5A  # keeps the draw apart from the folds, which are hashes of the same keys
_NOT_DRAWN = -1  # as a row without a label


def draw(store: Store, labels: Sequence[Ref], keys: Ref, max_rows: int) -> DrawnRows:
    """Store the labels of the rows with the smallest hashes; rows of equal key are drawn one after the other."""
    codes = np.concatenate([open_array(store, part) for part in labels])
    labelled = np.flatnonzero(codes >= 0)
    order = np.argsort(mix(open_array(store, keys)[labelled], _SALT), kind="stable")
    drawn = labelled[order[:max_rows]]
    kept = np.full(len(codes), _NOT_DRAWN, dtype=np.int32)
    kept[drawn] = codes[drawn]
    return DrawnRows(labels=put_array(store, kept), n_rows=len(drawn))


def compare(
    store: Store, n_rows: Sequence[int], given: Sequence[Probabilities], baseline: Probabilities
) -> InSample:
    """Compare the rows that both have judged."""
    rows = open_array(store, baseline.rows)
    starts = np.cumsum([0, *n_rows[:-1]])
    places, found = [], []
    for start, part in zip(starts, given, strict=True):
        _, mine, other = np.intersect1d(
            open_array(store, part.rows) + start, rows, assume_unique=True, return_indices=True
        )
        places.append(other)
        found.append(open_array(store, part.pred_probs)[mine])
    where = np.concatenate(places)
    labels, probs = open_array(store, baseline.labels)[where], open_array(store, baseline.pred_probs)[where]
    result = check_in_sample(labels, np.concatenate(found), probs)
    value = None if math.isnan(result.value) else result.value
    return InSample(holds=result.holds, value=value, reason=result.reason)
