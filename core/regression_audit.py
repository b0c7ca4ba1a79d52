"""Errors among numbers for pipelines: what `regression.learn.CleanLearning` finds, on features of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labelhealth.core._fold_limits import one_thread_quietly
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import RegressorError
from labelhealth.core.features import FeatureFrame, design_frame
from labelhealth.core.identity import UInt64Array
from labelhealth.core.regression.learn import CleanLearning

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["NumberIssues", "find_number_issues"]


@dataclass(frozen=True, slots=True, eq=False)
class NumberIssues:
    """What was found about N numbers.

    Parameters
    ----------
    predicted : ndarray of float64, shape (N,)
        Predictions out of sample, in units of the label.
    label_quality : ndarray of float64, shape (N,)
        In (0, 1]; low means suspicious.
    rows : ndarray of int64, shape (M,)
        Examples that are flagged, worst first.
    share : float
        Estimated share of label errors.
    warnings : tuple of str
        What models warned of, each text once.

    Examples
    --------
    >>> import numpy as np
    >>> found = NumberIssues(np.array([1.0, 9.0]), np.array([0.9, 0.1]), np.array([1]), 0.5, ())
    >>> found.rows
    array([1])
    """

    predicted: FloatArray
    label_quality: FloatArray
    rows: IntArray
    share: float
    warnings: tuple[str, ...]


def find_number_issues(
    features: FeatureFrame,
    targets: FloatArray,
    groups: UInt64Array,
    *,
    model: Pipeline,
    n_folds: int = 5,
    n_boot: int = 5,
    include_aleatoric_uncertainty: bool = True,
    seed: int = 0,
) -> NumberIssues:
    """Find numbers that models trained on other examples do not predict.

    Parameters
    ----------
    features : FeatureFrame
        N rows.
    targets : ndarray of float64, shape (N,)
        Given numbers, finite.
    groups : ndarray of uint64, shape (N,)
        Examples of equal group stay in one fold.
    model : Pipeline
        As `make_regressor` gives it. What stands before its last step sees the features of all rows, and no label.
    n_folds, n_boot, include_aleatoric_uncertainty, seed
        As in `regression.learn.CleanLearning`.

    Returns
    -------
    NumberIssues
        The same for the same arguments, on any number of cores.

    Raises
    ------
    OptionError
        If there are fewer examples than folds, or all are of one group.
    RegressorError
        If fitting or predicting raises.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from labelhealth.core.features import FeatureFrame
    >>> from labelhealth.core.regressors import make_regressor
    >>> x = np.arange(60.0)
    >>> y = 2 * x + np.sin(x)
    >>> y[[5, 40]] += 90
    >>> features = FeatureFrame(pd.DataFrame({"x": x}), {}, {"x": "numeric"})
    >>> model = make_regressor("LinearRegression", kinds=features.kinds, seed=0)
    >>> found = find_number_issues(features, y, np.arange(60, dtype=np.uint64), model=model)
    >>> sorted(found.rows[:2].tolist())
    [5, 40]
    """
    frame = design_frame(features)
    finder = CleanLearning(
        model.steps[-1][1],
        cv_n_folds=n_folds,
        n_boot=n_boot,
        include_aleatoric_uncertainty=include_aleatoric_uncertainty,
        seed=seed,
    )
    with one_thread_quietly() as texts:
        try:
            matrix = frame if len(model.steps) == 1 else model[:-1].fit_transform(frame)
            found = finder.find_label_issues(matrix, targets, groups=groups)
        except (TypeError, np.linalg.LinAlgError) as error:
            msg = f"`estimator` {type(model.steps[-1][1]).__name__} must learn from {len(targets)} rows; got {error}"
            raise RegressorError(msg) from error
    quality = found["label_quality"].to_numpy()
    order = np.argsort(quality, kind="stable")
    flagged = found["is_label_issue"].to_numpy()
    return NumberIssues(
        predicted=found["predicted_label"].to_numpy(dtype=np.float64),
        label_quality=quality,
        rows=order[flagged[order]],
        share=float(finder.k or 0.0),
        warnings=tuple(dict.fromkeys(texts)),
    )
