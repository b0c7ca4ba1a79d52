"""Laws that every score, filter and count obeys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labelhealth.core as cl
from labelhealth.core._sums import sum_self_confidence
from labelhealth.core.options import FILTERS, SCORES, IssueOptions
from tests.core.strategies import datasets, random_dataset

pytestmark = pytest.mark.filterwarnings("ignore:.*classes have min_examples_per_class:UserWarning")

SCORINGS = [
    (score, adjust) for score in SCORES for adjust in (False, True) if score != SCORES[2] or not adjust
]


def _scores(labels, pred_probs, scoring):
    return cl.rank.get_label_quality_scores(
        labels, pred_probs, method=scoring[0], adjust_pred_probs=scoring[1]
    )


@pytest.mark.parametrize("scoring", SCORINGS)
@given(dataset=datasets())
@settings(max_examples=30, deadline=None)
def test_scores_lie_between_0_and_1(dataset, scoring):
    """No score leaves [0, 1] by more than rounding."""
    scores = _scores(*dataset, scoring)

    assert scores.min() >= -1e-6
    assert scores.max() <= 1 + 1e-6


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("seed", range(5))
def test_scores_follow_a_permutation_of_examples(scoring, seed):
    """The score of an example does not depend on where it stands, to the last bit."""
    labels, pred_probs = random_dataset(seed, 5, 200)
    order = np.random.default_rng(seed).permutation(len(labels))

    assert np.array_equal(
        _scores(labels[order], pred_probs[order], scoring), _scores(labels, pred_probs, scoring)[order]
    )


@pytest.mark.parametrize("filter_by", FILTERS)
@pytest.mark.parametrize("seed", range(5))
def test_filters_follow_a_permutation_of_examples(filter_by, seed):
    """Whether an example is flagged does not depend on where it stands, unless it is tied."""
    labels, pred_probs = random_dataset(seed, 5, 200)
    order = np.random.default_rng(seed).permutation(len(labels))
    flagged = cl.filter.find_label_issues(labels, pred_probs, filter_by=filter_by)
    permuted = cl.filter.find_label_issues(labels[order], pred_probs[order], filter_by=filter_by)

    assert np.array_equal(permuted, flagged[order])


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("seed", range(5))
def test_scores_ignore_the_names_of_classes(scoring, seed):
    """Renumbering the classes leaves every score the same, up to the order of sums."""
    labels, pred_probs = random_dataset(seed, 5, 200)
    names = np.random.default_rng(seed).permutation(5)

    np.testing.assert_allclose(
        _scores(names[labels], pred_probs[:, np.argsort(names)], scoring),
        _scores(labels, pred_probs, scoring),
        rtol=1e-12,
    )


@pytest.mark.parametrize("seed", range(10))
def test_raw_joint_follows_the_names_of_classes(seed):
    """Renumbering the classes renumbers the rows and columns of the raw confident joint."""
    labels, pred_probs = random_dataset(seed, 5, 200)
    names = np.random.default_rng(seed).permutation(5)
    joint = cl.count.compute_confident_joint(labels, pred_probs, calibrate=False)
    renamed = cl.count.compute_confident_joint(
        names[labels], pred_probs[:, np.argsort(names)], calibrate=False
    )

    assert np.array_equal(renamed[np.ix_(names, names)], joint)


@pytest.mark.parametrize("copies", [2, 3, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_of_a_dataset_change_no_threshold(copies, dtype):
    """Thresholds of a dataset and of copies of it are equal to the last bit; the raw joint is multiplied."""
    labels, pred_probs = random_dataset(0, 5, 300, dtype)
    many = np.tile(labels, copies), np.tile(pred_probs, (copies, 1))
    thresholds = cl.count.get_confident_thresholds

    assert np.array_equal(thresholds(*many), thresholds(labels, pred_probs))
    joint = cl.count.compute_confident_joint(labels, pred_probs, calibrate=False)
    assert np.array_equal(cl.count.compute_confident_joint(*many, calibrate=False), copies * joint)


@pytest.mark.parametrize("filter_by", FILTERS)
def test_perfect_predictions_have_no_issues(filter_by):
    """Certain predictions that agree with the labels are never flagged."""
    labels = np.tile(np.arange(4), 10)
    flagged = cl.filter.find_label_issues(labels, np.eye(4)[labels], filter_by=filter_by)

    assert not flagged.any()


@given(dataset=datasets())
@settings(max_examples=60, deadline=None)
def test_both_is_the_intersection(dataset):
    """`both` flags what the two prune filters flag, and nothing flagged is the most probable class."""
    labels, pred_probs = dataset
    names = ("prune_by_noise_rate", "prune_by_class", "both")
    masks = [
        cl.audit.audit_labels(labels, pred_probs, IssueOptions(filter_by=name)).is_label_issue
        for name in names
    ]

    assert np.array_equal(masks[0] & masks[1], masks[2])
    assert not (masks[0] & (pred_probs.argmax(axis=1) == labels)).any()


@given(dataset=datasets())
@settings(max_examples=60, deadline=None)
def test_calibrated_joint_has_the_class_counts(dataset):
    """Rows of the calibrated joint sum to the examples of the class, and the joint sums to 1."""
    labels, pred_probs = dataset
    joint = cl.count.compute_confident_joint(labels, pred_probs)

    assert joint.sum(axis=1).tolist() == np.bincount(labels, minlength=pred_probs.shape[1]).tolist()
    assert cl.count.estimate_joint(labels, pred_probs).sum() == pytest.approx(1, abs=1e-12)


@given(st.lists(st.floats(-1e-6, 1.0), min_size=1, max_size=50), st.randoms())
@settings(max_examples=200, deadline=None)
def test_exact_sums_do_not_depend_on_order(values, random):
    """Means are the correctly rounded quotients, in any order, subnormal numbers included."""
    from fractions import Fraction

    shuffled = random.sample(values, len(values))
    means = []
    for each in (values, shuffled):
        sums = sum_self_confidence(np.zeros(len(each), np.int64), np.array(each)[:, None], 1e-6)
        means.append(sums.means(np.float64))
    exact = sum(map(Fraction, values)) / len(values)

    assert means[0] == means[1] == [float(exact)]


def test_memory_mapped_read_only_probabilities(tmp_path):
    """A read-only memory map gives the audit of the array in memory."""
    labels, pred_probs = random_dataset(5, 4, 500, np.float32)
    np.save(tmp_path / "pred_probs.npy", pred_probs)
    mapped = cl.audit.audit_labels(labels, np.load(tmp_path / "pred_probs.npy", mmap_mode="r"))
    in_memory = cl.audit.audit_labels(labels, pred_probs)

    assert np.array_equal(mapped.is_label_issue, in_memory.is_label_issue)
    assert np.array_equal(mapped.ranked_rows, in_memory.ranked_rows)


@pytest.mark.parametrize(
    "change", [np.asfortranarray, lambda p: p[:, ::-1][:, ::-1], lambda p: p.astype(">f8")]
)
def test_memory_layout_changes_nothing(change):
    """Order, strides and byte order of the probabilities do not matter."""
    labels, pred_probs = random_dataset(6, 4, 300)
    options = IssueOptions(score="normalized_margin", adjust_pred_probs=True)
    audits = [cl.audit.audit_labels(labels, p, options) for p in (pred_probs, change(pred_probs))]

    assert np.array_equal(audits[0].label_quality, audits[1].label_quality)
    assert np.array_equal(audits[0].is_label_issue, audits[1].is_label_issue)


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
def test_other_types_are_computed_in_float(dtype):
    """Half-precision probabilities are read as float32, integers as float64, block by block."""
    labels, pred_probs = random_dataset(9, 4, 300)
    given = pred_probs.round(0 if dtype is np.int64 else 3).astype(dtype)
    audit = cl.audit.audit_labels(labels, given)
    expected = cl.audit.audit_labels(labels, given.astype(np.float32 if dtype is np.float16 else np.float64))

    assert np.array_equal(audit.is_label_issue, expected.is_label_issue)
    assert audit.thresholds.dtype == expected.thresholds.dtype
    assert np.array_equal(audit.label_quality, expected.label_quality)


def test_many_classes_most_of_them_empty():
    """Two thousand classes, of which only some have examples."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 40, 400) * 50
    pred_probs = rng.dirichlet(np.ones(2000), 400).astype(np.float32)
    audit = cl.audit.audit_labels(labels, pred_probs)

    assert audit.confident_joint.n_classes == 2000
    assert audit.confident_joint.values.sum() == 400
    assert (audit.thresholds[audit.class_counts == 0] == 2).all()


def test_order_label_issues_is_the_ranked_filter():
    """Ordering a mask gives what the filter returns with ranked indices."""
    labels, pred_probs = random_dataset(8, 4, 300)
    mask = cl.filter.find_label_issues(labels, pred_probs)
    for score in SCORES:
        ranked = cl.filter.find_label_issues(labels, pred_probs, return_indices_ranked_by=score)

        assert np.array_equal(cl.rank.order_label_issues(mask, labels, pred_probs, rank_by=score), ranked)


def test_find_top_issues():
    """None and large numbers mean all, 0 none, and negative numbers bound the slice."""
    scores = np.array([0.5, 0.1, 0.5, 0.9])

    assert cl.rank.find_top_issues(scores, top=None).tolist() == [1, 0, 2, 3]
    assert cl.rank.find_top_issues(scores, top=99).tolist() == [1, 0, 2, 3]
    assert cl.rank.find_top_issues(scores, top=0).tolist() == []
    assert cl.rank.find_top_issues(scores, top=-1).tolist() == [1, 0, 2]
