"""Features: plain columns, missing values of every kind, preprocessors that learn from training rows only."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from labelhealth.core.errors import FeaturesError, OptionError
from labelhealth.core.features import FeatureFrame, design_frame, make_preprocessor

KINDS = {
    "size": "numeric",
    "open": "boolean",
    "color": "categorical",
    "note": "text",
    "when": "datetime",
    "vector": "embedding",
}


def make_features(n_rows: int = 60, seed: int = 0) -> FeatureFrame:
    """Return one column of each kind, a fifth of the values missing."""
    rng = np.random.default_rng(seed)

    def missing(values):
        return pd.Series(values).mask(rng.random(n_rows) < 0.2)

    frame = pd.DataFrame(
        {
            "size": missing(rng.normal(size=n_rows)),
            "open": missing(rng.random(n_rows) < 0.5).astype("boolean"),
            "color": missing(rng.choice(["red", "green", "blue"], n_rows)),
            "note": missing(rng.choice(["good day", "bad night", "so so", "!"], n_rows)),
            "when": missing(
                pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 1000, n_rows), unit="h")
            ),
        }
    )
    vectors = rng.normal(size=(n_rows, 3))
    vectors[rng.random(n_rows) < 0.2] = np.nan
    return FeatureFrame(frame, {"vector": vectors}, KINDS)


def column_of(values, kind) -> list:
    """Return a single column after `design_frame`."""
    return design_frame(FeatureFrame(pd.DataFrame({"a": values}), {}, {"a": kind}))["a"].tolist()


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pd.Series([1, None], dtype="Int64"), "numeric", [1.0, np.nan]),
        (pd.Series([1, 2], dtype="uint8"), "numeric", [1.0, 2.0]),
        (pd.Series([Decimal("1.5"), None], dtype=object), "numeric", [1.5, np.nan]),
        (pd.Series([1.5, None], dtype="float32[pyarrow]"), "numeric", [1.5, np.nan]),
        (pd.Series([True, False]), "boolean", [1.0, 0.0]),
        (pd.Series([True, None], dtype=object), "boolean", [1.0, np.nan]),
        (pd.Series([True, None], dtype="bool[pyarrow]"), "boolean", [1.0, np.nan]),
        (pd.Series(["x", None]), "categorical", ["x", np.nan]),
        (pd.Series([3, None], dtype="Int8"), "categorical", ["3", np.nan]),
        (pd.Series(["x", None], dtype="category"), "categorical", ["x", np.nan]),
        (pd.Series(["x", None]), "text", ["x", ""]),
        (pd.Series(["1970-01-01 00:00:01", None], dtype="datetime64[ns]"), "datetime", [1.0, np.nan]),
        (pd.Series([pd.Timestamp(2, unit="s", tz="CET"), pd.NaT]), "datetime", [2.0, np.nan]),
        (pd.Series([dt.date(1970, 1, 2), None], dtype=object), "datetime", [86400.0, np.nan]),
        (pd.Series([None, None], dtype=object), "numeric", [np.nan, np.nan]),
        (pd.Series([None, None], dtype=object), "boolean", [np.nan, np.nan]),
        (pd.Series([None, None], dtype=object), "categorical", [np.nan, np.nan]),
        (pd.Series([None, None], dtype=object), "text", ["", ""]),
        (pd.Series([None, None], dtype=object), "datetime", [np.nan, np.nan]),
    ],
)
def test_values_of_each_kind_become_plain(values, kind, expected):
    """Whatever pandas type a column has, its design column is floats or strings."""
    np.testing.assert_equal(column_of(values, kind), expected)


def test_embeddings_become_one_column_a_dimension():
    """Columns stand in the order of the kinds; half precision is widened."""
    frame = pd.DataFrame({"a": [1, 2]})
    features = FeatureFrame(
        frame, {"v": np.ones((2, 2), dtype=np.float16)}, {"v": "embedding", "a": "numeric"}
    )
    design = design_frame(features)

    assert list(design.columns) == ["v[0]", "v[1]", "a"]
    assert design.dtypes.astype(str).tolist() == ["float32", "float32", "float64"]


def test_design_of_rows_is_rows_of_the_design():
    """Each value depends on nothing but itself, so nothing can leak from held-out rows."""
    features = make_features()
    rows = np.random.default_rng(1).permutation(features.n_rows)[:17]

    pd.testing.assert_frame_equal(
        design_frame(features.take(rows)), design_frame(features).iloc[rows].reset_index(drop=True)
    )


def test_take_accepts_masks_and_positions():
    """A mask takes the same rows as its positions; embeddings alone are enough."""
    features = FeatureFrame(pd.DataFrame(), {"v": np.arange(6.0).reshape(3, 2)}, {"v": "embedding"})
    mask = np.array([True, False, True])

    assert features.take(mask).embeddings["v"].tolist() == [[0, 1], [4, 5]]
    assert features.take(np.array([0, 2])).n_rows == features.take(mask).n_rows == 2


@pytest.mark.parametrize("family", ["linear", "trees"])
def test_preprocessor_reads_every_kind_with_missing_values(family):
    """Training rows and rows with unseen and missing values become finite numbers, or NaN for trees."""
    features = make_features()
    held_out = make_features(seed=1).take(np.arange(5))
    held_out.frame.loc[held_out.frame.index[0], "color"] = "never seen"
    transform = make_preprocessor(KINDS, family).fit(design_frame(features))
    numbers = transform.transform(design_frame(held_out))

    assert numbers.dtype.kind == "f"
    assert len(numbers) == 5
    assert family == "trees" or np.isfinite(numbers).all()


@pytest.mark.parametrize("family", ["linear", "trees"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind != "embedding"])
def test_column_without_a_value_in_training_is_no_obstacle(family, kind):
    """A column that is all missing in training may have values later, of every kind."""
    values = {
        "numeric": 3.5,
        "boolean": True,
        "categorical": "x",
        "text": "some words",
        "datetime": pd.Timestamp("2026-01-01"),
    }
    frame = pd.DataFrame({"a": pd.Series([None] * 8 + [values[kind]] * 2, dtype=object)})
    features = FeatureFrame(frame, {}, {"a": kind})
    transform = make_preprocessor(features.kinds, family)
    with np.errstate(invalid="ignore"):  # the share of variance that a projection of no words explains
        trained = transform.fit(design_frame(features.take(np.arange(8))))
    numbers = trained.transform(design_frame(features))

    assert len(numbers) == 10
    assert family == "trees" or np.isfinite(numbers).all()


def test_missing_embeddings_become_the_training_mean():
    """A missing vector says nothing: it stands at zero after scaling."""
    vectors = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, np.nan]])
    features = FeatureFrame(pd.DataFrame(), {"v": vectors}, {"v": "embedding"})
    numbers = make_preprocessor(features.kinds, "linear").fit_transform(design_frame(features))

    assert numbers[2].tolist() == [0.0, 0.0]


def test_missing_numbers_are_marked_for_linear_models():
    """That a value is missing may say something: it gets a column."""
    design = design_frame(FeatureFrame(pd.DataFrame({"a": [1.0, 3.0, None]}), {}, {"a": "numeric"}))
    numbers = make_preprocessor({"a": "numeric"}, "linear").fit_transform(design)

    assert numbers.shape == (3, 2)
    assert numbers[2, 1] > numbers[0, 1]


def test_embeddings_with_names_of_patterns_are_told_apart():
    """A column's name is text, not a pattern."""
    one = np.zeros((4, 2))
    features = FeatureFrame(
        pd.DataFrame(), {"a.b": one, "a+b": one, "(": one}, dict.fromkeys(["a.b", "a+b", "("], "embedding")
    )

    assert make_preprocessor(features.kinds, "trees").fit_transform(design_frame(features)).shape == (4, 6)


