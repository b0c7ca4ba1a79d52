"""The same answer however the rows are divided: blocks, threads, parts, layouts; compiled or not."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labelhealth.core as cl
from labelhealth.core import _compiled, _pairs, parts
from labelhealth.core._check import check_given
from labelhealth.core._joint import calibrate, round_row_totals
from labelhealth.core._order import ascending
from labelhealth.core._pairs import Matrix, sparse
from labelhealth.core._pairwise import pairwise_sums
from labelhealth.core._sweep import Division
from labelhealth.core.audit import LabelAudit, _audit
from labelhealth.core.options import FILTERS, SCORES, IssueOptions
from tests.core.strategies import datasets, random_dataset

SCORINGS = [
    (score, adjust) for score in SCORES for adjust in (False, True) if score != SCORES[2] or not adjust
]
filters, scorings = st.sampled_from(FILTERS), st.sampled_from(SCORINGS)


def options_of(filter_by, scoring, **others):
    return IssueOptions(filter_by=filter_by, score=scoring[0], adjust_pred_probs=scoring[1], **others)


def assert_same(one, other):
    """Every field is equal to the last bit, types included."""
    for field in fields(LabelAudit):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, Matrix):
            left, right = left.dense(), right.dense()
        assert np.asarray(left).dtype == np.asarray(right).dtype, field.name
        assert np.array_equal(left, right), field.name


@given(
    dataset=datasets(),
    block_rows=st.integers(1, 70),
    n_threads=st.integers(1, 5),
    filter_by=filters,
    scoring=scorings,
)
@settings(max_examples=200, deadline=None)
def test_blocks_and_threads(dataset, block_rows, n_threads, filter_by, scoring):
    """Every field of an audit is the same for any number of rows in a block and of threads."""
    options = options_of(filter_by, scoring)
    whole = _audit(check_given(*dataset), options)

    assert_same(_audit(check_given(*dataset), options, Division(block_rows, n_threads)), whole)


@given(n_classes=st.sampled_from([3, 17, 40]), seed=st.integers(0, 99), filter_by=filters, scoring=scorings)
@settings(max_examples=60, deadline=None)
def test_compiled_or_not(n_classes, seed, filter_by, scoring):
    """The loops give the same bits as machine code and as Python."""
    dtype = (np.float32, np.float64)[seed % 2]
    dataset = random_dataset(seed, n_classes, 120, dtype)
    options = options_of(filter_by, scoring)
    audits = []
    for small in (0, 2**40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_compiled, "SMALL", small)
            audits.append(_audit(check_given(*dataset), options))

    assert_same(*audits)


def audit_in_parts(labels, pred_probs, cuts, options, kinds=None):
    """Return issues, ranks, joint, thresholds and columns by the functions of `core.parts`."""
    bounds = list(zip([0, *cuts], [*cuts, len(labels)], strict=True))
    given = [(labels[a:b].astype(np.int32), pred_probs[a:b]) for a, b in bounds]
    if kinds is not None:
        given = [(part, probs.astype(kind)) for (part, probs), kind in zip(given, kinds, strict=True)]
    kind = np.result_type(*(probs.dtype for _, probs in given))
    limits, counts = parts.thresholds([parts.measure(*part, options.score) for part in given], kind)
    judged = [parts.judge(*part, limits, options, kind) for part in given]
    planned = parts.plan([j.counts for j in judged], counts, sum(j.n_confident for j in judged), options)
    sizes = [b - a for a, b in bounds]
    chosen = [[[] for _ in given] for _ in planned.plan.wanted]
    wanted, among_others = planned.plan, False
    while wanted is not None and wanted.wanted:
        found = [
            parts.select(*part, j.columns, wanted, kind, among_others=among_others)
            for part, j in zip(given, judged, strict=True)
        ]
        settled = parts.settle(wanted, found, sizes, kind)
        for rows, each in zip(chosen, settled, strict=False):
            for place, (a, b) in enumerate(bounds):
                rows[place].append(each.rows[(each.rows >= a) & (each.rows < b)] - a)
        wanted = None if among_others else parts.still_open(wanted, settled, counts)
        among_others = True
    marked = [
        parts.mark(part[0], j.columns, planned.plan, [np.concatenate(rows[place]) for rows in chosen])
        for place, (part, j) in enumerate(zip(given, judged, strict=True))
    ]
    rows = np.concatenate([each + a for each, (a, _) in zip(marked, bounds, strict=True)])
    scores = np.concatenate([j.columns.score[each] for j, each in zip(judged, marked, strict=True)])
    return rows, parts.rank(scores), planned, limits, judged


@given(
    dataset=datasets(),
    cuts=st.lists(st.integers(0, 60), max_size=5).map(sorted),
    filter_by=filters,
    scoring=scorings,
    frac_noise=st.sampled_from([1.0, 0.5, 0.1]),
    least=st.sampled_from([0, 1, 3]),
)
@settings(max_examples=300, deadline=None)
def test_parts(dataset, cuts, filter_by, scoring, frac_noise, least):
    """An audit of any parts, empty ones too, is the audit of the whole."""
    labels, pred_probs = dataset
    cuts = [min(cut, len(labels)) for cut in cuts]
    options = options_of(filter_by, scoring, frac_noise=frac_noise, min_examples_per_class=least)
    whole = cl.audit.audit_labels(labels, pred_probs, options)
    rows, ranks, planned, limits, judged = audit_in_parts(labels, pred_probs, cuts, options)

    assert np.array_equal(rows, np.flatnonzero(whole.is_label_issue))
    assert np.array_equal(rows[np.argsort(ranks)], whole.ranked_issues)
    assert np.array_equal(planned.joint.dense(), whole.confident_joint.dense())
    assert planned.num_issues == whole.num_issues
    assert np.array_equal(limits, whole.thresholds)
    names = {"score": "label_quality", "predicted": "predicted_label", "is_close": "is_close"}
    for name in ("score", "predicted", "is_close", "self_confidence", "normalized_margin"):
        column = np.concatenate([getattr(j.columns, name) for j in judged])
        assert np.array_equal(column, getattr(whole, names.get(name, name))), name


@pytest.mark.parametrize("filter_by", FILTERS)
def test_parts_of_different_types(filter_by):
    """Parts in float32 and float64 are judged as float64, as one array of them would be."""
    labels, pred_probs = random_dataset(3, 5, 900)
    pred_probs[:300] = pred_probs[:300].astype(np.float32)
    options = options_of(filter_by, SCORINGS[0])
    whole = cl.audit.audit_labels(labels, pred_probs, options)
    kinds = [np.float32, np.float64]
    rows, ranks, _, limits, _ = audit_in_parts(labels, pred_probs, [300], options, kinds)

    assert np.array_equal(rows[np.argsort(ranks)], whole.ranked_issues)
    assert np.array_equal(limits, whole.thresholds)


@pytest.mark.parametrize("n_classes", [2, 16, 17, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_rows_in_parts(n_classes, dtype):
    """Enough rows that loops are compiled and shared among threads; pools overflow and are thinned."""
    labels, pred_probs = random_dataset(n_classes, n_classes, 2**22 // n_classes // 4, dtype)
    cuts = [len(labels) // 3, len(labels) // 2]
    for filter_by in ("both", "low_self_confidence"):
        options = options_of(filter_by, ("normalized_margin", False))
        whole = cl.audit.audit_labels(labels, pred_probs, options)
        threaded = _audit(check_given(labels, pred_probs), options, Division(n_threads=3))
        rows, ranks, *_ = audit_in_parts(labels, pred_probs, cuts, options)

        assert_same(threaded, whole)
        assert np.array_equal(rows[np.argsort(ranks)], whole.ranked_issues)


@pytest.mark.parametrize("method", ["off_diagonal", "off_diagonal_calibrated"])
def test_joint_of_more_classes_than_fit_in_a_square(method, monkeypatch):
    """Counting by sorting, and sums over entries alone, give what full matrices give."""
    labels, pred_probs = random_dataset(8, 60, 4000)
    expected = cl.count.compute_confident_joint(labels, pred_probs)
    flagged = cl.filter.find_label_issues(labels, pred_probs, frac_noise=0.7)
    issues = cl.count.num_label_issues(labels, pred_probs, estimation_method=method)
    monkeypatch.setattr(_pairs, "MAX_DENSE", 0)

    assert np.array_equal(cl.count.compute_confident_joint(labels, pred_probs), expected)
    assert np.array_equal(cl.filter.find_label_issues(labels, pred_probs, frac_noise=0.7), flagged)
    assert cl.count.num_label_issues(labels, pred_probs, estimation_method=method) == issues


@given(
    length=st.integers(1, 3000), share=st.sampled_from([0.0, 0.01, 0.3, 0.97, 1.0]), seed=st.integers(0, 99)
)
@settings(max_examples=200, deadline=None)
def test_sum_of_given_entries(length, share, seed):
    """The sum over the entries that are not zero has the bits of numpy's sum over all."""
    rng = np.random.default_rng(seed)
    full = np.where(rng.random(length) < share, rng.exponential(size=length), 0.0)
    places = np.flatnonzero(full)

    assert pairwise_sums(places, full[places], length).tolist() == [full.sum()]
    matrix = np.zeros((4, length))
    matrix[1], matrix[3] = full, rng.permutation(full)
    places = np.flatnonzero(matrix)
    assert np.array_equal(
        pairwise_sums(places, matrix.ravel()[places], length, 4), [row.sum() for row in matrix]
    )
    assert np.array_equal(matrix.sum(axis=1), [row.sum() for row in matrix])


