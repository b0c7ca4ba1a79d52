"""Out-of-fold predictions: each row once, by a model that never saw it, with the same bytes every time."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info

from labelhealth.core import _fold_blocks
from labelhealth.core.errors import ClassifierError, FeaturesError, LabelsError, OptionError
from labelhealth.core.estimators import make_estimator
from labelhealth.core.features import FeatureFrame
from labelhealth.core.folds import NO_LABEL, assign_folds, stratified_folds, time_folds
from labelhealth.core.out_of_fold import predict_fold


class Memory(ClassifierMixin, BaseEstimator):
    """Is certain of the label it saw with a value of column `a`, and knows nothing of other values."""

    def fit(self, frame, labels):
        """Remember."""
        self.classes_ = np.unique(labels)
        self.seen_ = dict(zip(frame["a"], labels, strict=True))
        return self

    def predict_proba(self, frame):
        """Recall."""
        remembered = np.array([self.seen_.get(value, -1) for value in frame["a"]])
        recalled = (remembered[:, None] == self.classes_).astype(float)
        return np.where(recalled.any(axis=1, keepdims=True), recalled, 1 / len(self.classes_))


class Fixed(ClassifierMixin, BaseEstimator):
    """Predicts what it is told, for testing how predictions are checked."""

    def __init__(self, make=None, warn=None, classes=None, fail=None):
        self.make, self.warn, self.classes, self.fail = make, warn, classes, fail

    def fit(self, _frame, labels):
        """Warn, fail or learn the classes."""
        if self.warn:
            warnings.warn(self.warn, UserWarning, stacklevel=2)
        if self.fail == "fit":
            raise RuntimeError("cannot learn this")
        self.classes_ = np.unique(labels) if self.classes is None else np.array(self.classes)
        return self

    def predict_proba(self, frame):
        """Fail or return what was asked for."""
        if self.fail == "predict":
            raise RuntimeError("cannot predict this")
        return self.make(len(frame), len(self.classes_))


def numbers(values) -> FeatureFrame:
    """Return one numeric column `a`, or columns `a0`, `a1`, ... of a matrix."""
    array = np.asarray(values, dtype=float)
    names = ["a"] if array.ndim == 1 else [f"a{place}" for place in range(array.shape[1])]
    frame = pd.DataFrame(array.reshape(len(array), -1), columns=names)
    return FeatureFrame(frame, {}, dict.fromkeys(names, "numeric"))


def alone(classifier) -> Pipeline:
    """Return a classifier without preprocessing."""
    return Pipeline([("classifier", classifier)])


def predict_all(features, labels, folds, n_classes, estimator, **more):
    """Return the predictions of all folds that occur."""
    options = {"estimator": estimator, "n_classes": n_classes, "scheme": "identity", **more}
    return [predict_fold(features, labels, folds, fold, **options) for fold in range(folds.max() + 1)]


def make_auto(features, labels, n_classes, name="auto", params=None):
    """Return the estimator for these data."""
    return make_estimator(name, params, kinds=features.kinds, n_classes=n_classes, n_rows=len(labels), seed=0)


@given(st.integers(4, 60), st.integers(2, 5), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_each_row_is_predicted_once_by_a_model_that_never_saw_it(n_rows, n_folds, seed):
    """A model that remembers its training rows knows none of its fold's rows, nor their duplicates."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, n_rows, n_rows)  # duplicates
    labels = rng.integers(0, 3, n_rows)
    folds = assign_folds(values, labels, n_folds, seed, 3)
    predictions = predict_all(numbers(values), labels, folds, 3, alone(Memory()))

    assert sorted(np.concatenate([each.rows for each in predictions])) == list(range(n_rows))
    for each in predictions:
        n_trained = each.trained_classes.sum()
        expected = each.trained_classes / n_trained if n_trained else np.full(3, 1 / 3)
        assert np.allclose(each.pred_probs, expected)


def test_memory_recalls_what_it_was_shown():
    """The proof above is worth something: shown a duplicate in training, the same model is certain."""
    result = predict_fold(
        numbers([1, 2, 3, 1]), np.array([0, 1, 0, 0]), np.array([0, 0, 0, 1]), 1,
        estimator=alone(Memory()), n_classes=2, scheme="stratified",
    )  # fmt: skip

    assert result.pred_probs.tolist() == [[1.0, 0.0]]


