"""What CleanLearning knows of the label noise before it looks for issues: given by the caller, or estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import check_choice, check_square, check_whole_joint
from labelhealth.core._constants import TINY
from labelhealth.core._training import Classifier, ValidationFunc
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core._warn import warn_user
from labelhealth.core.count import (
    compute_confident_joint,
    estimate_cv_predicted_probabilities,
    estimate_latent,
    estimate_py_and_noise_matrices_from_probabilities,
    estimate_py_noise_matrices_and_cv_pred_proba,
)
from labelhealth.core.errors import MatrixError, OptionError
from labelhealth.core.latent_algebra import compute_noise_matrix_from_inverse, compute_py_inv_noise_matrix

LARGEST_TRACE = 1.0  # at or below it, labels carry no information about the truth
TWO = 2


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Estimates of the label noise; None where nothing is known.

    Parameters
    ----------
    py : ndarray of float, shape (K,), or None
        Distribution of true labels.
    noise_matrix, inverse_noise_matrix : ndarray of float, shape (K, K), or None
        P(given | true) and P(true | given), columns sum to 1.
    confident_joint : ndarray of int, shape (K, K), or None
        Counts, rows = given label.
    """

    py: FloatArray | None = None
    noise_matrix: FloatArray | None = None
    inverse_noise_matrix: FloatArray | None = None
    confident_joint: IntArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Learning:
    """How out-of-sample probabilities are learnt, and the noise estimated from them."""

    clf: Classifier
    n_folds: int
    seed: int | None
    clf_kwargs: Mapping[str, Any]
    validation_func: ValidationFunc | None
    converges: bool
    thresholds: npt.ArrayLike | None
    pulearning: int | None


def check_noise_matrix(name: str, matrix: npt.ArrayLike | None) -> FloatArray | None:
    """Return a square matrix of which learning from noisy labels is possible."""
    if matrix is None:
        return None
    values = check_square(name, matrix)
    if values.trace() <= LARGEST_TRACE:
        msg = f"`{name}` must have a trace above 1, else labels tell nothing about the truth; got {values.trace():.6g}."
        raise MatrixError(msg)
    return values


def estimate_noise(
    X: object,
    labels: IntArray,
    pred_probs: FloatArray | None,
    known: Noise,
    n_classes: int,
    learning: Learning,
) -> tuple[Noise, FloatArray]:
    """Return estimates completed with what is known, and the out-of-sample probabilities."""
    for name in ("noise_matrix", "inverse_noise_matrix"):
        if (matrix := getattr(known, name)) is not None:
            check_square(name, matrix, n_classes=n_classes)
    if known.confident_joint is not None:
        whole = check_whole_joint(known.confident_joint, n_classes)
        known = replace(known, confident_joint=whole.astype(np.int64))
    noise = _completed(known, labels, n_classes)
    if noise is None:
        return _estimated(X, labels, pred_probs, learning)
    probs = learn_pred_probs(X, labels, learning) if pred_probs is None else pred_probs
    if noise.confident_joint is None:
        counted = compute_confident_joint(labels, probs, thresholds=learning.thresholds)
        noise = replace(noise, confident_joint=counted)
    return noise, probs


def _estimated(
    X: object, labels: IntArray, pred_probs: FloatArray | None, learning: Learning
) -> tuple[Noise, FloatArray]:
    """Estimate everything from probabilities, by cross-validation if there are none."""
    if pred_probs is not None:
        py, matrix, inverse, joint = estimate_py_and_noise_matrices_from_probabilities(
            labels,
            pred_probs,
            thresholds=learning.thresholds,
            converge_latent_estimates=learning.converges,
        )
        return Noise(py, matrix, inverse, joint), pred_probs
    py, matrix, inverse, joint, learnt = estimate_py_noise_matrices_and_cv_pred_proba(
        X,
        labels,
        learning.clf,
        cv_n_folds=learning.n_folds,
        thresholds=learning.thresholds,
        converge_latent_estimates=learning.converges,
        seed=learning.seed,
        clf_kwargs=learning.clf_kwargs,
        validation_func=learning.validation_func,
    )
    return Noise(py, matrix, inverse, joint), learnt


def learn_pred_probs(X: object, labels: IntArray, learning: Learning) -> FloatArray:
    """Return out-of-sample probabilities by cross-validation."""
    return estimate_cv_predicted_probabilities(
        X,
        labels,
        learning.clf,
        cv_n_folds=learning.n_folds,
        seed=learning.seed,
        clf_kwargs=learning.clf_kwargs,
        validation_func=learning.validation_func,
    )


def with_clean_class(noise: Noise, pulearning: int | None) -> Noise:
    """Say of a class of two that all its true examples carry its label; the caller's arrays stay as they are."""
    if pulearning is None or noise.confident_joint is None or len(noise.confident_joint) != TWO:
        return noise
    clean, other = int(pulearning), 1 - int(pulearning)
    joint = noise.confident_joint.copy()
    joint[clean, other], joint[other, other] = 0, 1
    matrix, inverse = noise.noise_matrix, noise.inverse_noise_matrix
    if matrix is not None:
        matrix = np.array(matrix, dtype=np.float64)
        matrix[clean, other], matrix[other, other] = 0, 1
    if inverse is not None:
        inverse = np.array(inverse, dtype=np.float64)
        inverse[other, clean], inverse[clean, clean] = 0, 1
    return Noise(noise.py, matrix, inverse, joint)


def check_pulearning(value: int | None) -> None:
    """Reject what is not a class of two."""
    if value is not None:
        check_choice("pulearning", str(value), ("0", "1"), OptionError)


def count_classes(labels: IntArray, pred_probs: FloatArray | None, known: Noise) -> int:
    """Return K: the columns of what has one a class, else the number of distinct labels."""
    for matrix in (pred_probs, known.noise_matrix, known.inverse_noise_matrix):
        if matrix is not None:
            return int(matrix.shape[1])
    return len(np.unique(labels))


def warn_of_unused(thresholds: npt.ArrayLike | None, known: Noise, filter_options: Mapping[str, Any]) -> None:
    """Warn of what is given and not used where label issues are found in batches."""
    given = {
        "thresholds": thresholds,
        "noise_matrix": known.noise_matrix,
        "inverse_noise_matrix": known.inverse_noise_matrix,
    }
    for name, value in given.items():
        if value is not None:
            warn_user(f"`{name}` is not used with `low_memory`.")
    if set(filter_options) - {"min_examples_per_class"}:
        warn_user("`find_label_issues_kwargs` are not used with `low_memory`.")


def _completed(known: Noise, labels: IntArray, n_classes: int) -> Noise | None:
    """Return what follows from a matrix or a joint of the caller's; None if there is none of them."""
    matrix, inverse = known.noise_matrix, known.inverse_noise_matrix
    ps = np.bincount(labels, minlength=n_classes) / len(labels)
    py: FloatArray | None = None
    if matrix is None and inverse is None:
        if known.confident_joint is None:
            return None
        py, matrix, inverse = estimate_latent(known.confident_joint, labels)
    elif inverse is None and matrix is not None:
        py, inverse = compute_py_inv_noise_matrix(ps, matrix)
    elif matrix is None and inverse is not None:
        matrix = compute_noise_matrix_from_inverse(ps, inverse)
    if py is None and inverse is not None:
        py = inverse @ ps / max(float((inverse @ ps).sum()), TINY)
    return Noise(py, matrix, inverse, known.confident_joint)
