"""Regression models by name: which one is taken by default, and how one is made, with features that it can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labelhealth.core.errors import OptionError
from labelhealth.core.estimators import (
    Params,
    Preprocessing,
    _build,
    _preprocessor_for,
    _seeded,
)

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    from labelhealth.core.features import Kind

__all__ = ["choose_regressor", "make_regressor"]


def choose_regressor(kinds: Mapping[str, Kind]) -> tuple[str, dict[str, Any]]:
    """Return the name and parameters of the model that `auto` stands for.

    Parameters
    ----------
    kinds : mapping of str to Kind
        What each feature is.

    Returns
    -------
    name : str
        Class in scikit-learn.
    params : dict
        Arguments of its constructor.

    Notes
    -----
    With text or embeddings ridge regression; else histogram gradient boosting of the squared error: the share of wrong
    numbers is found by how much better the others are predicted without them, and the absolute error hardly improves.

    Examples
    --------
    >>> choose_regressor({"carat": "numeric"})[0]
    'HistGradientBoostingRegressor'
    """
    if not {"text", "embedding"}.isdisjoint(kinds.values()):
        return "Ridge", {"alpha": 10.0}
    return "HistGradientBoostingRegressor", {"early_stopping": False}


def make_regressor(
    name: str = "auto",
    params: Params | None = None,
    *,
    kinds: Mapping[str, Kind],
    seed: int,
    preprocessing: Preprocessing = "auto",
) -> Pipeline:
    """Return an unfitted model that reads `design_frame`'s columns and predicts a number.

    Parameters
    ----------
    name : str, default 'auto'
        `auto`, a regressor of scikit-learn, or the dotted path of any scikit-learn compatible one.
    params : mapping, optional
        Arguments of its constructor; ``{"class": name, "params": {...}}`` stands for an estimator.
    kinds : mapping of str to Kind
        What each feature is.
    seed : int
        For every `random_state`, nested ones too, that `params` leave open.
    preprocessing : {'auto', 'none'}, default 'auto'
        Whether `make_preprocessor` comes first.

    Returns
    -------
    Pipeline
        Steps `features` (unless none) and `regressor`.

    Raises
    ------
    OptionError
        If the name is unknown or no regressor, or a parameter is unknown or unfit.

    Examples
    --------
    >>> make_regressor("Ridge", kinds={"x": "numeric"}, seed=0).steps[-1][1]
    Ridge(random_state=0)
    """
    from sklearn.pipeline import Pipeline

    if name == "auto":
        if params:
            msg = (
                f"`params` must be empty with name 'auto'; got {', '.join(params)}. Hint: name the regressor."
            )
            raise OptionError(msg)
        name, params = choose_regressor(kinds)
    regressor = _check_regressor(_build(name, params or {}), name)
    steps: list[tuple[str, object]] = [("regressor", regressor)]
    if preprocessing == "auto":
        steps.insert(0, ("features", _preprocessor_for(regressor, kinds)))
    return _seeded(Pipeline(steps), seed)


def _check_regressor(estimator: BaseEstimator, name: str) -> BaseEstimator:
    from sklearn.base import is_regressor

    if not is_regressor(estimator):
        msg = f"`estimator` must be a regressor with task regression; got {name!r}. Hint: RegressorMixin makes one."
        raise OptionError(msg)
    return estimator
