"""Bad input is rejected with the argument, the value and the row."""

import numpy as np
import pandas as pd
import pytest

import labelhealth.core as cl
from labelhealth.core import errors
from labelhealth.core.options import IssueOptions
from tests.core.strategies import random_dataset

LABELS = np.array([0, 0, 1, 1])
PROBS = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])

CHECKED = {  # every function that takes labels and probabilities
    "get_confident_thresholds": cl.count.get_confident_thresholds,
    "compute_confident_joint": cl.count.compute_confident_joint,
    "estimate_joint": cl.count.estimate_joint,
    "num_label_issues": cl.count.num_label_issues,
    "estimate_py_and_noise_matrices": cl.count.estimate_py_and_noise_matrices_from_probabilities,
    "find_label_issues": cl.filter.find_label_issues,
    "find_predicted_neq_given": cl.filter.find_predicted_neq_given,
    "find_by_argmax": cl.filter.find_label_issues_using_argmax_confusion_matrix,
    "get_label_quality_scores": cl.rank.get_label_quality_scores,
    "get_self_confidence": cl.rank.get_self_confidence_for_each_label,
    "get_normalized_margin": cl.rank.get_normalized_margin_for_each_label,
    "get_weighted_entropy": cl.rank.get_confidence_weighted_entropy_for_each_label,
    "ensemble": lambda labels, probs: cl.rank.get_label_quality_ensemble_scores(
        labels, [probs, probs], verbose=False
    ),
    "order_label_issues": lambda labels, probs: cl.rank.order_label_issues([True] * 4, labels, probs),
    "rank_classes": cl.dataset.rank_classes_by_label_quality,
    "overlap": cl.dataset.find_overlapping_classes,
    "health": cl.dataset.overall_label_health_score,
    "summary": cl.dataset.health_summary,
    "audit_labels": cl.audit.audit_labels,
}


def _with(row, column, value):
    probs = PROBS.copy()
    probs[row, column] = value
    return probs


BAD = {
    "labels None": (None, PROBS, errors.LabelsError, "`labels` must be a list|`labels` must"),
    "labels text": ("0011", PROBS, errors.LabelsTypeError, "`labels` must be a list.*got str"),
    "labels set": ({0, 1}, PROBS, errors.LabelsTypeError, "`labels` must be a list.*got set"),
    "labels names": (
        ["a", "b", "a", "b"],
        PROBS,
        errors.LabelsError,
        r"`labels`.*not names; got.*row 0 \(4 of 4 rows\)",
    ),
    "labels one name": ([0, 1, "b", 1], PROBS, errors.LabelsError, "`labels`.*not names; got.*row"),
    "labels half": (
        [0, 1, 0.5, 1],
        PROBS,
        errors.LabelsError,
        r"`labels` must be whole.*0.5 at row 2 \(1 of 4 rows\)",
    ),
    "labels NaN": ([0, 1, np.nan, 1], PROBS, errors.LabelsError, "`labels` must be whole.*nan at row 2"),
    "labels NA": (
        pd.Series([0, 1, None, 1], dtype="Int64"),
        PROBS,
        errors.LabelsError,
        "`labels` must be whole",
    ),
    "labels negative": (
        [0, 1, 1, -1],
        PROBS,
        errors.LabelsError,
        r"`labels` must be 0 or more; got -1 at row 3",
    ),
    "labels matrix": (
        [[0, 1], [1, 0]],
        PROBS,
        errors.LabelsError,
        r"`labels` must have one dimension; got shape \(2, 2\)",
    ),
    "labels ragged": ([[0], [1, 0]], PROBS, errors.LabelsError, "`labels`.*rows of different lengths"),
    "labels two columns": (
        pd.DataFrame({"a": LABELS, "b": LABELS}),
        PROBS,
        errors.LabelsError,
        "`labels` must be one column",
    ),
    "labels empty": ([], PROBS[:0], errors.LabelsError, "`labels` must not be empty"),
    "labels too large": (
        [0, 1, 1, 2],
        PROBS,
        errors.PredProbsError,
        "`labels` must be below.*got 2 at row 3",
    ),
    "probs list": (
        LABELS,
        PROBS.tolist(),
        errors.PredProbsTypeError,
        "`pred_probs` must be a numpy array; got list",
    ),
    "probs bool": (
        LABELS,
        PROBS > 0.5,
        errors.PredProbsTypeError,
        "`pred_probs` must hold plain numbers.*bool",
    ),
    "probs object": (
        LABELS,
        PROBS.astype(object),
        errors.PredProbsTypeError,
        "`pred_probs` must hold plain.*object",
    ),
    "probs masked": (
        LABELS,
        np.ma.masked_array(PROBS),
        errors.PredProbsTypeError,
        "`pred_probs` must hold plain",
    ),
    "probs short": (
        LABELS,
        PROBS[:3],
        errors.PredProbsError,
        "`pred_probs` must have one row.*3 rows for 4 labels",
    ),
    "probs vector": (LABELS, PROBS[:, 0], errors.PredProbsError, "`pred_probs` must have two dimensions"),
    "probs NaN": (
        LABELS,
        _with(2, 1, np.nan),
        errors.PredProbsError,
        r"`pred_probs`.*nan at row 2 \(1 of 4 rows\)",
    ),
    "probs negative": (LABELS, _with(1, 0, -0.5), errors.PredProbsError, "`pred_probs`.*-0.5 at row 1"),
    "probs large": (LABELS, _with(3, 1, 1.5), errors.PredProbsError, "`pred_probs`.*1.5 at row 3.*Hint"),
    "probs infinite": (LABELS, _with(0, 1, np.inf), errors.PredProbsError, "`pred_probs`.*inf at row 0"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("function", CHECKED)
def test_bad_labels_and_probabilities(function, bad):
    """Every function names the argument, the value and the row; nothing passes silently."""
    labels, probs, error, match = BAD[bad]
    if labels is None and function in {"rank_classes", "overlap", "health", "summary"}:
        pytest.skip("labels may be left out with a joint; the number of examples is then asked for first")

    with pytest.raises(error, match=match):
        CHECKED[function](labels, probs)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.tolist(),
        pd.Series(LABELS),
        pd.DataFrame({"given": LABELS}),
        LABELS.astype(float),
        LABELS.astype(bool),
    ],
)
@pytest.mark.parametrize("function", CHECKED)
def test_all_kinds_of_labels(function, labels, capsys):
    """Lists, Series, one-column frames, whole floats and truth values give what integers give."""
    expected = CHECKED[function](LABELS, PROBS)
    found = CHECKED[function](labels, PROBS)

    assert str(found) == str(expected)


