"""From stored features to one fold's predictions."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa

from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.core.estimators import make_estimator
from labelhealth.core.features import FeatureFrame, Kind
from labelhealth.core.out_of_fold import predict_fold
from labelhealth.tasks.estimator_source import loading_as
from labelhealth.tasks.predictions import FoldPredictions
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, put_array


def fit_fold(
    store: Store,
    features: Ref,
    kinds: dict[str, str],
    labels: Ref,
    folds: Ref,
    fold: int,
    n_classes: int,
    options: ProbabilityOptions,
    identity: str,
) -> FoldPredictions:
    """Fit one model, predict its held-out rows, and store the predictions."""
    codes = open_array(store, labels)
    known = cast("dict[str, Kind]", kinds)
    with loading_as(identity):
        estimator = make_estimator(
            options.estimator.name,
            options.estimator.params,
            kinds=known,
            n_classes=n_classes,
            n_rows=int((codes >= 0).sum()),
            seed=options.folds.seed,
            preprocessing=options.estimator.preprocessing,
        )
        result = predict_fold(
            feature_frame(open_arrow(store, features), known),
            codes,
            open_array(store, folds),
            fold,
            estimator=estimator,
            n_classes=n_classes,
            scheme=options.folds.scheme,
            dtype=options.estimator.dtype,
        )
    return FoldPredictions(
        rows=put_array(store, result.rows),
        pred_probs=put_array(store, result.pred_probs),
        trained_classes=put_array(store, result.trained_classes),
        estimator=type(estimator.steps[-1][1]).__name__,
        warnings=result.warnings,
    )


def feature_frame(table: pa.Table, kinds: dict[str, Kind]) -> FeatureFrame:
    """Return stored features as scikit-learn takes them: a frame of scalars, a matrix an embedding."""
    vectors = [name for name, kind in kinds.items() if kind == "embedding"]
    scalars = [name for name in kinds if name not in vectors]
    frame = table.select(scalars).to_pandas() if scalars else pd.DataFrame(index=range(table.num_rows))
    return FeatureFrame(frame, {name: _matrix(table[name]) for name in vectors}, kinds)


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of vectors as a matrix; a missing vector is a row of NaN."""
    vectors = column.combine_chunks()
    width = vectors.type.list_size
    start = vectors.offset * width  # `values` knows nothing of a slice
    values = vectors.values.slice(start, len(vectors) * width)
    matrix: np.ndarray = values.to_numpy(zero_copy_only=False).reshape(len(vectors), width)
    if vectors.null_count == 0:
        return matrix
    return np.where(vectors.is_null().to_numpy(zero_copy_only=False)[:, None], np.nan, matrix)