def test_time_folds_know_the_past_and_nothing_else():
    """A value seen before is recalled, one that comes later is not."""
    values = np.array([1, 2, 3, 1, 9, 2, 9, 3])
    labels = np.array([0, 1, 0, 0, 1, 1, 0, 0])
    folds = time_folds(np.arange(8), np.ones(8, dtype=bool), labels, 3)
    predictions = predict_all(numbers(values), labels, folds, 2, alone(Memory()), scheme="time")
    told = np.concatenate([each.pred_probs[:, 1] for each in predictions])

    assert np.concatenate([each.rows for each in predictions]).tolist() == [2, 3, 4, 5, 6, 7]
    assert told.tolist() == [0.5, 0.0, 0.5, 1.0, 1.0, 0.0]


def test_rows_without_a_label_neither_train_nor_are_predicted():
    """A row of fold -3 is nobody's."""
    labels = np.array([0, 1, -1, 0, 1])
    folds = np.array([0, 0, NO_LABEL, 1, 1])
    predictions = predict_all(numbers([1, 2, 3, 4, 5]), labels, folds, 2, alone(Memory()))

    assert [each.rows.tolist() for each in predictions] == [[0, 1], [3, 4]]


def test_predictions_agree_with_scikit_learn():
    """The default scheme of scikit-learn with the same model gives the same probabilities."""
    values, labels = load_digits(return_X_y=True)
    features = numbers(values[:400])
    folds = stratified_folds(labels[:400], 5, 0)
    model = LogisticRegression(C=0.001, max_iter=500)
    result = predict_fold(
        features, labels[:400], folds, 2, estimator=alone(model), n_classes=10, scheme="stratified"
    )
    plain = model.fit(values[:400][folds != 2], labels[:400][folds != 2])

    np.testing.assert_allclose(
        result.pred_probs, plain.predict_proba(values[:400][folds == 2]), rtol=1e-5, atol=1e-9
    )


def test_class_absent_from_training_gets_zero_and_is_marked():
    """Of a class with one example, its own fold knows nothing."""
    labels = np.array([0, 2, 0, 2, 1, 0, 2])
    folds = np.array([0, 0, 1, 1, 1, 1, 1])
    features = numbers(np.arange(7))
    first, second = predict_all(features, labels, folds, 4, make_auto(features, labels, 4))

    assert first.trained_classes.tolist() == [True, True, True, False]
    assert second.trained_classes.tolist() == [True, False, True, False]
    assert (second.pred_probs[:, [1, 3]] == 0).all()
    np.testing.assert_allclose(second.pred_probs.sum(axis=1), 1)


def test_one_class_in_training_claims_nothing():
    """A model of a single class says nothing of a label: no class counts as trained, and a warning says so."""
    labels = np.array([1, 1, 0])
    features = numbers([1, 2, 3])
    result = predict_fold(
        features, labels, np.array([0, 0, 1]), 1,
        estimator=make_auto(features, labels, 2, "LogisticRegression"), n_classes=2, scheme="identity",
    )  # fmt: skip

    assert result.pred_probs.tolist() == [[0.5, 0.5]]
    assert not result.trained_classes.any()
    assert result.warnings == ("fold 1 has 1 class(es) to learn from: its 1 rows are not judged.",)


def test_no_training_rows_know_nothing():
    """All rows in one fold: even probabilities, no class trained."""
    labels = np.array([0, 1])
    result = predict_fold(
        numbers([1, 2]),
        labels,
        np.array([0, 0]),
        0,
        estimator=alone(Memory()),
        n_classes=2,
        scheme="identity",
    )

    assert result.pred_probs.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert not result.trained_classes.any()


def test_empty_fold_has_no_predictions():
    """A fold that no row fell into has the right shape."""
    result = predict_fold(
        numbers([1, 2]),
        np.array([0, 1]),
        np.array([0, 1]),
        4,
        estimator=alone(Memory()),
        n_classes=2,
        scheme="identity",
    )

    assert result.pred_probs.shape == (0, 2)
    assert result.trained_classes.all()


