"""Multi-label data: what is found by hand, laws, and input that is rejected."""

import numpy as np
import pytest

import labelhealth.core as cl
from labelhealth.core import count, errors
from labelhealth.core.multilabel_classification import (
    dataset,
    filter,  # noqa: A004 (the name its users know)
    get_label_quality_scores,
    rank,
)
from tests.core.multilabel_calls import FILTERS, SCORES, make_problem

# class 0: row 2 is given it, row 5 is not; class 1: row 4 is not given it
LABELS = [[0], [0, 1], [0], [1], [], []]
PROBS = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.3, 0.9], [0.95, 0.1]])
WRONG = [[2, 0], [4, 1], [5, 0]]
FULL = [[0, 1], [0], [0], [0, 1], [0], [0]]  # everybody has class 0


def test_issues_found_by_hand():
    """Three labels are confidently the other way; thresholds are means of 3, 3, 4 and 2 probabilities."""
    thresholds = count.get_confident_thresholds(LABELS, PROBS, multi_label=True)

    assert np.allclose(thresholds, [[1.55 / 3, 1.8 / 3], [2.7 / 4, 1.7 / 2]])
    assert np.argwhere(filter.find_multilabel_issues_per_class(LABELS, PROBS)).tolist() == WRONG
    assert np.flatnonzero(filter.find_label_issues(LABELS, PROBS)).tolist() == [2, 4, 5]
    joint = count.compute_confident_joint(LABELS, PROBS, multi_label=True, calibrate=False)
    assert joint.tolist() == [[[2, 1], [1, 2]], [[3, 1], [0, 1]]]
    calibrated = count.compute_confident_joint(LABELS, PROBS, multi_label=True)
    assert calibrated.tolist() == [[[2, 1], [1, 2]], [[3, 1], [0, 2]]]
    shares = count.estimate_joint(LABELS, PROBS, multi_label=True)
    assert np.allclose(shares * 6, calibrated)
    assert count.num_label_issues(LABELS, PROBS, multi_label=True) == 3


def test_scores_found_by_hand():
    """The lower of two scores weighs 0.8 if not told otherwise: 0.8 * 0.05 + 0.2 * 0.9."""
    assert np.allclose(rank.get_label_quality_scores_per_class(LABELS, PROBS)[5], [0.05, 0.9])
    assert np.allclose(get_label_quality_scores(LABELS, PROBS), [0.9, 0.82, 0.24, 0.8, 0.22, 0.22])
    softmin = get_label_quality_scores(LABELS, PROBS, aggregator_kwargs={"method": "softmin"})
    weights = np.exp(np.array([0.95, 0.1]) / 0.1)
    assert np.isclose(softmin[5], (weights * [0.05, 0.9]).sum() / weights.sum())
    by_function = get_label_quality_scores(LABELS, PROBS, aggregator_kwargs={"method": np.quantile, "q": 0.5})
    assert np.isclose(by_function[5], 0.475)


def test_tables_found_by_hand():
    """One example of six is wrongly given class 0, one lacks it, one lacks class 1."""
    issues = dataset.common_multilabel_issues(LABELS, PROBS, class_names=["cat", "dog"])
    classes = dataset.rank_classes_by_multilabel_quality(LABELS, PROBS)

    assert issues.drop(columns="Issue Probability").to_numpy().tolist() == [
        ["cat", 0, True, False, 1],
        ["cat", 0, False, True, 1],
        ["dog", 1, False, True, 1],
        ["dog", 1, True, False, 0],
    ]
    assert np.allclose(issues["Issue Probability"], [1 / 6, 1 / 6, 1 / 6, 0])
    assert np.allclose(classes.to_numpy(), [[0, 1, 1, 1 / 6, 1 / 6, 5 / 6], [1, 0, 1, 0, 1 / 6, 1]])
    assert dataset.overall_multilabel_health_score(LABELS, PROBS) == 0.5


def test_summary_holds_the_tables_and_writes_them(capsys):
    """The summary is the three answers; what is written names the number of examples."""
    summary = dataset.multilabel_health_summary(LABELS, PROBS, num_examples=1234)
    written = capsys.readouterr().out
    quiet = dataset.multilabel_health_summary(LABELS, PROBS, verbose=False)

    assert capsys.readouterr().out == ""
    assert "1,234 examples" in written
    assert "50% of the examples" in written
    assert summary["overall_multilabel_health_score"] == quiet["overall_multilabel_health_score"] == 0.5
    assert summary["common_multilabel_issues"].equals(dataset.common_multilabel_issues(LABELS, PROBS))
    classes = dataset.rank_classes_by_multilabel_quality(LABELS, PROBS)
    assert summary["classes_by_multilabel_quality"].equals(classes)


