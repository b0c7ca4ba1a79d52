"""A classifier trained on the examples whose labels look right."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

from labelhealth.core._check import check_features, check_given, check_labels
from labelhealth.core._clean_estimates import (
    Learning,
    Noise,
    check_noise_matrix,
    check_pulearning,
    count_classes,
)
from labelhealth.core._final_training import (
    check_weights,
    given_weights,
    selected,
    takes_weights,
    weights_by_class,
)
from labelhealth.core._label_issues_frame import Issues, frame_of, issues_frame
from labelhealth.core._learning_search import search_by_filter, search_in_batches
from labelhealth.core._training import Classifier, ValidationFunc
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core._warn import warn_user
from labelhealth.core.errors import (
    ClassifierError,
    FeaturesError,
    LabelsError,
    OptionError,
)
from labelhealth.core.rank import get_label_quality_scores

__all__ = ["CleanLearning"]

MIN_EXAMPLES = 10  # classes of so many examples or fewer are not judged, unless the caller says otherwise
ESTIMATES = ("py", "ps", "noise_matrix", "inverse_noise_matrix", "confident_joint", "num_classes")
RESULTS = ("label_issues_df", "label_issues_mask", "sample_weight", "clf_kwargs", "clf_final_kwargs")


class CleanLearning(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Confident learning around any classifier: finds label issues by cross-validation, then trains on the rest.

    Parameters
    ----------
    clf : classifier, optional
        Has `fit`, `predict_proba` and `predict`, and can be cloned by scikit-learn. If left out, a logistic regression,
        and features of more than two dimensions are flattened.
    seed : int, optional
        Seed of the folds. NumPy's global generator is never seeded.
    cv_n_folds : int, default 5
        Number of stratified, shuffled folds.
    converge_latent_estimates : bool, default False
        Whether the noise estimates are made consistent with each other; see `count.estimate_latent`.
    pulearning : {0, 1}, optional
        Of two classes, the one whose true examples all carry its label (positive-unlabeled learning).
    find_label_issues_kwargs : dict, optional
        Arguments of `filter.find_label_issues`. Unless they say otherwise, classes of up to 10 examples are not judged.
    label_quality_scores_kwargs : dict, optional
        Arguments of `rank.get_label_quality_scores`.
    verbose : bool, default False
        Accepted for compatibility.
    low_memory : bool, default False
        Find label issues by `label_issues_batched.find_label_issues_batched`; noise is then not estimated.

    Attributes
    ----------
    label_issues_df : DataFrame or None
        See `get_label_issues`.
    label_issues_mask : Series or ndarray of bool, shape (N,), or None
        Its first column.
    noise_matrix, inverse_noise_matrix : ndarray of float, shape (K, K), or None
        P(given | true) and P(true | given), columns sum to 1.
    confident_joint : ndarray of int, shape (K, K), or None
        Counts, rows = given label.
    py, ps : ndarray of float, shape (K,), or None
        Distributions of true and of given labels.
    sample_weight : Series of float, length N, or None
        Weights of the last training, 0 for rows that were left out.

    Raises
    ------
    ClassifierError
        If the classifier lacks a method.
    OptionError
        If `pulearning` is not 0, 1 or None.

    Notes
    -----
    Every search for issues starts from the data that it is given: nothing that was estimated before is used again. Only
    `fit` with `label_issues` takes the noise matrix of the search before, if its labels had the same class shares.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), Confident Learning, JAIR 70.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> true = np.repeat([0, 1], 50)
    >>> X = rng.normal(0, 1, (100, 2)) + 4 * true[:, None]
    >>> labels = true.copy()
    >>> labels[:3] = 1
    >>> cl = CleanLearning(seed=0).fit(X, labels)
    >>> np.flatnonzero(cl.get_label_issues()["is_label_issue"]).tolist()
    [0, 1, 2]
    >>> float(cl.score(X, true))
    1.0
    """

    label_issues_df: pd.DataFrame | None
    label_issues_mask: Any
    sample_weight: Any
    noise_matrix: FloatArray | None
    inverse_noise_matrix: FloatArray | None
    confident_joint: IntArray | None
    py: FloatArray | None
    ps: FloatArray | None
    num_classes: int | None

    def __init__(
        self,
        clf: Any = None,
        *,
        seed: int | None = None,
        cv_n_folds: int = 5,
        converge_latent_estimates: bool = False,
        pulearning: int | None = None,
        find_label_issues_kwargs: dict[str, Any] = {},  # noqa: B006 (never changed, and left out of the repr)
        label_quality_scores_kwargs: dict[str, Any] = {},  # noqa: B006
        verbose: bool = False,
        low_memory: bool = False,
    ) -> None:
        self._is_default = clf is None
        self.clf = LogisticRegression() if clf is None else clf
        for method in ("fit", "predict_proba", "predict"):
            if not hasattr(self.clf, method):
                got = f"{type(clf).__name__} without {method}"
                msg = f"`clf` must have the methods fit, predict_proba and predict; got {got}."
                raise ClassifierError(msg)
        check_pulearning(pulearning)
        self.seed = seed
        self.cv_n_folds = cv_n_folds
        self.converge_latent_estimates = converge_latent_estimates
        self.pulearning = pulearning
        self.find_label_issues_kwargs: Any = find_label_issues_kwargs
        self.label_quality_scores_kwargs: Any = label_quality_scores_kwargs
        self.verbose = verbose
        self.low_memory = low_memory
        self._is_fitted = False
        self._forget((*ESTIMATES, *RESULTS))

    def fit(
        self,
        X: Any,
        labels: LabelsLike | None = None,
        *,
        pred_probs: FloatArray | None = None,
        thresholds: npt.ArrayLike | None = None,
        noise_matrix: npt.ArrayLike | None = None,
        inverse_noise_matrix: npt.ArrayLike | None = None,
        label_issues: Issues | None = None,
        sample_weight: npt.ArrayLike | None = None,
        clf_kwargs: Mapping[str, Any] | None = None,
        clf_final_kwargs: Mapping[str, Any] | None = None,
        validation_func: ValidationFunc | None = None,
        y: LabelsLike | None = None,
    ) -> Self:
        """Find label issues unless they are given, and train the classifier on the other examples.

        Parameters
        ----------
        X : array-like, DataFrame, sparse matrix or torch dataset, N rows
            Features.
        labels : array-like of int, shape (N,)
            Given class of each example, in 0..K-1.
        pred_probs : ndarray of float, shape (N, K), optional
            Out-of-sample probabilities; by cross-validation if left out.
        thresholds : array-like of float, shape (K,), optional
            Confident thresholds.
        noise_matrix, inverse_noise_matrix : array-like of float, shape (K, K), optional
            P(given | true) and P(true | given), columns sum to 1, trace above 1; estimated if left out.
        label_issues : DataFrame, or ndarray of bool, shape (N,), or of int, shape (M,), optional
            What `find_label_issues` returned, or a mask, or the rows to leave out.
        sample_weight : array-like of float, shape (N,), optional
            Weights of the final training; if left out, and the classifier takes weights, 1 / P(given k | true k).
        clf_kwargs, clf_final_kwargs : mapping, optional
            Further arguments of `clf.fit`: in every training, and in the final one.
        validation_func : callable, optional
            See `count.estimate_cv_predicted_probabilities`; not used in the final training.
        y : array-like of int, shape (N,), optional
            Another name for `labels`.

        Returns
        -------
        CleanLearning
            Itself.

        Raises
        ------
        LabelsError, PredProbsError, FeaturesError, MatrixError
            If the data are invalid or do not fit each other.
        IssuesError
            If `label_issues` do not fit the labels.
        OptionError
            If labels are given twice, or weights where the classifier takes none.
        """
        if (labels is None) == (y is None):
            msg = f"`labels` or `y` must be given, not both; got {'neither' if labels is None else 'both'}."
            raise LabelsError(msg)
        labels = y if labels is None else labels
        fit_kwargs, final_kwargs = dict(clf_kwargs or {}), {**(clf_kwargs or {}), **(clf_final_kwargs or {})}
        check_weights(self.clf, sample_weight, fit_kwargs)
        if label_issues is None:
            frame = self._find(
                X,
                cast("LabelsLike", labels),
                pred_probs,
                Noise(
                    noise_matrix=check_noise_matrix("noise_matrix", noise_matrix),
                    inverse_noise_matrix=check_noise_matrix("inverse_noise_matrix", inverse_noise_matrix),
                ),
                thresholds,
                fit_kwargs,
                validation_func,
            )
            codes = check_labels(cast("LabelsLike", labels))
        else:
            codes = self._checked(X, cast("LabelsLike", labels), pred_probs)
            self._forget(RESULTS if self._knows(codes) else (*ESTIMATES, *RESULTS))
            frame = frame_of(label_issues, codes)
            self.num_classes = int(codes.max()) + 1 if pred_probs is None else int(pred_probs.shape[1])
        if "label_quality" not in frame and pred_probs is not None:
            frame["label_quality"] = get_label_quality_scores(
                codes, pred_probs, **(self.label_quality_scores_kwargs or {})
            )
        self.clf_kwargs, self.clf_final_kwargs = fit_kwargs, final_kwargs
        self._train(X, codes, frame, sample_weight, final_kwargs)
        self._is_fitted = True
        return self

    def find_label_issues(
        self,
        X: Any = None,
        labels: LabelsLike | None = None,
        *,
        pred_probs: FloatArray | None = None,
        thresholds: npt.ArrayLike | None = None,
        noise_matrix: npt.ArrayLike | None = None,
        inverse_noise_matrix: npt.ArrayLike | None = None,
        save_space: bool = False,
        clf_kwargs: Mapping[str, Any] | None = None,
        validation_func: ValidationFunc | None = None,
    ) -> pd.DataFrame:
        """Find label issues, without training a final classifier.

        Parameters
        ----------
        X, labels, pred_probs, thresholds, noise_matrix, inverse_noise_matrix, clf_kwargs, validation_func
            As in `fit`; `X` is needed only without `pred_probs`.
        save_space : bool, default False
            Whether the result is not kept in the object.

        Returns
        -------
        DataFrame, N rows
            See `get_label_issues`.

        Raises
        ------
        LabelsError, PredProbsError, FeaturesError, MatrixError, OptionError
            As `fit`.

        Warns
        -----
        UserWarning
            If features are given beside probabilities, which are used alone.
        """
        known = Noise(
            noise_matrix=check_noise_matrix("noise_matrix", noise_matrix),
            inverse_noise_matrix=check_noise_matrix("inverse_noise_matrix", inverse_noise_matrix),
        )
        if X is not None and pred_probs is not None:
            warn_user("`X` is not used to find label issues when `pred_probs` are given.")
        kwargs = dict(clf_kwargs or {})
        frame = self._find(
            X, cast("LabelsLike", labels), pred_probs, known, thresholds, kwargs, validation_func
        )
        if save_space:
            self._forget(RESULTS)
        return frame

    def get_label_issues(self) -> pd.DataFrame | None:
        """Return what was found about each label.

        Returns
        -------
        DataFrame, N rows, or None
            `is_label_issue` (bool), `label_quality` (in [0, 1], low means suspicious), `given_label`, `predicted_label`
            (class numbers) and, after a training with automatic weights, `sample_weight`. None if nothing was found.

        Warns
        -----
        UserWarning
            If nothing was found yet.
        """
        if self.label_issues_df is None:
            warn_user("Label issues are not known yet: call `find_label_issues` or `fit` first.")
        return self.label_issues_df

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the classifier's predictions; all arguments are passed on."""
        return self.clf.predict(*self._flattened_first(args, kwargs), **kwargs)

    def predict_proba(self, *args: Any, **kwargs: Any) -> Any:
        """Return the classifier's probabilities, shape (N, K); all arguments are passed on."""
        return self.clf.predict_proba(*self._flattened_first(args, kwargs), **kwargs)

    def score(self, X: Any, y: LabelsLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the classifier's own score, by default the accuracy.

        Parameters
        ----------
        X : array-like, N rows
            Features.
        y : array-like of int, shape (N,)
            Labels to compare with.
        sample_weight : array-like of float, shape (N,), optional
            Weights.

        Returns
        -------
        float
            High is good.
        """
        features = self._flattened(X)
        if not hasattr(self.clf, "score"):
            return float(accuracy_score(y, self.clf.predict(features), sample_weight=sample_weight))
        if "sample_weight" in inspect.signature(self.clf.score).parameters:
            return float(self.clf.score(features, y, sample_weight=sample_weight))
        return float(self.clf.score(features, y))

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn whether the classifier was trained."""
        return self._is_fitted

    def save_space(self) -> None:
        """Forget everything but the trained classifier: prediction goes on, another `fit` needs another object."""
        self._forget((*ESTIMATES, *RESULTS))
        self.find_label_issues_kwargs = None
        self.label_quality_scores_kwargs = None

    def _find(
        self,
        X: Any,
        labels: LabelsLike,
        pred_probs: FloatArray | None,
        known: Noise,
        thresholds: npt.ArrayLike | None,
        clf_kwargs: Mapping[str, Any],
        validation_func: ValidationFunc | None,
    ) -> pd.DataFrame:
        """Find issues, and keep what was estimated on the way."""
        codes = self._checked(X, labels, pred_probs)
        options = self._filter_options()
        n_classes = count_classes(codes, pred_probs, known)
        if pred_probs is None and len(codes) / n_classes < self.cv_n_folds:
            msg = (
                f"`cv_n_folds` must be at most N / K = {len(codes) / n_classes:.3g}; got {self.cv_n_folds}."
                " Hint: more data, or fewer folds."
            )
            raise OptionError(msg)
        self._forget((*ESTIMATES, *RESULTS))
        learning = Learning(
            cast("Classifier", self.clf),
            self.cv_n_folds,
            self.seed,
            clf_kwargs,
            validation_func,
            self.converge_latent_estimates,
            thresholds,
            self.pulearning,
        )
        search = search_in_batches if self.low_memory else search_by_filter
        mask, probs, noise = search(self._flattened(X), codes, pred_probs, known, learning, options)
        scores = get_label_quality_scores(codes, probs, **(self.label_quality_scores_kwargs or {}))
        frame = issues_frame(mask, scores, codes, probs)
        if noise is not None:
            self._keep(noise, codes, n_classes)
        self.num_classes = n_classes
        self.label_issues_df, self.label_issues_mask = frame, frame["is_label_issue"]
        return frame

    def _checked(self, X: Any, labels: LabelsLike, pred_probs: FloatArray | None) -> IntArray:
        """Return clean labels that fit the probabilities or, without them, the features."""
        if pred_probs is not None:
            return check_given(labels, pred_probs, one_class=False).labels
        codes = check_labels(labels, one_class=False)
        check_features(X, len(codes))
        return codes

    def _filter_options(self) -> dict[str, Any]:
        """Return the arguments of the filter, and remember the defaults that they were completed with."""
        options = {"min_examples_per_class": MIN_EXAMPLES, **(self.find_label_issues_kwargs or {})}
        for key in ("return_indices_ranked_by", "multi_label"):
            if key in options:
                msg = (
                    f"`find_label_issues_kwargs` must not hold {key!r}: a mask of one label a row is needed."
                )
                raise OptionError(msg)
        self.find_label_issues_kwargs = dict(options)
        return options

    def _train(
        self,
        X: Any,
        labels: IntArray,
        frame: pd.DataFrame,
        sample_weight: npt.ArrayLike | None,
        final_kwargs: dict[str, Any],
    ) -> None:
        """Train the classifier on the rows that are no label issues."""
        kept = np.flatnonzero(~frame["is_label_issue"].to_numpy(dtype=bool))
        extra = {}
        if "sample_weight" not in final_kwargs and sample_weight is not None:
            extra["sample_weight"] = given_weights(sample_weight, len(labels))[kept]
        elif (
            "sample_weight" not in final_kwargs and self.noise_matrix is not None and takes_weights(self.clf)
        ):
            weights = weights_by_class(self.noise_matrix, labels, kept)
            frame["sample_weight"] = weights
            self.sample_weight = frame["sample_weight"]
            extra["sample_weight"] = weights[kept]
        self.label_issues_df, self.label_issues_mask = frame, frame["is_label_issue"].to_numpy()
        self.clf.fit(selected(self._flattened(X), kept), labels[kept], **final_kwargs, **extra)

    def _knows(self, labels: IntArray) -> bool:
        """Whether the estimates can be those of these labels: the shares of the classes are the same."""
        return self.ps is not None and np.array_equal(
            self.ps, np.bincount(labels, minlength=len(self.ps)) / len(labels)
        )

    def _keep(self, noise: Noise, labels: IntArray, n_classes: int) -> None:
        self.py, self.confident_joint = noise.py, noise.confident_joint
        self.noise_matrix, self.inverse_noise_matrix = noise.noise_matrix, noise.inverse_noise_matrix
        self.ps = np.bincount(labels, minlength=n_classes) / len(labels)

    def _forget(self, names: tuple[str, ...]) -> None:
        for name in names:
            setattr(self, name, None)

    def _flattened(self, X: Any) -> Any:
        """Return features of two dimensions, if the classifier is the default one."""
        if self._is_default and isinstance(X, np.ndarray) and X.ndim > 2:
            return X.reshape(len(X), -1)
        return X

    def _flattened_first(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not self._is_default:
            return args
        if args:
            return (self._flattened(args[0]), *args[1:])
        if "X" not in kwargs:
            msg = "`X` must be given; got no features to predict."
            raise FeaturesError(msg)
        kwargs["X"] = self._flattened(kwargs["X"])
        return args