@pytest.mark.parametrize(
    "function", ["num_label_issues", "find_predicted_neq_given", "find_by_argmax", "ensemble"]
)
def test_one_class_is_rejected_where_two_are_needed(function):
    """A single distinct label is an error for these functions."""
    with pytest.raises(errors.LabelsError, match="`labels` must hold at least two classes; got only 0"):
        CHECKED[function]([0, 0, 0, 0], PROBS)


def test_only_class_zero_may_stand_alone_in_the_filter():
    """All labels 0 is legal in `find_label_issues`, all labels 1 is not."""
    assert cl.filter.find_label_issues([0, 0, 0, 0], PROBS, filter_by="predicted_neq_given").tolist() == [
        False,
        True,
        True,
        True,
    ]
    with pytest.raises(errors.LabelsError, match="`labels` must hold at least two classes; got only 1"):
        cl.filter.find_label_issues([1, 1, 1, 1], PROBS)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, filter_by="x"),
            AssertionError,
            "`filter_by` must be one of",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, n_jobs=0),
            AssertionError,
            "`n_jobs` must be at least 1; got 0",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, frac_noise=-1),
            ValueError,
            "`frac_noise`.*got -1",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, min_examples_per_class=-1),
            ValueError,
            "`min_examples_per",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, return_indices_ranked_by="x"),
            ValueError,
            "`score` must be",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, rank_by_kwargs={"x": 1}),
            ValueError,
            "`rank_by_kwargs`.*'x'",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, confident_joint=np.eye(3)),
            ValueError,
            "`confident_joint`.*3, 3",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, confident_joint=np.eye(2) / 2),
            ValueError,
            "`confident_joint` must hold whole counts; got 0.5 at row 0.*Hint",
        ),
        (
            lambda: cl.filter.find_label_issues(LABELS, PROBS, num_to_remove_per_class=[1]),
            ValueError,
            "`num_to_remove_per_class` must be 2 numbers",
        ),
        (
            lambda: cl.filter.find_label_issues(
                LABELS, PROBS, filter_by="confident_learning", num_to_remove_per_class=[1, 1]
            ),
            ValueError,
            "`num_to_remove_per_class` must be None",
        ),
        (
            lambda: cl.count.compute_confident_joint(LABELS, PROBS, thresholds=[1, 2, 3]),
            ValueError,
            "`thresholds` must be 2",
        ),
        (
            lambda: cl.count.compute_confident_joint(LABELS, PROBS, thresholds=[1, np.nan]),
            ValueError,
            "`thresholds`.*row 1",
        ),
        (
            lambda: cl.count.calibrate_confident_joint([[1, 2]], LABELS),
            ValueError,
            "`confident_joint` must be a square",
        ),
        (
            lambda: cl.count.calibrate_confident_joint([[1, -2], [1, 1]], LABELS),
            ValueError,
            "`confident_joint`.*-2 at row 0",
        ),
        (
            lambda: cl.count.calibrate_confident_joint([[1]], LABELS),
            ValueError,
            "`labels` must be below.*got 1 at row 2",
        ),
        (
            lambda: cl.count.num_label_issues(LABELS, PROBS, estimation_method="x"),
            ValueError,
            "`estimation_method` must be",
        ),
        (
            lambda: cl.count.num_label_issues(LABELS, PROBS, estimation_method="off_diagonal_custom"),
            ValueError,
            "`confident_joint` must be an array.*NoneType",
        ),
        (
            lambda: cl.count.estimate_latent(np.eye(2), LABELS, py_method="x"),
            ValueError,
            "`py_method` must be one of",
        ),
        (lambda: cl.count.estimate_joint(None, None), ValueError, "`labels` must be a list"),
        (
            lambda: cl.rank.get_label_quality_scores(LABELS, PROBS, method="x"),
            ValueError,
            "`method` must be one of",
        ),
        (
            lambda: cl.rank.get_label_quality_scores(
                LABELS, PROBS, method="confidence_weighted_entropy", adjust_pred_probs=True
            ),
            ValueError,
            "`adjust_pred_probs` must be False",
        ),
        (
            lambda: cl.rank.get_normalized_entropy(_with(1, 0, -1e-7)),
            ValueError,
            r"`pred_probs` must lie in \[0, 1\]; got -1e-07 at row 1",
        ),
        (
            lambda: cl.rank.get_normalized_margin_for_each_label([0], np.ones((1, 1))),
            ValueError,
            "`pred_probs`.*two columns",
        ),
        (
            lambda: cl.rank.get_label_quality_ensemble_scores(LABELS, []),
            AssertionError,
            "`pred_probs_list` must be a list",
        ),
        (
            lambda: cl.rank.get_label_quality_ensemble_scores(LABELS, PROBS),
            AssertionError,
            "`pred_probs_list`.*ndarray",
        ),
        (
            lambda: cl.rank.get_label_quality_ensemble_scores(
                LABELS, [PROBS, PROBS], weight_ensemble_members_by="x"
            ),
            ValueError,
            "`weight_ensemble_members_by` must be one of",
        ),
        (
            lambda: cl.rank.get_label_quality_ensemble_scores(LABELS, [PROBS, PROBS], custom_weights=[1, 1]),
            ValueError,
            "`custom_weights` must be None",
        ),
        (
            lambda: cl.rank.get_label_quality_ensemble_scores(
                LABELS, [PROBS, PROBS], weight_ensemble_members_by="custom", custom_weights=[1]
            ),
            AssertionError,
            "`custom_weights` must be 2",
        ),
        (
            lambda: cl.rank.find_top_issues(np.array([0.1, np.nan])),
            ValueError,
            "`quality_scores`.*nan at row 1",
        ),
        (
            lambda: cl.rank.order_label_issues([True], LABELS, PROBS),
            ValueError,
            "`label_issues_mask` must be 4",
        ),
        (
            lambda: cl.dataset.find_overlapping_classes(joint=np.eye(2) / 2),
            ValueError,
            "`num_examples` must be given",
        ),
        (
            lambda: cl.dataset.find_overlapping_classes(joint=np.eye(2), num_examples=4),
            ValueError,
            "`joint` must sum to 1",
        ),
        (
            lambda: cl.dataset.find_overlapping_classes(LABELS, PROBS, class_names=["a"]),
            IndexError,
            "`class_names` must name 2 classes; got 1",
        ),
        (
            lambda: cl.dataset.rank_classes_by_label_quality(LABELS, PROBS, class_names=["a", "b", "c"]),
            ValueError,
            "`class_names` must name 2 classes; got 3",
        ),
        (
            lambda: cl.audit.audit_labels(LABELS, PROBS, IssueOptions(score="x")),
            ValueError,
            "`score` must be one of",
        ),
        (
            lambda: cl.audit.audit_labels([0], np.ones((1, 1))),
            ValueError,
            "`pred_probs` must have at least two columns",
        ),
        (
            lambda: cl.latent_algebra.compute_py([1.0], np.eye(2), np.eye(2)),
            ValueError,
            "`ps` must be 2 numbers",
        ),
        (
            lambda: cl.latent_algebra.compute_py([0.5, 0.5], np.eye(2), np.eye(2), py_method="marginal"),
            ValueError,
            "`true_labels_class_counts` must be given",
        ),
        (
            lambda: cl.latent_algebra.compute_pyx([0.5], np.eye(2), np.eye(2)),
            ValueError,
            "`pred_probs` must be of shape",
        ),
        (lambda: cl.count.estimate_cv_predicted_probabilities(None, LABELS), ValueError, "`X` must be given"),
        (
            lambda: cl.count.estimate_cv_predicted_probabilities(PROBS[:3], LABELS),
            ValueError,
            "`X`.*3 rows for 4 labels",
        ),
        (
            lambda: cl.count.estimate_cv_predicted_probabilities(PROBS.tolist(), LABELS),
            TypeError,
            "`X` must let rows be",
        ),
        (
            lambda: cl.count.estimate_cv_predicted_probabilities(PROBS, [0, 0, 2, 2]),
            ValueError,
            "`labels`.*no example of 1",
        ),
        (
            lambda: cl.count.estimate_cv_predicted_probabilities(PROBS, LABELS, validation_func=1),
            TypeError,
            "`validation_func` must be callable",
        ),
        (
            lambda: cl.count.estimate_cv_predicted_probabilities(PROBS, LABELS, object(), cv_n_folds=2),
            ValueError,
            "`clf` must be one that scikit-learn can clone",
        ),
    ],
)
def test_bad_options(call, error, match):
    """Every option is named with what it must be, as the class of error that callers may catch."""
    with pytest.raises(error, match=match) as caught:
        call()

    assert isinstance(caught.value, errors.LabelHealthError)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cl.dataset.find_overlapping_classes([[0]], PROBS, multi_label=True),
        lambda: cl.dataset.rank_classes_by_label_quality([[0]], PROBS, multi_label=True),
        lambda: cl.dataset.overall_label_health_score([[0]], PROBS, multi_label=True),
        lambda: cl.dataset.health_summary([[0]], PROBS, multi_label=True),
    ],
)
def test_multi_label_is_refused(call):
    """`multi_label=True` is an error that names the function for such data."""
    with pytest.raises(
        errors.UnsupportedError,
        match=r"`multi_label` must be False; got True.*multilabel_classification\.dataset\.\w+ is",
    ):
        call()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: cl.filter.find_label_issues([0, 0, 0, 1], PROBS), "1 classes have min_examples_per_class=1"),
        (
            lambda: cl.filter.find_label_issues(
                LABELS, PROBS, filter_by="confident_learning", frac_noise=0.5
            ),
            "frac_noise",
        ),
        (
            lambda: cl.filter.find_label_issues(
                LABELS, PROBS, filter_by="confident_learning", confident_joint=np.eye(2)
            ),
            "`confident_joint` is not used",
        ),
        (
            lambda: cl.count.num_label_issues(LABELS, PROBS, confident_joint=np.eye(2)),
            "`confident_joint` is not used",
        ),
        (
            lambda: cl.dataset.overall_label_health_score(
                LABELS, PROBS, confident_joint=np.eye(2), verbose=False
            ),
            "`confident_joint` is not used",
        ),
        (
            lambda: cl.rank.get_label_quality_ensemble_scores(LABELS, [PROBS], verbose=False),
            "`pred_probs_list` holds one model",
        ),
    ],
)
def test_warnings_name_what_has_no_effect(call, match):
    """A warning names the option and points at the caller's file."""
    with pytest.warns(UserWarning, match=match) as caught:
        call()

    assert caught[0].filename == __file__


