"""Options of the stage that predicts each row's class by a model which did not see the row."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, JsonValue, field_validator

from labelhealth.configs.base import Options

_DOTTED_NAME = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"


class FoldOptions(Options):
    """How rows are shared out over the folds of cross-validation."""

    scheme: Literal["identity", "grouped", "stratified", "time"] = "identity"
    """What decides a row's fold: `identity` a hash of its features, so that duplicates stay together and
    folds stay put when rows are added; `grouped` a hash of the group column; `stratified` shuffled class by
    class as scikit-learn does; `time` the time column, each fold predicted from strictly earlier rows."""
    n_folds: int = Field(default=5, ge=2, le=50)
    """Number of folds, 2 to 50; as many models are fitted."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of folds and models, 0 to 2**32 - 1. The time scheme does not use it for the folds."""


class EstimatorOptions(Options):
    """Which scikit-learn compatible classifier predicts, and what it is fed."""

    name: str = Field(default="auto", pattern=_DOTTED_NAME, max_length=200)
    """`auto`, the class name of a scikit-learn classifier (`LogisticRegression`), or the dotted path of any
    scikit-learn compatible one (`package.module.Class`)."""
    params: dict[str, JsonValue] = Field(default_factory=dict, max_length=100)
    """Arguments of the classifier's constructor: JSON values; an estimator as value is written as
    `{"class": name, "params": {...}}`. Must be empty with `auto`."""
    preprocessing: Literal["auto", "none"] = "auto"
    """`auto` imputes, scales and encodes inside each training fold; `none` hands the classifier a DataFrame
    of the feature columns, missing values included."""
    dtype: Literal["float64", "float32"] = "float64"
    """Type of the stored probabilities; `float32` halves memory and disk."""

    @field_validator("params")
    @classmethod
    def _check_params(cls, params: dict[str, JsonValue], info: object) -> dict[str, JsonValue]:
        if params and getattr(info, "data", {}).get("name") == "auto":
            msg = "`params` must be empty with name 'auto'. Hint: name the classifier that they belong to."
            raise ValueError(msg)
        _check_values(params, "params")
        return params


class ProbabilityOptions(Options):
    """How the out-of-sample probabilities are made."""

    folds: FoldOptions = Field(default_factory=FoldOptions)
    """The folds of cross-validation."""
    estimator: EstimatorOptions = Field(default_factory=EstimatorOptions)
    """The classifier."""
    max_train_rows: int | None = Field(default=None, ge=10)
    """Most rows that each fold's model learns from, 10 or more: a sample of every class, drawn by a hash of the rows.
    All rows of the other folds unless given. Every row is predicted all the same."""

    def n_rows_to_learn(self, n_labelled: int) -> int:
        """Return how many of the labelled rows a model can learn from at most; the choice of `auto` depends on it."""
        return n_labelled if self.max_train_rows is None else min(n_labelled, self.max_train_rows)


def _check_values(value: JsonValue, where: str) -> None:
    """Refuse numbers that JSON cannot hold and estimators that are not written as class and params."""
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"`{where}` must be finite; got {value}."
        raise ValueError(msg)
    if isinstance(value, list):
        for position, item in enumerate(value):
            _check_values(item, f"{where}[{position}]")
    if isinstance(value, dict):
        if "class" in value:
            _check_nested(value, where)
        for key, item in value.items():
            _check_values(item, f"{where}.{key}")


def _check_nested(value: dict[str, JsonValue], where: str) -> None:
    extra = sorted(set(value) - {"class", "params"})
    if extra or not isinstance(value["class"], str) or not isinstance(value.get("params", {}), dict):
        msg = f"`{where}` must be an estimator as {{'class': name, 'params': {{...}}}}; got {value!r:.200}."
        raise ValueError(msg)