@given(seed=st.integers(0, 999), n_classes=st.integers(1, 9), scale=st.sampled_from([0.5, 1.0, 7.0]))
@settings(max_examples=200, deadline=None)
def test_rounding_keeps_row_totals(seed, n_classes, scale):
    """Entry by entry or as full rows: whole numbers, each row with its rounded total."""
    rng = np.random.default_rng(seed)
    full = np.where(rng.random((n_classes, n_classes)) < 0.6, rng.integers(0, 8, (n_classes, n_classes)), 0)
    full = full * scale / 2
    rounded = round_row_totals(sparse(full)).dense()

    assert np.array_equal(rounded, cl.arrays.round_preserving_row_totals(full))
    assert np.array_equal(rounded.sum(axis=1), np.rint(full.sum(axis=1)))


def test_calibration_depends_on_the_memory_order_only_in_the_last_bit():
    """Row totals of a calibrated joint are the class counts in either order."""
    rng = np.random.default_rng(1)
    full = rng.integers(0, 50, (30, 30))
    counts = rng.integers(1, 5000, 30)
    for order in ("C", "F"):
        assert calibrate(sparse(full), counts, order).dense().sum(axis=1).tolist() == counts.tolist()


scores_with_ties = st.one_of(
    st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0]), st.floats(-2, 2, width=32), st.just(np.inf)
)


