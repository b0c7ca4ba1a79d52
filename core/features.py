"""Features as classifiers need them: one frame of plain columns, and a preprocessor made for their kinds.

`FeatureFrame` holds what a dataset gives; `design_frame` turns each value, by itself, into a number or a
string; `make_preprocessor` makes of these what a family of classifiers reads, fitted on training rows only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core._types import FloatArray
from labelhealth.core.errors import FeaturesError, OptionError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.compose import ColumnTransformer

__all__ = ["Family", "FeatureFrame", "Kind", "design_frame", "make_preprocessor"]

Kind: TypeAlias = Literal["numeric", "boolean", "categorical", "text", "datetime", "embedding"]
Family: TypeAlias = Literal["linear", "trees"]
ColumnSelector: TypeAlias = Callable[
    [pd.DataFrame], list[str]
]  # what ColumnTransformer asks when it is fitted
Step: TypeAlias = tuple[str, object, ColumnSelector]

RARE_CATEGORY_ROWS = 5  # a category seen less often shares one column with the other rare and the unseen ones
MAX_ONE_HOT_COLUMNS = 200  # of one feature: bounds width where a column is nearly unique
MAX_ORDINAL_CATEGORIES = 254  # what histogram gradient boosting can hold beside the missing value
TEXT_BUCKETS = 2**15  # hashed words and word pairs of a text column, before the projection
TEXT_DIMENSIONS = 256  # of the projection: what linear models and trees can both read
TEXT_WEIGHT = 48.0  # beside standardised columns; to standardise each dimension would blow up empty ones


@dataclass(frozen=True)
class FeatureFrame:
    """The features of N rows, column by column.

    Attributes
    ----------
    frame : DataFrame, N rows
        The scalar columns, missing values as pandas has them.
    embeddings : mapping of str to ndarray of float, shape (N, d)
        The vector columns; a missing vector is a row of NaN.
    kinds : mapping of str to Kind
        What each column is; its order is the order of the features.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [1.0, 2.0]})
    >>> features = FeatureFrame(frame, {"v": np.zeros((2, 3))}, {"age": "numeric", "v": "embedding"})
    >>> features.n_rows, features.n_columns
    (2, 4)
    """

    frame: pd.DataFrame
    embeddings: Mapping[str, FloatArray]
    kinds: Mapping[str, Kind]

    def __post_init__(self) -> None:
        """Refuse kinds that name other columns than there are, and columns of unequal length."""
        vectors = {name for name, kind in self.kinds.items() if kind == "embedding"}
        if vectors != set(self.embeddings) or set(self.kinds) - vectors != set(self.frame.columns):
            names = sorted(map(str, {*self.frame.columns, *self.embeddings}))
            msg = f"`kinds` must name every feature column; got {sorted(self.kinds)} for columns {names}."
            raise FeaturesError(msg)
        for name, vector in self.embeddings.items():
            if vector.ndim != 2 or len(vector) != self.n_rows:
                msg = f"`embeddings` must be (N, d) for N = {self.n_rows}; got {vector.shape} for {name!r}."
                raise FeaturesError(msg)

    @property
    def n_rows(self) -> int:
        """Return N."""
        if self.frame.shape[1] == 0 and self.embeddings:
            return len(next(iter(self.embeddings.values())))
        return len(self.frame)

    @property
    def n_columns(self) -> int:
        """Return the number of columns of `design_frame`."""
        return len(self.frame.columns) + sum(int(vector.shape[1]) for vector in self.embeddings.values())

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> FeatureFrame:
        """Return the given rows, as positions or as a mask of length N, in their order."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        frame = self.frame.iloc[positions] if len(self.frame) else self.frame
        vectors = {name: vector[positions] for name, vector in self.embeddings.items()}
        return FeatureFrame(frame, vectors, self.kinds)


