"""The functions of `count` that train a classifier by cross-validation first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import Given, check_features, check_given, check_labels_for_training
from labelhealth.core._check_options import check_choice, check_thresholds
from labelhealth.core._estimates import confident_joint_of, latent_estimates
from labelhealth.core._training import Classifier, Training, ValidationFunc, predict_out_of_sample
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.options import PY_METHODS, PyMethod

__all__ = [
    "estimate_confident_joint_and_cv_pred_proba",
    "estimate_py_noise_matrices_and_cv_pred_proba",
    "estimate_cv_predicted_probabilities",
    "estimate_noise_matrices",
]


def estimate_confident_joint_and_cv_pred_proba(
    X: object,
    labels: LabelsLike,
    clf: Classifier | None = None,
    *,
    cv_n_folds: int = 5,
    thresholds: npt.ArrayLike | None = None,
    seed: int | None = None,
    calibrate: bool = True,
    clf_kwargs: Mapping[str, object] | None = None,
    validation_func: ValidationFunc | None = None,
) -> tuple[IntArray, FloatArray]:
    """Predict every example out of sample, and count the confident joint.

    Parameters
    ----------
    X : array-like, DataFrame, sparse matrix or torch dataset, N rows
        Features.
    labels : array-like of int, shape (N,)
        Given class of each example; every class 0..K-1 occurs, K at least 2.
    clf : classifier, optional
        Has `fit` and `predict_proba` and can be cloned by scikit-learn; a logistic regression if left out.
    cv_n_folds : int, default 5
        Number of stratified, shuffled folds.
    thresholds : array-like of float, shape (K,), optional
        Confident thresholds; `get_confident_thresholds` if left out.
    seed : int, optional
        Seed of the folds; if left out they follow numpy's global state, as scikit-learn has it.
    calibrate : bool, default True
        Whether to calibrate the confident joint.
    clf_kwargs : mapping, optional
        Further arguments of `clf.fit`.
    validation_func : callable, optional
        Called with the held-out features and labels of each fold; returns further arguments of `clf.fit`.

    Returns
    -------
    confident_joint : ndarray of int64, shape (K, K)
        Counts, rows = given label.
    pred_probs : ndarray of float64, shape (N, K)
        Out-of-sample probabilities.

    Raises
    ------
    LabelsError, FeaturesError, MatrixError
        If labels, features or thresholds are invalid or do not fit each other.
    ClassifierError
        If the classifier cannot be cloned or predicts another number of classes.

    Warns
    -----
    UserWarning
        If a class is missing from a fold's training rows: its first held-out row is then used for training,
        and predicted as its given label.

    Examples
    --------
    >>> import numpy as np
    >>> X, labels = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    >>> joint, pred_probs = estimate_confident_joint_and_cv_pred_proba(X, labels, seed=0)
    >>> joint
    array([[10,  0],
           [ 0, 10]])
    """
    training = Training(clf, cv_n_folds, seed, clf_kwargs or {}, validation_func)
    given = _given_by_cross_validation(X, labels, training)
    limits = None if thresholds is None else check_thresholds(thresholds, given.n_classes)
    return confident_joint_of(given, limits, calibrated=calibrate).joint, given.pred_probs


def estimate_py_noise_matrices_and_cv_pred_proba(
    X: object,
    labels: LabelsLike,
    clf: Classifier | None = None,
    *,
    cv_n_folds: int = 5,
    thresholds: npt.ArrayLike | None = None,
    converge_latent_estimates: bool = False,
    py_method: PyMethod = "cnt",
    seed: int | None = None,
    clf_kwargs: Mapping[str, object] | None = None,
    validation_func: ValidationFunc | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, FloatArray]:
    """Predict every example out of sample, and estimate all that describes the label noise.

    Parameters
    ----------
    X, labels, clf, cv_n_folds, thresholds, seed, clf_kwargs, validation_func
        As in `estimate_confident_joint_and_cv_pred_proba`.
    converge_latent_estimates, py_method
        As in `estimate_latent`.

    Returns
    -------
    py : ndarray of float, shape (K,)
        Distribution of true labels.
    noise_matrix : ndarray of float, shape (K, K)
        P(given | true), columns sum to 1.
    inverse_noise_matrix : ndarray of float, shape (K, K)
        P(true | given), columns sum to 1.
    confident_joint : ndarray of int64, shape (K, K)
        Calibrated counts, rows = given label.
    pred_probs : ndarray of float64, shape (N, K)
        Out-of-sample probabilities.

    Raises
    ------
    LabelsError, FeaturesError, MatrixError, ClassifierError
        As `estimate_confident_joint_and_cv_pred_proba`.
    OptionError
        If `py_method` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> X, labels = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    >>> estimate_py_noise_matrices_and_cv_pred_proba(X, labels, seed=0)[0]
    array([0.5, 0.5])
    """
    method = check_choice("py_method", py_method, PY_METHODS)
    training = Training(clf, cv_n_folds, seed, clf_kwargs or {}, validation_func)
    given = _given_by_cross_validation(X, labels, training)
    limits = None if thresholds is None else check_thresholds(thresholds, given.n_classes)
    joint = confident_joint_of(given, limits).joint
    counts = np.bincount(given.labels, minlength=given.n_classes)
    latent = latent_estimates(joint, counts, py_method=method, converge=converge_latent_estimates)
    return *latent, joint, given.pred_probs


def estimate_cv_predicted_probabilities(
    X: object,
    labels: LabelsLike,
    clf: Classifier | None = None,
    *,
    cv_n_folds: int = 5,
    seed: int | None = None,
    clf_kwargs: Mapping[str, object] | None = None,
    validation_func: ValidationFunc | None = None,
) -> FloatArray:
    """Predict every example with a classifier that was not trained on it.

    Parameters
    ----------
    X, labels, clf, cv_n_folds, seed, clf_kwargs, validation_func
        As in `estimate_confident_joint_and_cv_pred_proba`.

    Returns
    -------
    ndarray of float64, shape (N, K)
        Out-of-sample probabilities.

    Raises
    ------
    LabelsError, FeaturesError, ClassifierError
        As `estimate_confident_joint_and_cv_pred_proba`.

    Examples
    --------
    >>> import numpy as np
    >>> X, labels = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    >>> estimate_cv_predicted_probabilities(X, labels, seed=0).shape
    (20, 2)
    """
    training = Training(clf, cv_n_folds, seed, clf_kwargs or {}, validation_func)
    return _given_by_cross_validation(X, labels, training).pred_probs


def estimate_noise_matrices(
    X: object,
    labels: LabelsLike,
    clf: Classifier | None = None,
    *,
    cv_n_folds: int = 5,
    thresholds: npt.ArrayLike | None = None,
    converge_latent_estimates: bool = True,
    seed: int | None = None,
    clf_kwargs: Mapping[str, object] | None = None,
    validation_func: ValidationFunc | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Estimate the noise matrix and its inverse form by cross-validation.

    Parameters
    ----------
    X, labels, clf, cv_n_folds, thresholds, seed, clf_kwargs, validation_func
        As in `estimate_confident_joint_and_cv_pred_proba`.
    converge_latent_estimates : bool, default True
        As in `estimate_latent`.

    Returns
    -------
    noise_matrix : ndarray of float, shape (K, K)
        P(given | true), columns sum to 1.
    inverse_noise_matrix : ndarray of float, shape (K, K)
        P(true | given), columns sum to 1.

    Raises
    ------
    LabelsError, FeaturesError, MatrixError, ClassifierError
        As `estimate_confident_joint_and_cv_pred_proba`.

    Examples
    --------
    >>> import numpy as np
    >>> X, labels = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    >>> noise_matrix, inverse_noise_matrix = estimate_noise_matrices(X, labels, seed=0)
    >>> noise_matrix
    array([[1., 0.],
           [0., 1.]])
    """
    estimates = estimate_py_noise_matrices_and_cv_pred_proba(
        X,
        labels,
        clf,
        cv_n_folds=cv_n_folds,
        thresholds=thresholds,
        converge_latent_estimates=converge_latent_estimates,
        seed=seed,
        clf_kwargs=clf_kwargs,
        validation_func=validation_func,
    )
    return estimates[1], estimates[2]


def _given_by_cross_validation(X: object, labels: LabelsLike, training: Training) -> Given:
    codes = check_labels_for_training(labels)
    check_features(X, len(codes))
    return check_given(codes, predict_out_of_sample(X, codes, training))