def test_five_thousand_classes_of_four_rows_are_predicted():
    """Very many classes need neither much time nor much memory, and most rows are recognised."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5_000), 4)
    features = numbers(rng.normal(size=(5_000, 6))[labels] + 0.01 * rng.normal(size=(20_000, 6)))
    folds = assign_folds(np.arange(20_000), labels, 50, 0, 5_000)
    result = predict_fold(
        features, labels, folds, 0,
        estimator=make_auto(features, labels, 5_000), n_classes=5_000, scheme="identity", dtype="float32",
    )  # fmt: skip

    assert result.pred_probs.dtype == np.float32
    assert (result.pred_probs.argmax(axis=1) == labels[result.rows]).mean() > 0.95


@pytest.mark.parametrize(
    "name",
    ["auto", "LogisticRegression", "HistGradientBoostingClassifier", "RandomForestClassifier", "GaussianNB"],
)
def test_missing_values_everywhere_are_no_obstacle(name):
    """Constant, all-missing and half-missing columns, unseen categories: probabilities come out."""
    n_rows = 60
    rng = np.random.default_rng(0)
    labels = np.arange(n_rows) % 3
    hole = rng.random(n_rows) < 0.5
    vectors = rng.normal(size=(n_rows, 3)) + labels[:, None]
    vectors[hole] = np.nan
    frame = pd.DataFrame(
        {
            "constant": np.ones(n_rows),
            "nothing": np.full(n_rows, np.nan),
            "half": np.where(hole, np.nan, labels),
            "flag": pd.Series(rng.random(n_rows) < 0.5).astype("boolean").mask(hole),
            "no_flag": pd.Series([None] * n_rows, dtype="boolean"),
            "unique": [f"value {row}" for row in range(n_rows)],
            "no_words": pd.Series([None] * n_rows, dtype=object),
            "words": pd.Series(np.array(["ant", "bee", "cat"])[labels]).mask(hole),
            "never": pd.Series([pd.NaT] * n_rows),
        }
    )
    kinds = dict(
        zip(
            frame,
            ["numeric"] * 3 + ["boolean"] * 2 + ["categorical", "text", "text", "datetime"],
            strict=True,
        )
    )
    features = FeatureFrame(frame, {"vector": vectors}, kinds | {"vector": "embedding"})
    folds = assign_folds(np.arange(n_rows), labels, 3, 0, 3)
    predictions = predict_all(features, labels, folds, 3, make_auto(features, labels, 3, name))

    for each in predictions:
        np.testing.assert_allclose(each.pred_probs.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["ExtraTreesClassifier", "HistGradientBoostingClassifier", "LogisticRegression"]
)
def test_folds_side_by_side_give_the_bytes_of_folds_in_turn(name):
    """Threads change neither probabilities nor the process: its filters and random state stay."""
    values, labels = make_classification(300, 8, n_informative=5, n_classes=3, random_state=0)
    features, folds = numbers(values), assign_folds(np.arange(300), labels, 4, 0, 3)
    estimator = make_auto(features, labels, 3, name)
    np.random.seed(5)  # noqa: NPY002  what is tested is that it stays
    state, filters, show = np.random.get_state(), list(warnings.filters), warnings.showwarning  # noqa: NPY002
    in_turn = predict_all(features, labels, folds, 3, estimator)
    with ThreadPoolExecutor(4) as pool:
        tasks = [
            pool.submit(
                predict_fold,
                features,
                labels,
                folds,
                fold,
                estimator=estimator,
                n_classes=3,
                scheme="identity",
            )
            for fold in range(4)
        ]
        side_by_side = [task.result() for task in tasks]

    for one, other in zip(in_turn, side_by_side, strict=True):
        assert one.pred_probs.tobytes() == other.pred_probs.tobytes()
    np.testing.assert_equal(np.random.get_state(), state)  # noqa: NPY002
    assert (list(warnings.filters), warnings.showwarning) == (filters, show)


def test_text_projection_repeats_and_leaves_the_global_random_state():
    """The one random transformer is seeded too."""
    words = np.array(["red apple", "green pear", "blue plum", "red pear"])
    frame = pd.DataFrame({"t": np.tile(words, 10)})
    labels = np.tile([0, 1, 1, 0], 10)
    features = FeatureFrame(frame, {}, {"t": "text"})
    state = np.random.get_state()  # noqa: NPY002
    estimator = make_auto(features, labels, 2)
    folds = np.arange(40) // 4 % 2
    first, second = (predict_all(features, labels, folds, 2, estimator) for _ in range(2))

    assert first[0].pred_probs.tobytes() == second[0].pred_probs.tobytes()
    np.testing.assert_equal(np.random.get_state(), state)  # noqa: NPY002


def test_given_estimator_is_not_fitted():
    """A clone is; what comes in can be used for the next fold."""
    estimator = alone(Memory())
    predict_all(numbers([1, 2, 3, 4]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 2, estimator)

    assert not hasattr(estimator[-1], "seen_")


def even(n_rows, n_classes):
    """Return even probabilities."""
    return np.full((n_rows, n_classes), 1 / n_classes)


def predict_fixed(**settings_of_fixed):
    """Return what a `Fixed` classifier predicts for fold 1 of four rows."""
    return predict_fold(
        numbers([1, 2, 3, 4]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 1,
        estimator=alone(Fixed(**settings_of_fixed)), n_classes=2, scheme="identity",
    )  # fmt: skip


def test_warnings_are_returned_not_shown():
    """Each text comes once, with its category; nothing reaches the user's screen."""
    assert predict_fixed(make=even, warn="slow going").warnings == ("UserWarning: slow going",)