@pytest.mark.parametrize("filter_by", FILTERS)
def test_order_of_examples_does_not_matter(filter_by):
    """The same examples are flagged in any order of the rows."""
    problem = make_problem(100)
    order = np.random.default_rng(0).permutation(len(problem.labels))
    moved = [problem.labels[row] for row in order], problem.pred_probs[order]
    options = {"filter_by": filter_by, "min_examples_per_class": 0}

    mask = filter.find_label_issues(problem.labels, problem.pred_probs, **options)
    assert np.array_equal(filter.find_label_issues(*moved, **options), mask[order])


@pytest.mark.parametrize("method", SCORES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_bounded(method, dtype):
    """Scores of examples lie between the lowest and the highest score of their labels, within [0, 1]."""
    problem = make_problem(100)
    given = problem.labels, problem.pred_probs.astype(dtype)
    classes = rank.get_label_quality_scores_per_class(*given, method=method)
    scores = rank.get_label_quality_scores(*given, method=method)

    assert classes.min() >= 0
    assert classes.max() <= 1
    assert (scores >= classes.min(axis=1) - 1e-12).all()
    assert (scores <= classes.max(axis=1) + 1e-12).all()


def test_each_class_is_its_binary_problem():
    """Issues, scores and joints of a class are those of single labels, with it (1) or without it (0)."""
    problem = make_problem(100)
    given = problem.labels, problem.pred_probs
    mask = filter.find_multilabel_issues_per_class(*given, min_examples_per_class=0)
    joints = count.compute_confident_joint(*given, multi_label=True)
    for k in np.flatnonzero(problem.has_label.any(axis=0)):
        binary = problem.has_label[:, k].astype(int), np.column_stack([1 - given[1][:, k], given[1][:, k]])
        single = cl.filter.find_label_issues(*binary, min_examples_per_class=0)

        assert np.array_equal(mask[:, k], single)
        assert np.array_equal(joints[k], count.compute_confident_joint(*binary))


def test_ranked_rows_are_the_flagged_ones_in_order():
    """With a score to rank by, rows of the mask come back by ascending score, for the ranking filters too."""
    problem = make_problem(100)
    given = problem.labels, problem.pred_probs
    for filter_by in FILTERS:
        options = {"filter_by": filter_by, "min_examples_per_class": 0}
        rows = filter.find_label_issues(*given, "normalized_margin", **options)
        scores = rank.get_label_quality_scores(*given, method="normalized_margin")[rows]

        assert np.array_equal(np.sort(rows), np.flatnonzero(filter.find_label_issues(*given, **options)))
        assert (np.diff(scores) >= 0).all()


def test_class_of_everybody_or_nobody_is_allowed():
    """Each such class is left alone, with a warning; a filter that does not prune warns of nothing."""
    for labels in (FULL, [[1], [], [], [1], [], []]):
        with pytest.warns(UserWarning, match="1 classes .* min_examples_per_class=1 examples or fewer.*: 0"):
            mask = filter.find_multilabel_issues_per_class(labels, PROBS)
        assert mask.shape == (6, 2)
        for filter_by in FILTERS[3:]:
            assert filter.find_label_issues(labels, PROBS, filter_by=filter_by).shape == (6,)


def test_confident_joint_of_the_caller_counts():
    """A confident joint is used as it is, a joint distribution as the counts that it stands for."""
    problem = make_problem(100)
    given = problem.labels, problem.pred_probs
    nothing = np.tile(np.eye(2, dtype=int), (given[1].shape[1], 1, 1)) * 1000
    assert dataset.overall_multilabel_health_score(*given, confident_joint=nothing) == 1
    classes = dataset.rank_classes_by_multilabel_quality(*given, confident_joint=nothing)
    assert (classes["Label Quality Score"] == 1).all()
    of_joint = dataset.rank_classes_by_multilabel_quality(*given, joint=nothing / 2000)
    assert (of_joint["Label Quality Score"] == 1).all()


def test_numbers_to_remove_are_of_the_examples_with_the_class():
    """(1, 0) flags the one example that is wrongly given class 0, and nothing else."""
    for filter_by in FILTERS[:3]:
        mask = filter.find_multilabel_issues_per_class(
            LABELS, PROBS, filter_by=filter_by, num_to_remove_per_class=[1, 0]
        )

        assert np.argwhere(mask).tolist() == [[2, 0]]


def test_arguments_are_left_alone():
    """Neither labels nor probabilities are changed, and inner lists may be tuples or arrays."""
    labels, probs = [list(row) for row in LABELS], PROBS.copy()
    mask = filter.find_label_issues(labels, probs)

    assert labels == LABELS
    assert np.array_equal(probs, PROBS)
    assert np.array_equal(filter.find_label_issues([tuple(row) for row in LABELS], probs), mask)
    assert np.array_equal(filter.find_label_issues([np.array(row, int) for row in LABELS], probs), mask)
    assert np.array_equal(filter.find_label_issues([[float(k) for k in row] for row in LABELS], probs), mask)


def test_options_without_effect_are_named():
    """Every option that changes nothing is named in a warning."""
    given = LABELS, PROBS
    with pytest.warns(UserWarning, match="`frac_noise` is not used by filter_by='low_self_confidence'"):
        filter.find_label_issues(*given, filter_by="low_self_confidence", frac_noise=0.5)
    with pytest.warns(UserWarning, match="`confident_joint` is not used by filter_by='confident_learning'"):
        count.num_label_issues(*given, multi_label=True, confident_joint=np.ones((2, 2, 2), int))
    with pytest.warns(
        UserWarning, match=r"`confident_joint` is not used: .* shape \(2, 2, 2\), got \(2, 2\)"
    ):
        filter.find_label_issues(*given, confident_joint=np.eye(2, dtype=int))
    with pytest.warns(UserWarning, match="`frac_noise` is not used with low_memory=True"):
        filter.find_label_issues(*given, low_memory=True, frac_noise=0.5)
    with pytest.warns(DeprecationWarning, match=r"use multilabel_classification\.filter\.find_label_issues"):
        mask = cl.filter.find_label_issues(*given, multi_label=True)
    assert np.array_equal(mask, filter.find_label_issues(*given))


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.array([[1, 0], [0, 1]]), errors.LabelSetsTypeError, "must be a list of lists.*got ndarray. Hint"),
        (None, errors.LabelSetsTypeError, "`labels` must be a list of lists of class numbers; got NoneType"),
        (None, AssertionError, "`labels`"),
        ([0, [1]], errors.LabelSetsTypeError, r"one list .*; got int at row 0 \(1 of 2 rows\)"),
        ([[0], "1"], TypeError, r"got str at row 1 \(1 of 2 rows\)"),
        ([], errors.LabelsError, "`labels` must not be empty; got 0 label sets"),
        ([[0], [-1]], errors.LabelsError, r"must be 0 or more; got -1 at row 1 \(1 of 2 rows\)"),
        (
            [[0], [1, 2]],
            errors.LabelsError,
            r"below the number of columns.*, 2; got 2 at row 1 \(1 of 2 rows\)",
        ),
        ([["a"], [1]], errors.LabelsError, r"whole numbers.*; got 'a' at row 0 \(1 of 2 rows\)"),
        ([[0], [0.5]], errors.LabelsError, r"whole numbers.*; got 0.5 at row 1 \(1 of 2 rows\)"),
        ([[0], [np.nan]], errors.LabelsError, r"whole numbers.*; got nan at row 1"),
        (
            [[True, False], [False]],
            errors.LabelsError,
            r"truth values; got True at row 0 \(2 of 2 rows\). Hint",
        ),
        ([[0], [[1], [0, 1]]], errors.LabelsError, r"whole numbers.*; got \[1\] at row 1"),
        ([[0]], errors.PredProbsError, "one row for each of `labels`; got 2 rows for 1 label sets"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        filter.find_label_issues,
        filter.find_multilabel_issues_per_class,
        rank.get_label_quality_scores,
        dataset.common_multilabel_issues,
        lambda *given: count.get_confident_thresholds(*given, True),
        lambda *given: count.estimate_joint(*given, multi_label=True),
    ],
)
def test_bad_labels(call, labels, error, message):
    """Labels that are no lists of classes are rejected with their row, by every function."""
    with pytest.raises(error, match=message):
        call(labels, PROBS[:2])