def design_frame(features: FeatureFrame) -> pd.DataFrame:
    """Return the features as plain columns; each value depends on nothing but itself.

    Parameters
    ----------
    features : FeatureFrame
        N rows.

    Returns
    -------
    DataFrame, N rows, index 0..N-1
        numeric, boolean : float64, missing as NaN;
        datetime : float64 seconds since 1970 in UTC (or as if, without a time zone), missing as NaN;
        categorical : object of str, missing as NaN;
        text : object of str, missing as the empty string;
        embedding of dimension d : d float columns ``name[0]`` ... ``name[d-1]``.

    Raises
    ------
    FeaturesError
        If a column's values are not of its kind, or a name is taken twice.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"when": pd.to_datetime(["1970-01-02", None])})
    >>> design_frame(FeatureFrame(frame, {}, {"when": "datetime"}))["when"].tolist()
    [86400.0, nan]
    """
    parts = [_columns_of(features, name, kind) for name, kind in features.kinds.items()]
    if not parts:
        return pd.DataFrame(index=pd.RangeIndex(features.n_rows))
    frame = pd.concat(parts, axis=1)
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        msg = f"`features` must have distinct names; got {name!r} twice. Hint: rename or exclude that column."
        raise FeaturesError(msg)
    return frame


def make_preprocessor(
    kinds: Mapping[str, Kind], family: Family, *, sparse: bool = False
) -> ColumnTransformer:
    """Return an unfitted transformer from `design_frame`'s columns to numbers.

    Parameters
    ----------
    kinds : mapping of str to Kind
        What each feature is.
    family : {'linear', 'trees'}
        `linear`: numbers imputed by their mean, with an indicator, and standardised; categories one-hot.
        `trees`: numbers as they are, NaN included; categories numbered, missing ones -1.
        Both: text as 256 dimensions of its hashed, weighted words and word pairs.
    sparse : bool, default False
        Whether the result may be a sparse matrix, where that is smaller.

    Returns
    -------
    ColumnTransformer
        Scikit-learn's own transformers; to be fitted on training rows only.

    Raises
    ------
    OptionError
        If there is no feature, or a kind or the family is unknown.

    Notes
    -----
    Columns without a value in the training rows become constant; categories unseen there count as rare ones
    (`linear`) or as missing (`trees`).

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [1.0, None, 3.0], "sex": ["f", "m", "f"]})
    >>> numbers = make_preprocessor({"age": "numeric", "sex": "categorical"}, "trees")
    >>> numbers.fit_transform(design_frame(FeatureFrame(frame, {}, {"age": "numeric", "sex": "categorical"}))).shape
    (3, 2)
    """
    from sklearn.compose import ColumnTransformer

    if not kinds:
        msg = "`kinds` must name at least one feature; got none. Hint: list feature columns."
        raise OptionError(msg)
    if family not in _FAMILIES:
        msg = f"`family` must be one of {', '.join(_FAMILIES)}; got {family!r}."
        raise OptionError(msg)
    by_kind = {kind: [name for name in kinds if kinds[name] == kind] for kind in _COLUMNS}
    if unknown := sorted(set(kinds.values()) - set(by_kind)):
        msg = f"`kinds` must be of {', '.join(by_kind)}; got {unknown[0]!r}."
        raise OptionError(msg)
    numbers = [*by_kind["numeric"], *by_kind["boolean"], *by_kind["datetime"]]
    number_steps, make_category = _FAMILIES[family]
    steps: list[tuple[str, object, object]] = []
    if by_kind["categorical"]:
        steps.append(("categories", make_category(), by_kind["categorical"]))
    if numbers:
        steps += number_steps("numbers", partial(_named_columns, names=numbers), True)
    for place, name in enumerate(by_kind["text"]):
        steps.append((f"text_{place}", _text_projection(), name))
    for place, name in enumerate(by_kind["embedding"]):
        steps += number_steps(f"embedding_{place}", partial(_vector_columns, name=name), False)
    weights = {f"text_{place}": TEXT_WEIGHT for place in range(len(by_kind["text"]))}
    return ColumnTransformer(steps, sparse_threshold=0.3 if sparse else 0.0, transformer_weights=weights)