def test_convergence_warnings_are_returned():
    """A model that needs more iterations says so."""
    values, labels = make_classification(100, 5, random_state=0)
    features = numbers(values)
    estimator = make_auto(features, labels, 2, "LogisticRegression", {"max_iter": 1})
    result = predict_fold(
        features, labels, np.arange(100) % 2, 0, estimator=estimator, n_classes=2, scheme="identity"
    )

    assert any("ConvergenceWarning" in text for text in result.warnings)


def test_columns_follow_the_classes_of_the_model():
    """A model that names its classes in another order is read in that order."""
    result = predict_fixed(make=lambda n_rows, _: np.tile([0.9, 0.1], (n_rows, 1)), classes=[1, 0])

    assert result.pred_probs.tolist() == [[0.1, 0.9], [0.1, 0.9]]


def test_rounded_probabilities_are_normalised():
    """A model that computes in half precision is accepted; its rows sum to one again."""
    result = predict_fixed(make=lambda n_rows, _: np.tile(np.float16([0.3333, 0.6665]), (n_rows, 1)))

    np.testing.assert_allclose(result.pred_probs.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("settings_of_fixed", "message"),
    [
        (
            {"fail": "fit"},
            r"Fixed must learn from 2 rows of 2 classes \(fold 1\); got RuntimeError: cannot learn this",
        ),
        ({"fail": "predict"}, r"Fixed must predict 2 rows \(fold 1\); got RuntimeError: cannot predict this"),
        (
            {"make": lambda n, k: np.ones((n, k))},
            r"Fixed .* sum to 1; got sum 2 .* row 0 of fold 1 \(2 of 2 rows\)",
        ),
        ({"make": lambda n, k: np.full((n, k), np.nan)}, "finite probabilities that sum to 1; got sum nan"),
        ({"make": lambda n, _: np.tile([1.5, -0.5], (n, 1))}, "got sum 1 and minimum -0.5 at row 0"),
        ({"make": lambda n, _: np.ones((n, 1))}, r"probabilities of shape \(2, 2\) in fold 1; got \(2, 1\)"),
        ({"make": lambda n, _: np.ones(n)}, r"probabilities of shape \(2, 2\) in fold 1; got \(2,\)"),
        (
            {"make": even, "classes": [0, 5]},
            r"probabilities of shape \(2, 2\) in fold 1; got \(2, 2\) with 2 `classes_`",
        ),
    ],
)
def test_failures_name_estimator_fold_and_cause(settings_of_fixed, message):
    """Whatever an estimator does wrong, one clear error says which, where and what."""
    with pytest.raises(ClassifierError, match=message):
        predict_fixed(**settings_of_fixed)


def test_process_is_as_before_after_a_failure():
    """An error leaves no recorder of warnings behind."""
    show = warnings.showwarning
    with pytest.raises(ClassifierError, match="cannot learn this"):
        predict_fixed(fail="fit")

    assert warnings.showwarning is show


def test_arrays_of_unequal_length_are_refused():
    """Features, labels and folds describe the same rows."""
    with pytest.raises(FeaturesError, match="equally long; got 3, 2, 2"):
        predict_fold(
            numbers([1, 2, 3]), np.zeros(2, int), np.zeros(2, int), 0,
            estimator=alone(Memory()), n_classes=1, scheme="identity",
        )  # fmt: skip


