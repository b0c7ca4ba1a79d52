"""A regression model trained on the examples whose labels look right."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from labelhealth.core._check import check_features
from labelhealth.core._constants import TINY
from labelhealth.core._label_issues_frame import frame_of
from labelhealth.core._rows import select_rows
from labelhealth.core._stdout import write_lines
from labelhealth.core._types import BoolArray, FloatArray
from labelhealth.core._warn import warn_user
from labelhealth.core.errors import IssuesError, OptionError, OptionTypeError, RegressorError
from labelhealth.core.identity import UInt64Array
from labelhealth.core.regression._decay import decay
from labelhealth.core.regression._folds import Folds, Search
from labelhealth.core.regression._targets import (
    Targets,
    check_groups,
    check_numbers,
    check_per_row,
    check_search,
)

__all__ = ["CleanLearning"]

BOOT_FOLDS = 2  # of the repeated cross-validations: halves, so that the models differ
COARSE_SHARES = (0.01, 0.05, 0.1, 0.15, 0.2)


class CleanLearning(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Finds label errors with any regression model by cross-validation, then trains it on the other examples.

    Parameters
    ----------
    model : regression model, optional
        Has `fit` and `predict`, and can be cloned by scikit-learn. If left out, a linear regression.
    cv_n_folds : int, default 5
        Number of shuffled folds, 2 or more.
    n_boot : int, default 5
        Repeated cross-validations that the epistemic uncertainty is estimated from; 0 leaves it out.
    include_aleatoric_uncertainty : bool, default True
        Whether the uncertainty includes what no model can predict.
    verbose : bool, default False
        Whether to write what is done to standard output.
    seed : int, optional
        Seed of the folds: every call starts from it. NumPy's global generator is never seeded; without a seed, folds
        are drawn from it, as scikit-learn does.

    Attributes
    ----------
    label_issues_df : DataFrame or None
        See `get_label_issues`.
    label_issues_mask : ndarray of bool, shape (N,), or None
        Its first column.
    k : float or None
        Estimated share of label issues.

    Raises
    ------
    RegressorError
        If the model lacks a method.
    OptionError
        If a number is out of range.

    Notes
    -----
    A model that draws random numbers, such as a random forest, needs a seed of its own (`random_state`) for equal
    answers.

    References
    ----------
    Zhou, Mueller et al. (2023), Detecting errors in numerical data via any regression model, ICML DMLR workshop.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(40.0)[:, None]
    >>> y = 2 * X[:, 0] + np.sin(X[:, 0])
    >>> y[[5, 30]] += 50
    >>> cl = CleanLearning(seed=0).fit(X, y)
    >>> sorted(cl.get_label_issues()["label_quality"].nsmallest(2).index)
    [5, 30]
    >>> bool(cl.score(np.delete(X, [5, 30], 0), np.delete(y, [5, 30])) > 0.99)
    True
    """

    label_issues_df: pd.DataFrame | None
    label_issues_mask: BoolArray | None
    k: float | None

    def __init__(
        self,
        model: Any = None,
        *,
        cv_n_folds: int = 5,
        n_boot: int = 5,
        include_aleatoric_uncertainty: bool = True,
        verbose: bool = False,
        seed: int | None = None,
    ) -> None:
        self.model = LinearRegression() if model is None else model
        for method in ("fit", "predict"):
            if not hasattr(self.model, method):
                got = f"{type(model).__name__} without {method}"
                msg = f"`model` must have the methods fit and predict; got {got}."
                raise RegressorError(msg)
        if cv_n_folds < BOOT_FOLDS:
            msg = f"`cv_n_folds` must be 2 or more; got {cv_n_folds}."
            raise OptionError(msg)
        if n_boot < 0:
            msg = f"`n_boot` must be 0 or more; got {n_boot}."
            raise OptionError(msg)
        self.cv_n_folds = cv_n_folds
        self.n_boot = n_boot
        self.include_aleatoric_uncertainty = include_aleatoric_uncertainty
        self.verbose = verbose
        self.seed = seed
        self._forget()

    def fit(
        self,
        X: Any,
        y: npt.ArrayLike,
        *,
        label_issues: pd.DataFrame | pd.Series | BoolArray | None = None,
        sample_weight: npt.ArrayLike | None = None,
        find_label_issues_kwargs: Mapping[str, Any] | None = None,
        model_kwargs: Mapping[str, Any] | None = None,
        model_final_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:
        """Find label issues unless they are given, and train the model on the other examples.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix, N rows
            Features; a DataFrame is used as an array.
        y : array-like of float, shape (N,)
            Given labels.
        label_issues : DataFrame, or Series or ndarray of bool, shape (N,), optional
            What `find_label_issues` returned, or a mask.
        sample_weight : ndarray of float, shape (N,), optional
            Weights of the final training.
        find_label_issues_kwargs : mapping, optional
            Arguments of `find_label_issues`.
        model_kwargs, model_final_kwargs : mapping, optional
            Further arguments of `model.fit`: in every training, and in the final one.

        Returns
        -------
        CleanLearning
            Itself.

        Raises
        ------
        TargetsError, FeaturesError
            If labels are not finite numbers, or features do not fit them.
        IssuesError
            If `label_issues` do not fit the labels.
        OptionError
            If an option is out of range, weights are given where the model takes none, or not in `sample_weight`.
        """
        final_kwargs = {**(model_kwargs or {}), **(model_final_kwargs or {})}
        self._check_weights(sample_weight, final_kwargs)
        targets = check_numbers("y", y)
        features = _features(X, len(targets))
        weights = (
            None if sample_weight is None else check_per_row("sample_weight", sample_weight, len(targets))
        )
        if label_issues is None:
            options = {"model_kwargs": model_kwargs, **(find_label_issues_kwargs or {})}
            frame = self.find_label_issues(features, targets, **options)
        else:
            frame = _given_frame(label_issues, targets)
        mask = frame["is_label_issue"].to_numpy(dtype=bool)
        kept = np.flatnonzero(~mask)
        if weights is not None:
            final_kwargs["sample_weight"] = weights[kept]
        self._tell(f"Training on {len(kept)} of {len(targets)} examples.")
        self.model.fit(select_rows(features, kept), targets[kept], **final_kwargs)
        self.label_issues_df, self.label_issues_mask = frame, mask
        return self

    def find_label_issues(
        self,
        X: Any,
        y: npt.ArrayLike,
        *,
        uncertainty: npt.ArrayLike | None = None,
        coarse_search_range: Sequence[float] = COARSE_SHARES,
        fine_search_size: int = 3,
        save_space: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        groups: npt.ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Find label issues, without training a final model.

        Parameters
        ----------
        X, y, model_kwargs
            As in `fit`.
        uncertainty : float or array-like of float, shape (N,), optional
            Standard deviation that the residuals are divided by, in units of y; estimated if left out.
        coarse_search_range : sequence of float
            Shares of label issues in [0, 1] to try first.
        fine_search_size : int, default 3
            How many shares to try between the best of them and each of its neighbours.
        save_space : bool, default False
            Whether the result is not kept in the object.
        groups : array-like of int, shape (N,), optional
            Examples of equal group, such as copies, stay in one fold; 0 or more.

        Returns
        -------
        DataFrame, N rows
            See `get_label_issues`.

        Raises
        ------
        TargetsError, FeaturesError
            If labels are not finite numbers, or features do not fit them.
        OptionError
            If an option is out of range, or there are fewer examples than folds.
        """
        targets = check_numbers("y", y)
        features = _features(X, len(targets))
        shares = check_search(coarse_search_range, fine_search_size)
        known = (
            None
            if uncertainty is None
            else check_per_row("uncertainty", uncertainty, len(targets), scalar=True)
        )
        self._tell("Finding label issues ...")
        folds = self._folds(features, model_kwargs, check_groups(groups, len(targets)))
        first = folds.predict(targets, self.cv_n_folds)
        order = np.argsort(np.abs(first - targets), kind="stable")
        share, r2 = Search(folds, targets, self.cv_n_folds, order).best(shares, fine_search_size)
        self.k = 0.0 if float(r2_score(targets, first)) >= r2 else share
        predicted = folds.predict(targets, self.cv_n_folds, order, self.k)
        residual = predicted - targets
        if known is None:
            known = self._epistemic(folds, targets, predicted)
            if self.include_aleatoric_uncertainty:
                known = known + self._aleatoric(folds, residual)
        frame = _frame(targets, predicted, residual, known, self.k)
        self._tell(f"Found {int(frame['is_label_issue'].sum())} label issues.")
        if not save_space:
            self.label_issues_df, self.label_issues_mask = frame, frame["is_label_issue"].to_numpy()
        return frame

    def get_label_issues(self) -> pd.DataFrame | None:
        """Return what was found about each label.

        Returns
        -------
        DataFrame, N rows, or None
            `is_label_issue` (bool), `label_quality` (in (0, 1], low means suspicious), `given_label`, `predicted_label`
            (in units of y; whole numbers if y is int64). None if nothing was found.

        Warns
        -----
        UserWarning
            If nothing was found yet.
        """
        if self.label_issues_df is None:
            warn_user("Label issues are not known yet: call `find_label_issues` or `fit` first.")
        return self.label_issues_df

    def get_epistemic_uncertainty(
        self, X: Any, y: npt.ArrayLike, predictions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Return how much predictions vary with the examples that the model was trained on.

        Parameters
        ----------
        X, y
            As in `fit`.
        predictions : array-like of float, shape (N,), optional
            Predictions that count as one more repetition.

        Returns
        -------
        ndarray of float, shape (N,)
            Standard deviation in units of y; 0 if `n_boot` is 0.

        Raises
        ------
        TargetsError, FeaturesError, OptionError
            As `find_label_issues`.
        """
        targets = check_numbers("y", y)
        known = None if predictions is None else check_per_row("predictions", predictions, len(targets))
        return self._epistemic(self._folds(_features(X, len(targets)), None), targets, known)

    def get_aleatoric_uncertainty(self, X: Any, residual: npt.ArrayLike) -> float:
        """Return how much of the residuals a model can tell from the features.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix, N rows
            Features.
        residual : array-like of float, shape (N,)
            Prediction minus label, in units of y.

        Returns
        -------
        float
            Standard deviation of the predicted residuals, in units of y.

        Raises
        ------
        TargetsError, FeaturesError, OptionError
            As `find_label_issues`.
        """
        numbers = check_numbers("residual", residual)
        return self._aleatoric(self._folds(_features(X, len(numbers)), None), numbers)

    def predict(self, X: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the model's predictions, shape (N,); further arguments are passed on."""
        return self.model.predict(_as_array(X), *args, **kwargs)

    def score(self, X: Any, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the model's own score, by default R squared.

        Parameters
        ----------
        X : array-like, N rows
            Features.
        y : array-like of float, shape (N,)
            Labels to compare with.
        sample_weight : array-like of float, shape (N,), optional
            Weights.

        Returns
        -------
        float
            High is good.
        """
        features = _as_array(X)
        if not hasattr(self.model, "score"):
            return float(r2_score(y, self.model.predict(features), sample_weight=sample_weight))
        if "sample_weight" in inspect.signature(self.model.score).parameters:
            return float(self.model.score(features, y, sample_weight=sample_weight))
        return float(self.model.score(features, y))

    def save_space(self) -> None:
        """Forget everything but the trained model."""
        self._forget()

    def _forget(self) -> None:
        self.label_issues_df = None
        self.label_issues_mask = None
        self.k = None

    def _tell(self, line: str) -> None:
        if self.verbose:
            write_lines(line)

    def _folds(
        self, features: Any, model_kwargs: Mapping[str, Any] | None, groups: UInt64Array | None = None
    ) -> Folds:
        random = None if self.seed is None else np.random.RandomState(self.seed)  # scikit-learn's own draws
        return Folds(features, self.model, model_kwargs or {}, random, groups)

    def _epistemic(self, folds: Folds, targets: Targets, predicted: FloatArray | None) -> FloatArray:
        if self.n_boot == 0:
            return np.zeros(len(targets))
        runs = [folds.predict(targets, BOOT_FOLDS) for _ in range(self.n_boot)]
        return np.asarray(np.std(runs if predicted is None else [*runs, predicted], axis=0))

    def _aleatoric(self, folds: Folds, residual: Targets) -> float:
        return float(np.std(folds.predict(residual, self.cv_n_folds)))

    def _check_weights(self, sample_weight: npt.ArrayLike | None, kwargs: Mapping[str, Any]) -> None:
        if "sample_weight" in kwargs:
            msg = "`model_kwargs` must not hold 'sample_weight'. Hint: pass `sample_weight` to fit."
            raise OptionError(msg)
        if sample_weight is None:
            return
        if "sample_weight" not in inspect.signature(self.model.fit).parameters:
            msg = f"`sample_weight` must be left out: {type(self.model).__name__}.fit takes no weights."
            raise OptionError(msg)
        if isinstance(sample_weight, list):
            msg = "`sample_weight` must be an array; got list. Hint: np.asarray(sample_weight)."
            raise OptionTypeError(msg)


def _as_array(X: Any) -> Any:
    return X if sparse.issparse(X) else np.asarray(X)


def _features(X: Any, n_rows: int) -> Any:
    """Return features as an array with one row for each label; sparse ones by rows."""
    if X is not None:
        X = X.tocsr() if sparse.issparse(X) else np.asarray(X)
    check_features(X, n_rows)
    return X


def _given_frame(label_issues: Any, targets: Targets) -> pd.DataFrame:
    """Return label issues in a frame of our own, with the given labels."""
    if isinstance(label_issues, pd.Series):
        label_issues = label_issues.to_numpy()
    if isinstance(label_issues, np.ndarray) and label_issues.dtype != np.bool_:
        msg = f"`label_issues` must be a DataFrame, or truth values; got dtype {label_issues.dtype}."
        raise IssuesError(msg)
    frame = frame_of(label_issues, targets)
    if "given_label" not in frame:
        frame["given_label"] = targets
    return frame


def _frame(
    targets: Targets, predicted: FloatArray, residual: FloatArray, uncertainty: FloatArray, share: float
) -> pd.DataFrame:
    """Return what was found about each label; the `share` of lowest quality are issues."""
    distances = np.abs(residual / (uncertainty + TINY))
    quality = decay(distances / max(float(np.median(distances)), TINY))
    mask = np.zeros(len(targets), dtype=bool)
    mask[np.argsort(quality, kind="stable")[: math.ceil(len(targets) * share)]] = True
    whole = targets.dtype == np.int64
    return pd.DataFrame(
        {
            "is_label_issue": mask,
            "label_quality": quality,
            "given_label": targets,
            "predicted_label": predicted.astype(np.int64) if whole else predicted,
        }
    )