def _columns_of(features: FeatureFrame, name: str, kind: Kind) -> pd.DataFrame:
    if kind == "embedding":
        vector = features.embeddings[name]
        wide = vector.astype(np.float32) if vector.dtype == np.float16 else vector  # sums of halves overflow
        return pd.DataFrame(wide, columns=[f"{name}[{place}]" for place in range(wide.shape[1])])
    if kind not in _COLUMNS:
        msg = f"`kinds` must be of {', '.join(_COLUMNS)}; got {kind!r} for {name!r}."
        raise FeaturesError(msg)
    try:
        values = _COLUMNS[kind](features.frame[name])
    except (TypeError, ValueError) as error:
        msg = f"`features` must hold {kind} values in {name!r}; got {features.frame[name].dtype}: {error}"
        raise FeaturesError(msg) from error
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype)})


def _numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _booleans(column: pd.Series) -> npt.NDArray[np.float64]:
    return _numbers(column.astype("boolean"))


def _seconds(column: pd.Series) -> npt.NDArray[np.float64]:
    moments = pd.to_datetime(column, utc=True)
    return _numbers((moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1))


def _strings(column: pd.Series) -> npt.NDArray[np.object_]:
    codes, values = pd.factorize(column)
    names = np.array([*map(str, values), np.nan], dtype=object)
    return names[codes]


def _texts(column: pd.Series) -> npt.NDArray[np.object_]:
    strings = _strings(column)
    strings[column.isna().to_numpy()] = ""
    return strings


_COLUMNS: dict[str, Callable[[pd.Series], npt.NDArray[np.generic]]] = {
    "numeric": _numbers,
    "boolean": _booleans,
    "categorical": _strings,
    "text": _texts,
    "datetime": _seconds,
    "embedding": _numbers,
}


def _named_columns(_frame: pd.DataFrame, names: list[str]) -> list[str]:
    return names


def _vector_columns(frame: pd.DataFrame, name: str) -> list[str]:
    pattern = re.compile(rf"{re.escape(name)}\[\d+\]")
    return [column for column in frame.columns if pattern.fullmatch(column)]


def _filled_columns(frame: pd.DataFrame, select: ColumnSelector, filled: bool) -> list[str]:
    """Return those of the selected columns that have a value in the training rows, or those without."""
    columns = select(frame)
    return [
        name
        for name, is_filled in zip(columns, frame[columns].notna().any(), strict=True)
        if is_filled == filled
    ]


def _scaled_numbers(step: str, select: ColumnSelector, with_indicator: bool) -> list[Step]:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="mean", keep_empty_features=True, add_indicator=with_indicator)
    return [(step, make_pipeline(imputer, StandardScaler()), select)]


def _plain_numbers(step: str, select: ColumnSelector, _with_indicator: bool) -> list[Step]:
    """Pass numbers on; histogram gradient boosting fails on a column of NaN alone, so that becomes zeros."""
    from sklearn.impute import SimpleImputer

    zeros = SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)
    return [
        (step, "passthrough", partial(_filled_columns, select=select, filled=True)),
        (f"{step}_empty", zeros, partial(_filled_columns, select=select, filled=False)),
    ]


def _one_hot_categories() -> BaseEstimator:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=RARE_CATEGORY_ROWS,
        max_categories=MAX_ONE_HOT_COLUMNS,
    )


def _numbered_categories() -> BaseEstimator:
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=-1,
        encoded_missing_value=-1,  # not NaN: see _plain_numbers
        max_categories=MAX_ORDINAL_CATEGORIES,
    )


_FAMILIES: dict[str, tuple[Callable[[str, ColumnSelector, bool], list[Step]], Callable[[], object]]] = {
    "linear": (_scaled_numbers, _one_hot_categories),
    "trees": (_plain_numbers, _numbered_categories),
}


def _text_projection() -> BaseEstimator:
    """Hash first: a column without a single word is no special case then, and memory is bounded."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.pipeline import make_pipeline

    words = HashingVectorizer(n_features=TEXT_BUCKETS, ngram_range=(1, 2), alternate_sign=False, norm=None)
    projection = TruncatedSVD(TEXT_DIMENSIONS)
    return make_pipeline(words, TfidfTransformer(sublinear_tf=True), projection)