OUTSIDE = [np.nan, -np.nan, np.inf, -np.inf, 1.5, -0.5, 1 + 5e-6, -5e-6]
SWEEPS = [name for name in CHECKED if name not in ("order_label_issues", "ensemble")]


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("n_classes", [2, 10, 16, 17, 40])
def test_one_value_of_many_is_out_of_range(name, n_classes):
    """Wherever it stands, and whichever loop looks at it first, the error names its row."""
    rng = np.random.default_rng(n_classes)
    for case, value in enumerate(OUTSIDE):
        labels, pred_probs = random_dataset(case, n_classes, 2000, (np.float32, np.float64)[case % 2])
        row = int(rng.integers(2000))
        column = labels[row] if case % 3 == 0 else int(rng.integers(n_classes))
        pred_probs[row, column] = value

        with pytest.raises(
            errors.PredProbsError, match=rf"must lie in \[0, 1\]; got .* at row {row} \(1 of 2000"
        ):
            CHECKED[name](labels, pred_probs)


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("n_classes", [10, 17])
def test_rounding_is_not_out_of_range(name, n_classes):
    """Values that miss the range by less than 1e-6 are taken, but for logarithms of negative ones."""
    for value in (1 + 5e-7, -5e-7, -0.0):
        labels, pred_probs = random_dataset(3, n_classes, 2000)
        pred_probs[1234, 5] = value
        pred_probs[77, labels[77]] = value
        if name == "get_weighted_entropy" and value != 0:
            with pytest.raises(errors.PredProbsError, match="at row 77"):
                CHECKED[name](labels, pred_probs)
        else:
            CHECKED[name](labels, pred_probs)