NAN = np.array([[0.5, 0.5], [np.nan, 0.5]])
TWO = [[0], [1]]
JOINTS = np.ones((2, 2, 2), int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: filter.find_label_issues(TWO, NAN), errors.PredProbsError, r"\[0, 1\]; got nan at row 1"),
        (
            lambda: filter.find_label_issues(TWO, NAN.tolist()),
            TypeError,
            "`pred_probs` must be a numpy array",
        ),
        (lambda: filter.find_label_issues(TWO, PROBS[0]), errors.PredProbsError, r"got shape \(2,\)"),
        (
            lambda: rank.get_label_quality_scores(TWO, PROBS[:2] + 1),
            errors.PredProbsError,
            "got 1.9 at row 0",
        ),
        (
            lambda: rank.get_label_quality_scores(TWO, PROBS[:2] - 0.1 - 1e-7, method=SCORES[2]),
            errors.PredProbsError,
            r"`pred_probs` must lie in \[0, 1\]; got -1e-07 at row 0",
        ),
        (
            lambda: rank.get_label_quality_scores([[0], []], PROBS[:2, :1]),
            errors.PredProbsError,
            "at least two columns; got 1",
        ),
        (
            lambda: rank.get_label_quality_scores([[0, 1]] * 2, PROBS[:2]),
            errors.LabelsError,
            r"with a class and one without it; got all classes at row 0 \(2 of 2 rows\)",
        ),
        (lambda: rank.get_label_quality_scores([[], []], PROBS[:2]), errors.LabelsError, "got none at row 0"),
        (
            lambda: rank.get_label_quality_scores(TWO, PROBS[:2], method="x"),
            errors.OptionError,
            "`method` must",
        ),
        (lambda: filter.find_label_issues(TWO, PROBS[:2], filter_by="x"), AssertionError, "`filter_by` must"),
        (lambda: filter.find_label_issues(TWO, PROBS[:2], n_jobs=0), AssertionError, "`n_jobs` must"),
        (lambda: filter.find_label_issues(TWO, PROBS[:2], frac_noise=-1), errors.OptionError, "`frac_noise`"),
        (lambda: filter.find_label_issues(TWO, PROBS[:2], "x"), errors.OptionError, "`score` must be one of"),
        (
            lambda: filter.find_label_issues(TWO, PROBS[:2], rank_by_kwargs={"x": 1}),
            errors.OptionError,
            "`rank_by_kwargs` must hold no other key",
        ),
        (
            lambda: filter.find_label_issues(TWO, PROBS[:2], num_to_remove_per_class=[1]),
            errors.MatrixError,
            "`num_to_remove_per_class` must be 2 numbers",
        ),
        (
            lambda: filter.find_label_issues(TWO, PROBS[:2], confident_joint=JOINTS[0, 0]),
            errors.MatrixError,
            r"`confident_joint` must be of shape \(2, 2, 2\).*got shape \(2,\)",
        ),
        (
            lambda: filter.find_label_issues(TWO, PROBS[:2], confident_joint=JOINTS / 2),
            errors.MatrixError,
            r"`confident_joint\[0\]` must hold whole counts; got 0.5 at row 0",
        ),
        (
            lambda: count.calibrate_confident_joint(np.eye(2), TWO, multi_label=True),
            errors.MatrixError,
            r"of shape \(K, 2, 2\).*got shape \(2, 2\)",
        ),
        (
            lambda: count.calibrate_confident_joint(-JOINTS, TWO, multi_label=True),
            errors.MatrixError,
            r"`confident_joint\[0\]` must be 0 or more; got -1 at row 0",
        ),
        (
            lambda: count.compute_confident_joint(TWO, PROBS[:2], thresholds=[0.5] * 4, multi_label=True),
            errors.MatrixError,
            "`thresholds` must be 2 numbers",
        ),
        (
            lambda: dataset.common_multilabel_issues(LABELS, PROBS, class_names=["cat"]),
            IndexError,
            "`class_names` must name 2 classes; got 1",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"method": "x"}, errors.OptionError, r"`aggregator_kwargs\['method'\]` must be one of.*got 'x'"),
        ({"alpha": 0.5}, TypeError, "`aggregator_kwargs` must name a 'method'; got 'alpha'"),
        (
            {"method": "softmin", "alpha": 1},
            TypeError,
            "no other key than 'temperature' for softmin; got 'alpha'",
        ),
        (
            {"method": "softmin", "temperature": -1},
            errors.OptionError,
            r"must be a number in \[0, inf\]; got -1",
        ),
        (
            {"method": "exponential_moving_average", "alpha": 1.5},
            errors.OptionError,
            r"`aggregator_kwargs\['alpha'\]` must be a number in \[0, 1\]; got 1.5",
        ),
        (
            {"method": lambda s, axis: s},
            errors.OptionError,
            r"one number for each example; got shape \(6, 2\)",
        ),
    ],
)
def test_bad_aggregators(kwargs, error, message):
    """An aggregate that is unknown, or does not aggregate, is named."""
    with pytest.raises(error, match=message):
        rank.get_label_quality_scores(LABELS, PROBS, aggregator_kwargs=kwargs)
