"""How trustworthy the labels of a regression are, by predictions that are there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import check_choice
from labelhealth.core._constants import LOWEST_DENOMINATOR, TINY
from labelhealth.core._types import FloatArray
from labelhealth.core.regression._decay import decay
from labelhealth.core.regression._spread import mean_distance_to_nearest
from labelhealth.core.regression._targets import check_pair

__all__ = ["get_label_quality_scores"]

RegressionScore = Literal["residual", "outre"]
REGRESSION_SCORES: tuple[RegressionScore, ...] = get_args(RegressionScore)
RESIDUAL_WEIGHT = 5.0  # of the residual beside the label, both in standard deviations
NEAREST_SHARE = 0.5  # of all examples, that an example is compared with
NO_DISTANCE = 100 * float(np.finfo(np.float64).eps)  # distances below it are rounding errors


def get_label_quality_scores(
    labels: npt.ArrayLike, predictions: npt.ArrayLike, *, method: RegressionScore = "outre"
) -> FloatArray:
    """Score every label of a regression; low means suspicious.

    Parameters
    ----------
    labels : array-like of float, shape (N,)
        Given label of each example.
    predictions : array-like of float, shape (N,)
        Out-of-sample prediction of each example.
    method : {"outre", "residual"}
        * "residual": exp(-|prediction - label|), so labels should be of the order of 1;
        * "outre": exp(-d / median d) with d the mean distance of an example to the nearer half of all examples, itself
        included, in the plane of label and five times residual, both in standard deviations.

    Returns
    -------
    ndarray of float64, shape (N,)
        Scores in (0, 1].

    Raises
    ------
    TargetsError
        If labels or predictions are not finite numbers, or there are none; if they are not equally many, also an
        AssertionError.
    OptionError
        If the method is unknown.

    Notes
    -----
    exp(-x) is 0 in floating point for every x above 745, so that all large residuals would tie. Here the score equals
    exp(-x) up to x = 600 and goes on falling strictly beyond, about as 1 / x.

    "outre" takes time in proportion to N squared, and memory of a few megabytes.

    References
    ----------
    Zhou, Mueller et al. (2023), Detecting errors in numerical data via any regression model, ICML DMLR workshop.

    Examples
    --------
    >>> get_label_quality_scores([1, 2, 3], [1, 2, 4], method="residual").round(3)
    array([1.   , 1.   , 0.368])
    >>> get_label_quality_scores([1, 2, 3, 9], [1, 2, 3, 4]).argmin().item()
    3
    """
    name = check_choice("method", method, REGRESSION_SCORES)
    return SCORE_FUNCTIONS[name](*check_pair(labels, predictions))


def _residual(labels: FloatArray, predictions: FloatArray) -> FloatArray:
    return decay(np.abs(predictions - labels))


def _outre(labels: FloatArray, predictions: FloatArray) -> FloatArray:
    points = np.column_stack(
        [_standardized(labels), RESIDUAL_WEIGHT * _standardized(predictions - labels)],
    )
    distances = mean_distance_to_nearest(points, math.ceil(NEAREST_SHARE * len(labels)))
    scale = max(float(np.median(distances)), NO_DISTANCE)
    scores = decay(distances / max(scale, LOWEST_DENOMINATOR))
    scores[distances < math.sqrt(NO_DISTANCE)] = 1.0
    return scores


def _standardized(values: FloatArray) -> FloatArray:
    return np.asarray((values - values.mean()) / (values.std() + TINY))


SCORE_FUNCTIONS: dict[RegressionScore, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "residual": _residual,
    "outre": _outre,
}
