"""How typical an example is of the data: by the distance to its neighbours, or by its predicted probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from labelhealth.core._check import check_given, check_probs
from labelhealth.core._check_options import check_choice, check_thresholds
from labelhealth.core._constants import TOLERANCE
from labelhealth.core._data_entropy import PROBS_SCORES, Gen
from labelhealth.core._data_graph import (
    check_vectors,
    closeness,
    graph_of,
    make_searcher,
    rounding_of,
    scale_of,
)
from labelhealth.core._scores import adjust
from labelhealth.core._stdout import write_lines
from labelhealth.core._sums import thresholds_of
from labelhealth.core._types import FloatArray, LabelsLike
from labelhealth.core._warn import warn_user
from labelhealth.core.errors import FeaturesError, LabelsError, OptionError, OptionTypeError, PredProbsError

__all__ = ["OutOfDistribution"]

NEIGHBORS = 10  # looked at unless the caller says otherwise
DEFAULTS: dict[str, Any] = {
    "k": None,
    "t": 1,
    "knn": None,
    "method": "entropy",
    "adjust_pred_probs": True,
    "confident_thresholds": None,
    "M": 100,
    "gamma": 0.1,
}


class OutOfDistribution:
    """Scores of how typical examples are, from features or from predicted probabilities; low means an outlier.

    Parameters
    ----------
    params : mapping, optional
        Any of these. For features: `k` (neighbours to average over, by default 10 or N - 1), `t` (how fast scores fall
        with distance, by default 1), `knn` (a scikit-learn `NearestNeighbors` to use). For probabilities: `method`
        ("entropy", the default, "least_confidence" or "gen"), `adjust_pred_probs` (whether class thresholds are
        subtracted first, by default True), `confident_thresholds` (shape (K,), known already), and, of "gen" only, `M`
        (highest probabilities that count, by default 100) and `gamma` (exponent, by default 0.1).

    Attributes
    ----------
    params : dict
        The parameters; `fit` adds what it has learnt: `knn` and `scaling_factor` (a distance), or
        `confident_thresholds`.

    Raises
    ------
    OptionError
        If a parameter is unknown or out of its range.

    Notes
    -----
    Of features with more than three columns directions are compared (cosine distance), else points (Euclidean
    distance). The score is exp(-t d / s): d the mean distance to the k nearest other examples, s its median in the
    first data scored. Exact copies count as neighbours at distance 0.

    `score` on the data of `fit` itself counts each example as its own neighbour; use `fit_score` for these.

    References
    ----------
    Kuan & Mueller (2022), Back to the Basics: Revisiting Out-of-Distribution Detection Baselines, ICML PODS workshop.
    Liu, Lochman & Zach (2023), GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection, CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> ood = OutOfDistribution({"k": 1})
    >>> ood.fit_score(features=np.array([[0.0], [1.0], [2.0], [5.0]]), verbose=False).round(3)
    array([0.368, 0.368, 0.368, 0.05 ])
    >>> ood.score(features=np.array([[3.0]])).round(3)
    array([0.368])
    """

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        if params is not None and not isinstance(params, Mapping):
            msg = f"`params` must be a dictionary; got {type(params).__name__}."
            raise OptionTypeError(msg)
        given = dict(params or {})
        if unknown := [key for key in given if key not in DEFAULTS]:
            msg = f"`params` may have the keys {', '.join(DEFAULTS)}; got {unknown[0]!r}."
            raise OptionError(msg)
        self.params: dict[str, Any] = {**DEFAULTS, "scaling_factor": None, **given}
        _check_params(self.params)

    def fit_score(
        self,
        *,
        features: npt.NDArray[Any] | None = None,
        pred_probs: FloatArray | None = None,
        labels: LabelsLike | None = None,
        verbose: bool = True,
    ) -> FloatArray:
        """Learn from data and score the same; if something was learnt before, only score.

        Parameters
        ----------
        features : array-like of float, shape (N, D), optional
            Vectors; either these or `pred_probs`.
        pred_probs : ndarray of float, shape (N, K), optional
            Out-of-sample probabilities.
        labels : array-like of int, shape (N,), optional
            Given classes; needed for thresholds that adjust the probabilities.
        verbose : bool, default True
            Whether to write what is fitted.

        Returns
        -------
        ndarray of float64, shape (N,)
            Scores, in [0, 1]; "gen" may go below 0. Low means an outlier.

        Raises
        ------
        OptionError
            If not exactly one of features and probabilities is given, or k is not below the number of rows.
        FeaturesError, PredProbsError, LabelsError
            If the data are invalid or do not fit each other, or labels are missing.

        Warns
        -----
        UserWarning
            If something was learnt before, there is nothing to learn, labels are not used, or k is reduced.
        """
        _check_either(features, pred_probs)
        scores = self._learn(features, pred_probs, labels, verbose=verbose)
        return self.score(features=features, pred_probs=pred_probs) if scores is None else scores

    def fit(
        self,
        *,
        features: npt.NDArray[Any] | None = None,
        pred_probs: FloatArray | None = None,
        labels: LabelsLike | None = None,
        verbose: bool = True,
    ) -> None:
        """Learn from data; if something was learnt before, nothing changes.

        Parameters
        ----------
        features, pred_probs, labels, verbose
            As in `fit_score`.

        Raises
        ------
        OptionError, FeaturesError, PredProbsError, LabelsError
            As `fit_score`.

        Warns
        -----
        UserWarning
            As `fit_score`.
        """
        _check_either(features, pred_probs)
        self._learn(features, pred_probs, labels, verbose=verbose)

    def score(
        self, *, features: npt.NDArray[Any] | None = None, pred_probs: FloatArray | None = None
    ) -> FloatArray:
        """Score data by what was learnt before.

        Parameters
        ----------
        features : array-like of float, shape (N, D), optional
            Vectors; either these or `pred_probs`.
        pred_probs : ndarray of float, shape (N, K), optional
            Out-of-sample probabilities.

        Returns
        -------
        ndarray of float64, shape (N,)
            Scores; low means an outlier.

        Raises
        ------
        OptionError
            If not exactly one of features and probabilities is given, or nothing was learnt before.
        FeaturesError, PredProbsError, MatrixError
            If the data are invalid, or do not fit what was learnt.

        Warns
        -----
        UserWarning
            If k is reduced to the number of neighbours of `knn`.
        """
        _check_either(features, pred_probs)
        return self._score_probs(pred_probs) if pred_probs is not None else self._score_features(features)

    def _learn(
        self,
        features: npt.NDArray[Any] | None,
        pred_probs: FloatArray | None,
        labels: LabelsLike | None,
        *,
        verbose: bool,
    ) -> FloatArray | None:
        """Learn, and return the scores of the data themselves if there was something to learn."""
        if features is not None:
            return self._learn_features(features, verbose=verbose)
        probs = _checked_probs(pred_probs, self.params["method"])
        return self._learn_probs(probs, labels, verbose=verbose)

    def _learn_features(self, features: npt.NDArray[Any], *, verbose: bool) -> FloatArray | None:
        vectors = check_vectors(features)
        if self.params["knn"] is not None:
            warn_user("`knn` is there already: features are only scored with it. Hint: call `score`.")
            if not _is_fitted(self.params["knn"]):
                self.params["knn"].fit(vectors)
            return None
        _say(verbose, "Finding the neighbors of the features ...")
        k = self.params["k"] or min(NEIGHBORS, len(vectors) - 1)
        searcher = make_searcher(vectors, k)
        distances = graph_of(searcher, vectors, k).distances.mean(axis=1)
        self.params["knn"], self.params["scaling_factor"] = searcher, scale_of(distances)
        return self._closeness(distances)

    def _learn_probs(
        self, pred_probs: FloatArray, labels: LabelsLike | None, *, verbose: bool
    ) -> FloatArray | None:
        if not self.params["adjust_pred_probs"]:
            if labels is not None:
                warn_user("`labels` are not used with `adjust_pred_probs` False.")
            warn_user("There is nothing to learn with `adjust_pred_probs` False. Hint: call `score`.")
            return None
        if self.params["confident_thresholds"] is not None:
            warn_user(
                "`confident_thresholds` are there already: probabilities are only scored. Hint: call `score`."
            )
            return None
        if labels is None:
            msg = "`labels` must be given to adjust `pred_probs`; got None. Hint: or set `adjust_pred_probs` to False."
            raise LabelsError(msg)
        given = check_given(labels, pred_probs)
        _say(verbose, "Finding the confident thresholds of the probabilities ...")
        self.params["confident_thresholds"] = thresholds_of(given.sums, given.pred_probs.dtype)
        return self._score_probs(pred_probs)

    def _score_features(self, features: Any) -> FloatArray:
        vectors, searcher = check_vectors(features), self.params["knn"]
        if searcher is None or not _is_fitted(searcher):
            msg = (
                "`fit` must be called with features before they are scored; got nothing learnt from features."
            )
            raise OptionError(msg)
        if vectors.shape[1] != searcher.n_features_in_:
            msg = f"`features` must have {searcher.n_features_in_} columns, as in `fit`; got {vectors.shape[1]}."
            raise FeaturesError(msg)
        k = self.params["k"] or searcher.n_neighbors
        if k > searcher.n_neighbors:
            warn_user(
                f"`k` = {k} is reduced to the {searcher.n_neighbors} neighbors that `knn` was made for."
            )
            k = searcher.n_neighbors
        distances = searcher.kneighbors(vectors, n_neighbors=k)[0].mean(axis=1)
        if self.params["scaling_factor"] is None:
            self.params["scaling_factor"] = scale_of(distances)
        return self._closeness(distances)

    def _closeness(self, distances: FloatArray) -> FloatArray:
        searcher = self.params["knn"]
        rounding = rounding_of(searcher.metric, searcher.p)
        return closeness(distances, self.params["scaling_factor"], self.params["t"], rounding)

    def _score_probs(self, pred_probs: FloatArray) -> FloatArray:
        probs = _checked_probs(pred_probs, self.params["method"])
        if self.params["adjust_pred_probs"]:
            if self.params["confident_thresholds"] is None:
                msg = (
                    "`fit` must be called with pred_probs and labels before they are scored; got no thresholds."
                    " Hint: or set `adjust_pred_probs` to False."
                )
                raise OptionError(msg)
            probs = adjust(probs, check_thresholds(self.params["confident_thresholds"], probs.shape[1]))
        score = PROBS_SCORES[check_choice("method", self.params["method"], tuple(PROBS_SCORES))]
        return score(probs, Gen(self.params["M"], self.params["gamma"]))


def _check_params(params: Mapping[str, Any]) -> None:
    """Reject parameters out of their range."""
    check_choice("method", params["method"], tuple(PROBS_SCORES))
    for name, lowest in (("k", 0), ("M", 1)):
        value = params[name]
        is_unset = name == "k" and value is None
        if not is_unset and not (isinstance(value, int | np.integer) and value >= lowest):
            msg = f"`{name}` must be a whole number of {lowest} or more; got {value!r}."
            raise OptionError(msg)
    for name in ("t", "gamma"):
        value = params[name]
        if not (isinstance(value, int | float | np.number) and math.isfinite(value) and value >= 0):
            msg = f"`{name}` must be a finite number of 0 or more; got {value!r}."
            raise OptionError(msg)


def _check_either(features: object, pred_probs: object) -> None:
    if (features is None) == (pred_probs is None):
        msg = f"`features` or `pred_probs` must be given; got {'neither' if features is None else 'both'}."
        raise OptionError(msg)


def _checked_probs(pred_probs: Any, method: str) -> FloatArray:
    probs = check_probs(pred_probs, tolerance=0.0 if method == "entropy" else TOLERANCE)
    if len(probs) == 0:
        msg = "`pred_probs` must not be empty; got 0 rows."
        raise PredProbsError(msg)
    return probs


def _is_fitted(searcher: Any) -> bool:
    try:
        check_is_fitted(searcher)
    except NotFittedError:
        return False
    return True


def _say(verbose: bool, line: str) -> None:
    if verbose:
        write_lines(line)
