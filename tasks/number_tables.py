"""Numbers held against out-of-sample predictions, and summed up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import r2_score

from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.configs.tables import CLASS_HEALTH, CLASS_OVERLAP, FIT, HEALTH, JOINT, NOT_JUDGED_REASONS
from labelhealth.configs.task import RegressionOptions
from labelhealth.core.features import Kind
from labelhealth.core.regression.rank import get_label_quality_scores
from labelhealth.core.regression_audit import find_number_issues
from labelhealth.core.regressors import make_regressor
from labelhealth.tasks._files import SourceFile, open_source
from labelhealth.tasks._label_values import read_floats
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.estimator_source import loading_as
from labelhealth.tasks.numbers import NumberFindings
from labelhealth.tasks.set_tables import empty_frame
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.stored_features import StoredFeatures
from labelhealth.tasks.tables import open_array, open_arrow, put_array, put_frame

FloatArray = npt.NDArray[np.floating]
MIN_ROWS = 2  # one number has nothing to be compared with


def regress(
    store: Store,
    features: Ref,
    kinds: dict[str, str],
    values: Ref,
    fold_keys: Ref,
    options: ProbabilityOptions,
    regression: RegressionOptions,
    identity: str,
) -> NumberFindings:
    """Store what models say that were trained on other rows."""
    numbers = open_array(store, values)
    judged = np.flatnonzero(~np.isnan(numbers))
    stored = StoredFeatures(open_arrow(store, features), cast("dict[str, Kind]", kinds))
    with loading_as(identity):
        model = make_regressor(
            options.estimator.name,
            options.estimator.params,
            kinds=stored.kinds,
            seed=options.folds.seed,
            preprocessing=options.estimator.preprocessing,
        )
        found = find_number_issues(
            stored.take(judged),
            numbers[judged],
            open_array(store, fold_keys)[judged],
            model=model,
            n_folds=options.folds.n_folds,
            n_boot=regression.n_boot,
            include_aleatoric_uncertainty=regression.include_aleatoric_uncertainty,
            seed=options.folds.seed,
        )
    return _store(
        store, numbers, judged, found.predicted, found.label_quality, found.rows, found.share, found.warnings
    )


def compare(
    store: Store, files: Sequence[SourceFile], values: Ref, column: str, regression: RegressionOptions
) -> NumberFindings:
    """Store what ready predictions say."""
    numbers, source = open_array(store, values), open_source(files)
    predicted = read_floats(source, column, "predictions of a regression")
    judged = np.flatnonzero(~np.isnan(numbers))
    lacking = np.isnan(predicted[judged])
    if lacking.any():
        got = f"none at {source.where(int(judged[lacking.argmax()]))} ({lacking.sum()} of {len(judged)} rows)"
        raise input_error(
            f"`{column}` must predict every row with a label", got, "predict these rows as well"
        )
    if len(judged) < MIN_ROWS:
        raise input_error("the label must be given in two rows or more", f"{len(judged)}", "add rows")
    scores = get_label_quality_scores(numbers[judged], predicted[judged], method=regression.score)
    is_low = scores < regression.label_quality_threshold * np.median(scores)
    order = np.argsort(scores, kind="stable")
    return _store(store, numbers, judged, predicted[judged], scores, order[is_low[order]], math.nan, ())


def _store(
    store: Store,
    numbers: FloatArray,
    judged: npt.NDArray[np.int64],
    predicted: FloatArray,
    quality: FloatArray,
    flagged: npt.NDArray[np.int64],
    share: float,
    warnings: tuple[str, ...],
) -> NumberFindings:
    reasons = np.full(len(numbers), NOT_JUDGED_REASONS.index("no_label"), dtype=np.uint8)
    reasons[judged] = 0
    return NumberFindings(
        rows=put_array(store, judged),
        predicted=put_array(store, predicted),
        label_quality=put_array(store, quality),
        flagged=put_array(store, flagged),
        reasons=put_array(store, reasons),
        class_health=put_frame(store, CLASS_HEALTH, empty_frame(CLASS_HEALTH)),
        class_overlap=put_frame(store, CLASS_OVERLAP, empty_frame(CLASS_OVERLAP)),
        joint=put_frame(store, JOINT, empty_frame(JOINT)),
        fit=put_frame(store, FIT, fit_frame(numbers[judged], predicted, share)),
        health=put_frame(store, HEALTH, health_frame(len(numbers), len(judged), len(flagged))),
        warnings=warnings,
    )


def fit_frame(given: FloatArray, predicted: FloatArray, share: float) -> pd.DataFrame:
    """Return table `fit`: one row."""
    row = {
        "r_squared": float(r2_score(given, predicted)),
        "median_absolute_residual": float(np.median(np.abs(predicted - given))),
        "estimated_issue_share": share,
    }
    return pd.DataFrame([row])


def health_frame(n_rows: int, n_judged: int, n_flagged: int) -> pd.DataFrame:
    """Return table `health`: one row; what only classes have is null."""
    row = {
        "n_examples": n_rows,
        "n_labelled": n_judged,
        "n_judged": n_judged,
        "n_classes": 0,
        "n_classes_judged": 0,
        "overall_label_health_score": 1.0 - n_flagged / n_judged,
        "estimated_label_issues": n_flagged,
        "flagged_count": n_flagged,
        "flagged_share": n_flagged / n_judged,
        **dict.fromkeys(
            ("disagreement_share", "joint_off_diagonal", "worst_class_quality", "worst_overlap"), math.nan
        ),
    }
    return pd.DataFrame([row])