def test_nearly_unique_category_stays_narrow():
    """A column of ids cannot blow up the width of a linear model."""
    design = design_frame(
        FeatureFrame(pd.DataFrame({"a": np.arange(5_000).astype(str)}), {}, {"a": "categorical"})
    )

    assert make_preprocessor({"a": "categorical"}, "linear").fit_transform(design).shape[1] <= 200


@pytest.mark.parametrize(
    ("frame", "embeddings", "kinds", "message"),
    [
        ({"a": [1]}, {}, {}, r"`kinds` must name every feature column; got \[\] for columns \['a'\]"),
        ({}, {}, {"a": "numeric"}, r"`kinds` must name every feature column; got \['a'\] for columns \[\]"),
        (
            {"a": [1]},
            {"v": np.ones(1)},
            {"a": "numeric", "v": "embedding"},
            r"\(N, d\) for N = 1; got \(1,\) for 'v'",
        ),
        ({"a": [1]}, {"v": np.ones((2, 1))}, {"a": "numeric", "v": "embedding"}, r"got \(2, 1\) for 'v'"),
    ],
)
def test_frames_that_do_not_fit_together_are_refused(frame, embeddings, kinds, message):
    """Kinds, columns and vectors describe the same features of the same rows."""
    with pytest.raises(FeaturesError, match=message):
        FeatureFrame(pd.DataFrame(frame), embeddings, kinds)


def test_column_of_another_kind_is_refused_by_name():
    """Words in a numeric column name the column."""
    with pytest.raises(FeaturesError, match="`features` must hold numeric values in 'a'"):
        column_of(pd.Series(["x", "y"]), "numeric")


def test_name_taken_twice_is_refused():
    """A scalar column may not be named like a dimension of an embedding."""
    features = FeatureFrame(
        pd.DataFrame({"v[0]": [1.0]}), {"v": np.ones((1, 1))}, {"v[0]": "numeric", "v": "embedding"}
    )
    with pytest.raises(FeaturesError, match=r"distinct names; got 'v\[0\]' twice"):
        design_frame(features)


@pytest.mark.parametrize(
    ("kinds", "family", "message"),
    [
        ({}, "linear", "`kinds` must name at least one feature"),
        ({"a": "numeric"}, "forest", "`family` must be one of linear, trees; got 'forest'"),
        ({"a": "image"}, "trees", "`kinds` must be of .*; got 'image'"),
    ],
)
def test_unfit_arguments_of_make_preprocessor(kinds, family, message):
    """Each argument is refused by name."""
    with pytest.raises(OptionError, match=message):
        make_preprocessor(kinds, family)


def test_projection_of_few_texts_keeps_new_texts_in_scale():
    """Dimensions without variance in training must not blow a new text up."""
    design = design_frame(FeatureFrame(pd.DataFrame({"t": ["one two", "two three"] * 20}), {}, {"t": "text"}))
    transform = make_preprocessor({"t": "text"}, "linear").fit(design)
    new = transform.transform(pd.DataFrame({"t": ["four five two", "", "six"]}))

    assert np.abs(new).max() <= 48.0
    assert (new[1] == 0).all()


def test_trees_get_numbers_as_they_are_and_zeros_for_empty_columns():
    """A column without a value in training is constant there; the others keep their NaN."""
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": [np.nan, np.nan]})
    numbers = make_preprocessor({"a": "numeric", "b": "numeric"}, "trees").fit_transform(frame)

    np.testing.assert_equal(numbers, [[1.0, 0.0], [np.nan, 0.0]])