@given(st.lists(scores_with_ties, max_size=300), st.booleans(), st.sampled_from([1, 3000]))
@settings(max_examples=200, deadline=None)
def test_ascending_order_is_stable(values, narrow, times):
    """Ties, and zeros of either sign, keep the order of the rows, in short lists and in long ones."""
    scores = np.resize(np.array(values, dtype=np.float32 if narrow else np.float64), len(values) * times)

    assert np.array_equal(ascending(scores), np.argsort(scores, kind="stable"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ascending_order_of_close_scores(dtype):
    """Scores that differ in their last bits only, and in their exponents."""
    rng = np.random.default_rng(5)
    scores = rng.choice([1.0, -1.0], 50_000) * 2.0 ** rng.integers(-60, 60, 50_000)
    scores = np.append(scores, 1 + rng.integers(0, 99, 50_000) * np.finfo(dtype).eps).astype(dtype)

    assert np.array_equal(ascending(scores), np.argsort(scores, kind="stable"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [3, 20])
def test_negative_zeros_and_tiny_negatives(n_classes, dtype):
    """Probabilities a little below zero, and zeros of either sign, are compared as numbers."""
    rng = np.random.default_rng(2)
    labels = np.arange(3000) % n_classes
    pred_probs = rng.choice(np.array([0.0, -0.0, -1e-7, -5e-7, 1e-7, 0.5], dtype), (3000, n_classes))
    columns = cl.audit.audit_labels(labels, pred_probs)
    others = pred_probs.copy()
    others[np.arange(3000), labels] = -np.inf

    assert np.array_equal(columns.predicted_label, pred_probs.argmax(axis=1))
    own = pred_probs[np.arange(3000), labels]
    assert np.array_equal(columns.normalized_margin, (own - others.max(axis=1) + 1) / 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forms_of_probabilities(dtype, tmp_path):
    """In memory, mapped from `.npy`, as an Arrow column, in either order, strided: the same audit."""
    pa = pytest.importorskip("pyarrow")
    labels, pred_probs = random_dataset(4, 9, 4000, dtype)
    np.save(tmp_path / "probs.npy", pred_probs)
    column = pa.FixedSizeListArray.from_arrays(pa.array(pred_probs.ravel()), 9)
    spread = np.zeros((8000, 18), dtype)
    spread[::2, ::2] = pred_probs
    whole = cl.audit.audit_labels(labels, pred_probs)
    forms = {
        "mapped": np.load(tmp_path / "probs.npy", mmap_mode="r"),
        "Arrow": column.values.to_numpy(zero_copy_only=True).reshape(4000, 9),
        "columns first": np.asfortranarray(pred_probs),
        "strided": spread[::2, ::2],
        "other bytes": pred_probs.astype(pred_probs.dtype.newbyteorder()),
    }

    for form in forms.values():
        assert_same(cl.audit.audit_labels(labels, form), whole)


@pytest.mark.parametrize("n_jobs", [1, 2, 7])
def test_number_of_jobs(n_jobs):
    """`n_jobs` limits threads and changes nothing."""
    labels, pred_probs = random_dataset(5, 30, 80_000, np.float32)
    expected = cl.filter.find_label_issues(labels, pred_probs, return_indices_ranked_by="normalized_margin")
    found = cl.filter.find_label_issues(
        labels, pred_probs, return_indices_ranked_by="normalized_margin", n_jobs=n_jobs
    )

    assert np.array_equal(found, expected)
