"""Label issues of data in batches: what is found does not depend on the batches, and is what cleanlab finds."""

import numpy as np
import pytest

import labelhealth.core as cl
from labelhealth.core import errors
from labelhealth.core.label_issues_batched import LabelInspector, find_label_issues_batched
from tests.core.strategies import random_dataset

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 500
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def drawn(seed):
    """A dataset of which every class occurs, and options."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 12))
    labels, pred_probs = random_dataset(seed, n_classes, int(rng.integers(30, 120)))
    labels[:n_classes] = np.arange(n_classes)
    method = SCORES[seed % 3]
    score = {"method": method, "adjust_pred_probs": bool(rng.random() < 0.3) and method != SCORES[2]}
    number = {"estimation_method": ("off_diagonal", "off_diagonal_calibrated")[seed % 2]}
    options = {"quality_score_kwargs": score, "num_issue_kwargs": number, "verbose": False}
    return labels, pred_probs, int(rng.integers(12, 150)), options


def test_rows_are_those_of_cleanlab(record_testsuite_property):
    """The same rows for 500 problems; ours are ordered by severity, as its documentation promises."""
    theirs = pytest.importorskip("cleanlab.experimental.label_issues_batched")
    n_flagged = 0
    for seed in range(N_PROBLEMS):
        labels, pred_probs, batch_size, options = drawn(seed)
        ours = find_label_issues_batched(labels, pred_probs, batch_size=batch_size, **options)
        peer = theirs.find_label_issues_batched(
            labels, pred_probs, batch_size=batch_size, n_jobs=1, **options
        )
        assert np.array_equal(np.sort(ours), peer), seed
        n_flagged += len(ours)
        scores = cl.rank.get_label_quality_scores(labels, pred_probs, **options["quality_score_kwargs"])
        assert np.array_equal(ours, ours[np.argsort(scores[ours], kind="stable")]), seed
    record_testsuite_property("batches: problems compared with cleanlab", N_PROBLEMS)

    assert n_flagged > N_PROBLEMS


@pytest.mark.parametrize("batch_size", [1, 7, 100, 10_000])
def test_batches_change_nothing(batch_size):
    """Rows, thresholds and scores are the same for any size of the batches."""
    labels, pred_probs, _, options = drawn(8)
    inspector = LabelInspector(num_class=pred_probs.shape[1], **options)
    parts = [slice(start, start + batch_size) for start in range(0, len(labels), batch_size)]
    for rows in parts:
        inspector.update_confident_thresholds(labels[rows], pred_probs[rows])
    scores = [inspector.score_label_quality(labels[rows], pred_probs[rows]) for rows in parts]

    assert np.array_equal(
        inspector.get_confident_thresholds(), cl.count.get_confident_thresholds(labels, pred_probs)
    )
    assert np.array_equal(np.concatenate(scores), inspector.get_quality_scores())
    expected = find_label_issues_batched(labels, pred_probs, batch_size=len(labels), **options)
    assert np.array_equal(
        find_label_issues_batched(labels, pred_probs, batch_size=batch_size, **options), expected
    )


def test_files_masks_and_anything_that_can_be_sliced(tmp_path, capsys):
    """Memory-mapped files, and arrays that only give slices, are read as arrays are."""

    class Slices:
        def __init__(self, values):
            self._values, self.shape = values, values.shape

        def __getitem__(self, rows):
            assert isinstance(rows, slice)
            return self._values[rows]

    labels, pred_probs, _, _ = drawn(5)
    expected = find_label_issues_batched(labels, pred_probs, verbose=False)
    files = {name: str(tmp_path / f"{name}.npy") for name in ("labels", "pred_probs")}
    np.save(files["labels"], labels)
    np.save(files["pred_probs"], pred_probs)
    given = {f"{name}_file": path for name, path in files.items()}

    assert np.array_equal(find_label_issues_batched(**given, batch_size=50), expected)
    written = capsys.readouterr().out
    assert f"mmap-loaded numpy arrays have: {len(labels)} examples, {pred_probs.shape[1]} classes" in written
    assert f"Total number of examples whose labels have been evaluated: {len(labels)}" in written
    sliced = find_label_issues_batched(Slices(labels), Slices(pred_probs), batch_size=64, verbose=False)
    assert np.array_equal(sliced, expected)
    mask = find_label_issues_batched(list(labels), pred_probs, return_mask=True, verbose=False)
    assert np.array_equal(np.flatnonzero(mask), np.sort(expected))


def test_zarr_arrays_are_read_in_batches(tmp_path):
    """Chunked arrays on disk, of any chunks, give what arrays in memory give, in the inspector too."""
    zarr = pytest.importorskip("zarr")
    labels, pred_probs, _, _ = drawn(5)
    given = [
        zarr.create_array(store=str(tmp_path / name), data=values, chunks=chunks)
        for name, values, chunks in (("labels", labels, (7,)), ("probs", pred_probs, (13, 2)))
    ]
    expected = find_label_issues_batched(labels, pred_probs, verbose=False)
    inspector = LabelInspector(num_class=pred_probs.shape[1], verbose=False)
    inspector.update_confident_thresholds(*given)
    inspector.score_label_quality(*given)

    assert np.array_equal(find_label_issues_batched(*given, batch_size=10, verbose=False), expected)
    plain = LabelInspector(num_class=pred_probs.shape[1], verbose=False)
    plain.update_confident_thresholds(labels, pred_probs)
    plain.score_label_quality(labels, pred_probs)
    assert np.array_equal(inspector.get_label_issues(), plain.get_label_issues())


def test_missing_class_is_never_confident():
    """A class without examples has threshold 2, as everywhere else."""
    labels, pred_probs = random_dataset(3, 4, 200)
    kept = labels != 2
    inspector = LabelInspector(num_class=4, verbose=False)
    inspector.update_confident_thresholds(labels[kept], pred_probs[kept])
    inspector.score_label_quality(labels[kept], pred_probs[kept])

    assert inspector.get_confident_thresholds()[2] == 2
    is_off = pred_probs[kept].argmax(axis=1) != 2
    assert inspector.get_num_issues() <= is_off.sum()


PROBS = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])


def inspector_of(**options):
    """An inspector of two classes that writes nothing."""
    return LabelInspector(num_class=2, verbose=False, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: find_label_issues_batched([0, 1], PROBS),
            errors.PredProbsError,
            "one row for each of `labels`; got 3 for 2",
        ),
        (
            lambda: find_label_issues_batched(np.array(1), PROBS),
            errors.LabelsError,
            "rows; got a single value",
        ),
        (lambda: find_label_issues_batched([], np.empty((0, 2))), errors.LabelsError, r"got shape \(0, 2\)"),
        (
            lambda: find_label_issues_batched(None, PROBS),
            errors.OptionError,
            "`labels` or `labels_file`.*got neither",
        ),
        (
            lambda: find_label_issues_batched([0, 1, 1], PROBS, labels_file="x.npy"),
            errors.OptionError,
            "`labels` or `labels_file`.*got both",
        ),
        (
            lambda: find_label_issues_batched(labels_file=3, pred_probs=PROBS),
            errors.OptionError,
            "`labels_file` must be a path as text; got int",
        ),
        (
            lambda: find_label_issues_batched(labels_file="absent.npy", pred_probs=PROBS),
            errors.OptionError,
            "`labels_file` must be a .npy file.*'absent.npy'",
        ),
        (
            lambda: find_label_issues_batched([0, 1, 1], PROBS, batch_size=0),
            errors.OptionError,
            "`batch_size` must be 1",
        ),
        (lambda: inspector_of(n_jobs=0), errors.OptionError, "`n_jobs` must be"),
        (lambda: LabelInspector(num_class=0), errors.OptionError, "`num_class` must be 1 or more; got 0"),
        (
            lambda: inspector_of(num_issue_kwargs={"estimation_method": "x"}),
            errors.OptionError,
            "`estimation_method` must be one of",
        ),
        (
            lambda: inspector_of(quality_score_kwargs={"metod": "x"}),
            errors.OptionError,
            "`quality_score_kwargs` may have the keys method, adjust_pred_probs; got 'metod'",
        ),
        (
            lambda: inspector_of().get_confident_thresholds(),
            errors.OptionError,
            "`update_confident_thresholds` must be",
        ),
        (
            lambda: inspector_of().score_label_quality([0], PROBS[:1]),
            errors.OptionError,
            "`update_confident_thresholds`",
        ),
        (
            lambda: inspector_of().get_label_issues(),
            errors.OptionError,
            "`score_label_quality` must be called first",
        ),
        (
            lambda: inspector_of(store_results=False).get_quality_scores(),
            errors.OptionError,
            "`store_results` must be",
        ),
        (
            lambda: inspector_of().update_confident_thresholds([0, 1], np.ones((2, 3)) / 3),
            errors.PredProbsError,
            "must have 2 columns, as `num_class` says; got 3",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()