def test_training_rows_without_a_class_are_refused():
    """A label of -1 must come with a negative fold."""
    with pytest.raises(LabelsError, match=r"training rows must be in 0\.\.1; got -1 to 1"):
        predict_fold(
            numbers([1, 2, 3]), np.array([0, 1, -1]), np.array([0, 1, 1]), 0,
            estimator=alone(Memory()), n_classes=2, scheme="identity",
        )  # fmt: skip


SHIPPED = [
    ("LogisticRegression", {"C": 0.01, "max_iter": 300}),
    ("HistGradientBoostingClassifier", {"max_leaf_nodes": 15, "early_stopping": False}),
    ("ExtraTreesClassifier", {"n_estimators": 100, "min_samples_leaf": 3}),
    ("LinearDiscriminantAnalysis", {}),
]


def mixed_features(n_rows) -> tuple[FeatureFrame, np.ndarray]:
    """Return numbers, categories, flags, dates, texts and vectors, some of them missing, and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, n_rows)
    hole = rng.random(n_rows) < 0.1
    frame = pd.DataFrame({f"n{place}": rng.normal(size=n_rows) + labels for place in range(6)})
    frame["n0"] = frame["n0"].mask(hole)
    frame["kind"] = pd.Series(np.array(["a", "b", "c", "d"])[(labels + rng.integers(0, 2, n_rows)) % 4]).mask(
        hole
    )
    frame["flag"] = pd.Series(rng.random(n_rows) < 0.5).astype("boolean").mask(hole)
    frame["day"] = pd.Series(pd.Timestamp("2026-01-01") + pd.to_timedelta(labels, unit="D")).mask(hole)
    frame["text"] = pd.Series([f"word{label} other{row % 7}" for row, label in enumerate(labels)]).mask(hole)
    kinds = dict.fromkeys([f"n{place}" for place in range(6)], "numeric")
    kinds |= {"kind": "categorical", "flag": "boolean", "day": "datetime", "text": "text", "v": "embedding"}
    return FeatureFrame(frame, {"v": rng.normal(size=(n_rows, 5)) + labels[:, None]}, kinds), labels


@pytest.mark.parametrize(("name", "params"), SHIPPED)
def test_blocks_give_the_bytes_of_all_rows_at_once(monkeypatch, name, params):
    """Every classifier that `auto` stands for says the same of a row among some rows as among all."""
    features, labels = mixed_features(5000)
    options = {
        "estimator": make_auto(features, labels, 4, name, params),
        "n_classes": 4,
        "scheme": "stratified",
        "training": np.arange(800),
    }
    folds = (np.arange(5000) >= 800).astype(int)
    at_once = predict_fold(features, labels, folds, 1, **options)
    monkeypatch.setattr(_fold_blocks, "BLOCK_ROWS", 1100)
    in_blocks = predict_fold(features, labels, folds, 1, **options)

    assert in_blocks.pred_probs.shape == (4200, 4)
    assert in_blocks.pred_probs.tobytes() == at_once.pred_probs.tobytes()


@pytest.mark.parametrize(("n_rows", "width"), [(0, 3), (1, 3), (200_000, 100), (200_000, 5000), (7, 10**9)])
def test_blocks_cover_all_rows_and_stay_small(n_rows, width):
    """One after the other, each row once; never more cells than the limit, but for single rows."""
    blocks = list(_fold_blocks.blocks_of_rows(n_rows, width))

    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(n_rows))
    for block in blocks:
        n_block = block.stop - block.start
        assert n_block == 1 or n_block * width <= _fold_blocks.BLOCK_CELLS
        assert n_block <= _fold_blocks.BLOCK_ROWS
    assert len({(block.stop - block.start) // 2 for block in blocks}) <= 2  # no short rest


def test_probabilities_are_written_where_they_are_wanted(tmp_path):
    """Into a file, for one; what stood there before is gone."""
    features, labels = mixed_features(300)
    folds, estimator = np.arange(300) % 3, make_auto(features, labels, 5)
    expected = predict_fold(features, labels, folds, 1, estimator=estimator, n_classes=5, scheme="stratified")
    out = np.lib.format.open_memmap(tmp_path / "p.npy", mode="w+", dtype=np.float64, shape=(100, 5))
    out[:] = 7
    result = predict_fold(
        features, labels, folds, 1, estimator=estimator, n_classes=5, scheme="stratified", out=out
    )
    out.flush()

    assert result.pred_probs is out
    assert np.load(tmp_path / "p.npy").tobytes() == expected.pred_probs.tobytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"out": np.zeros((3, 2))}, r"`out` must be float64 of shape \(2, 2\); got float64 of \(3, 2\)"),
        ({"out": np.zeros((2, 2), np.float32)}, r"`out` must be float64 of shape \(2, 2\); got float32"),
        ({"training": np.array([0, 2])}, "`training` must hold rows that fold 1 may learn from; got others"),
    ],
)
def test_what_does_not_fit_the_fold_is_refused(more, message):
    """A row must not train the model that judges it, and its probabilities need their place."""
    with pytest.raises(OptionError, match=message):
        predict_fold(
            numbers([1, 2, 3, 4]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 1,
            estimator=alone(Memory()), n_classes=2, scheme="identity", **more,
        )  # fmt: skip


def test_model_learns_from_the_chosen_rows_alone():
    """Of the rows that may train, those left out are unknown to the model; all rows of the fold are predicted."""
    values, labels = np.array([1, 2, 3, 4, 1, 2, 3, 4]), np.array([0, 1, 0, 1, 0, 1, 0, 1])
    result = predict_fold(
        numbers(values), labels, np.repeat([0, 1], 4), 1,
        estimator=alone(Memory()), n_classes=2, scheme="stratified", training=np.array([0, 3]),
    )  # fmt: skip

    assert result.pred_probs.tolist() == [[1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1]]


@pytest.mark.parametrize("training", [[], [0, 2]])
def test_sample_without_two_classes_claims_nothing(training):
    """As of a fold whose training rows have one class."""
    result = predict_fold(
        numbers([1, 2, 3, 4]), np.array([0, 1, 0, 1]), np.array([0, 0, 0, 1]), 1,
        estimator=alone(Memory()), n_classes=2, scheme="identity", training=np.array(training, dtype=np.int64),
    )  # fmt: skip

    assert result.pred_probs.tolist() == [[0.5, 0.5]]
    assert not result.trained_classes.any()


def test_each_row_is_normalised_by_itself():
    """A row that needs no rounding keeps its bytes, whatever stands beside it."""
    exact, rounded = [0.3, 0.7], [0.3333, 0.6665]
    result = predict_fixed(make=lambda n_rows, _: np.array([exact, rounded])[:n_rows])

    assert result.pred_probs[0].tolist() == exact
    assert result.pred_probs[1].sum() == pytest.approx(1, abs=1e-12)


class Census(ClassifierMixin, BaseEstimator):
    """Notes the threads that it has, while others run beside it."""

    def __init__(self, meeting=None, seen=None):
        self.meeting, self.seen = meeting, seen

    def __sklearn_clone__(self):
        """Share the notes."""
        return self

    def fit(self, _frame, labels):
        """Count the threads of BLAS, OpenMP and joblib at the beginning, in the middle and at the end."""
        for _ in range(20):
            self.seen.extend(pool["num_threads"] for pool in threadpool_info())
            self.seen.append(effective_n_jobs(-1))
            forest = RandomForestClassifier(8, n_jobs=8).fit(np.arange(20)[:, None], np.arange(20) % 2)
            self.seen.append(effective_n_jobs(forest.n_jobs))
        if self.meeting is not None:
            self.meeting.wait()
        self.seen.extend(pool["num_threads"] for pool in threadpool_info())
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, frame):
        """Say nothing."""
        return even(len(frame), len(self.classes_))


def test_folds_side_by_side_have_one_thread_each():
    """One fold ends, or begins, while another runs: no library gets more threads back before all have ended."""
    before = [pool["num_threads"] for pool in threadpool_info()]
    seen: list[int] = []
    features, labels, folds = numbers(np.arange(60)), np.arange(60) % 2, np.arange(60) // 2 % 6
    meeting = threading.Barrier(2, timeout=60)

    def run(fold):
        meets = fold < 4  # the first four in pairs; the others begin and end beside them
        return predict_fold(
            features, labels, folds, fold, n_classes=2, scheme="identity",
            estimator=alone(Census(meeting if meets else None, seen)),
        )  # fmt: skip

    with ThreadPoolExecutor(3) as pool:
        for task in [pool.submit(run, fold) for fold in range(6)]:
            task.result()

    assert set(seen) == {1}
    assert [pool["num_threads"] for pool in threadpool_info()] == before
    assert effective_n_jobs(3) == 3
