"""Out-of-sample probabilities by stratified cross-validation. Labels and features are already clean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from labelhealth.core._rows import append_rows, is_torch_dataset, select_rows
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core._warn import warn_user
from labelhealth.core.errors import ClassifierError, ClassifierTypeError, FeaturesError

ValidationFunc: TypeAlias = Callable[[object, IntArray], Mapping[str, object]]


class Classifier(Protocol):
    """What scikit-learn calls a probabilistic classifier."""

    def fit(self, X: object, y: IntArray, **kwargs: object) -> object:
        """Train on features and labels."""

    def predict_proba(self, X: object) -> FloatArray:
        """Return probabilities of shape (rows, classes), classes ascending."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """How to train on each fold; a missing classifier is a logistic regression."""

    clf: Classifier | None
    n_folds: int
    seed: int | None
    clf_kwargs: Mapping[str, object]
    validation_func: ValidationFunc | None


def predict_out_of_sample(X: object, labels: IntArray, training: Training) -> FloatArray:
    """Return each row's probabilities by the model that has not seen it, shape (N, K)."""
    from sklearn.model_selection import StratifiedKFold  # here: half of the core's import time

    if training.validation_func is not None and not callable(training.validation_func):
        msg = f"`validation_func` must be callable; got {type(training.validation_func).__name__}."
        raise ClassifierTypeError(msg)
    pred_probs = np.zeros((len(labels), int(labels.max()) + 1))
    folds = StratifiedKFold(n_splits=training.n_folds, shuffle=True, random_state=training.seed)
    for train, holdout in folds.split(labels, labels):
        pred_probs[holdout] = _predict_holdout(X, labels, train, holdout, training)
    return pred_probs


def _predict_holdout(
    X: object, labels: IntArray, train: IntArray, holdout: IntArray, training: Training
) -> FloatArray:
    X_train, X_holdout = _split(X, train, holdout)
    borrowed = _rows_of_missing_classes(X, labels, train, holdout)
    train_labels = labels[np.concatenate([train, borrowed])]
    if len(borrowed):
        X_train = append_rows(X_train, select_rows(X, borrowed))
    extra = {} if training.validation_func is None else training.validation_func(X_holdout, labels[holdout])
    model = _fresh(training.clf)
    model.fit(X_train, train_labels, **training.clf_kwargs, **extra)
    predicted = np.array(model.predict_proba(X_holdout))
    n_classes = int(labels.max()) + 1
    if predicted.shape != (len(holdout), n_classes):
        msg = f"`clf` must predict {(len(holdout), n_classes)} probabilities; got shape {predicted.shape}."
        raise ClassifierError(msg)
    is_borrowed = np.isin(holdout, borrowed)
    predicted[is_borrowed] = np.eye(n_classes)[labels[holdout[is_borrowed]]]
    return predicted


def _split(X: object, train: IntArray, holdout: IntArray) -> tuple[object, object]:
    try:
        return select_rows(X, train), select_rows(X, holdout)
    except Exception as error:
        msg = f"`X` must let rows be selected by number; got {type(X).__name__} that does not: {error}."
        raise FeaturesError(msg) from error


def _rows_of_missing_classes(X: object, labels: IntArray, train: IntArray, holdout: IntArray) -> IntArray:
    """Return the first held-out row of each class that the training rows lack, by ascending class."""
    missing = np.setdiff1d(labels, labels[train])
    if len(missing) == 0 or is_torch_dataset(X):
        return train[:0]
    warn_user(
        f"A fold's training rows lack {len(missing)} of {int(labels.max()) + 1} classes: one held-out row"
        " of each is used for training, and predicted as its given label."
    )
    return np.array([holdout[labels[holdout] == k][0] for k in missing])


def _fresh(clf: Classifier | None) -> Classifier:
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression

    if clf is None:
        model: Classifier = LogisticRegression()
        return model
    try:
        copy: Classifier = clone(clf)
    except Exception as error:
        msg = f"`clf` must be one that scikit-learn can clone; got {type(clf).__name__}: {error}."
        raise ClassifierError(msg) from error
    return copy
