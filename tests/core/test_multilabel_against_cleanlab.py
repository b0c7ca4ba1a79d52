"""Agreement with cleanlab on random multi-label problems: every difference has a reason that is checked."""

import importlib.util
import os
import pickle
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labelhealth.core.multilabel_classification import filter as sets
from labelhealth.core.multilabel_classification import rank
from tests.core.multilabel_calls import FILTERS, PRUNING, answers, make_problem

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("cleanlab") is None, reason="cleanlab is not installed"
)

N_PROBLEMS = 500
# cleanlab sorts with numpy's default sort, which with vector instructions breaks ties by accident
ENVIRONMENT = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3 AVX512_ICL",
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
}


def test_agrees_with_cleanlab(tmp_path, record_testsuite_property):
    """Every call of 500 problems gives cleanlab's answer, or differs for a reason that is checked."""
    command = [sys.executable, "-m", "tests.core.multilabel_calls", "cleanlab", "0", str(N_PROBLEMS)]
    process = subprocess.Popen(
        [*command, str(tmp_path / "theirs")],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small classes and unused options, as cleanlab warns too
        ours = {seed: answers("labelhealth.core", make_problem(seed)) for seed in range(N_PROBLEMS)}
    assert process.wait() == 0
    theirs = pickle.loads((tmp_path / "theirs").read_bytes())
    reasons, unexplained = Counter(), []
    for seed in range(N_PROBLEMS):
        assert ours[seed].keys() == theirs[seed].keys()
        for name, answer in ours[seed].items():
            if not is_equal(answer, theirs[seed][name]):
                reason = reason_of(name, make_problem(seed), answer, theirs[seed][name])
                reasons[reason] += 1
                unexplained += [(seed, name)] * (reason is None)
    n_compared = sum(map(len, ours.values()))
    record_testsuite_property("multi-label: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property(
        "multi-label: answers compared, differences by reason", f"{n_compared}, {reasons}"
    )

    assert unexplained == []
    assert n_compared >= 5 * N_PROBLEMS
    assert sum(reasons.values()) < 0.1 * n_compared


def is_equal(ours, theirs):
    """Equal types, shapes, masks and orders; equal reals up to the order of their sums; no answer is an error."""
    if isinstance(ours, str) or isinstance(theirs, str):
        return False
    if isinstance(ours, pd.DataFrame):
        return ours.equals(theirs)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(is_equal(*pair) for pair in zip(ours, theirs, strict=True))
    a, b = np.asarray(ours), np.asarray(theirs)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return np.array_equal(a, b) if a.dtype.kind in "iub" else np.allclose(a, b, rtol=1e-9, atol=1e-12)


def reason_of(name, problem, ours, theirs):
    """Name the reason of a difference; None if there is none."""
    filter_by = FILTERS[problem.seed % 7]
    is_absent = ~problem.has_label.any(axis=0)
    if name in {"mask", "ranked", "class mask", "class rows", "deprecated", "predicted"}:
        needs_two = (name == "predicted" or filter_by in FILTERS[4:]) and is_absent.any()
        if (
            needs_two
            and isinstance(theirs, str)
            and theirs.endswith("Labels must contain at least 2 classes.")
        ):
            return "cleanlab rejects a class that no example has"
        return _reason_of_order(problem, filter_by, ours, theirs) if name == "ranked" else None
    if name == "calibrated" and is_absent.any():
        is_short = isinstance(theirs, str) or is_equal(ours[: len(theirs)], theirs)
        return "cleanlab counts the classes that labels name" if is_short else None
    if name == "removals":
        is_meant = _is_removed_without(problem, theirs)
        return "cleanlab removes from the examples without the class" if is_meant else None
    if name in {"classes", "summary"}:
        (ours, theirs) = (ours[1], theirs[1]) if name == "summary" else (ours, theirs)
        is_truncated = _is_truncated(ours, theirs, len(problem.labels))
        return "cleanlab truncates a count" if is_truncated else None
    if name == "low memory" and is_absent.any():
        confident = (problem.pred_probs > 0.5)[:, is_absent].any(axis=1)
        return (
            "cleanlab's batches give a missing class no threshold"
            if np.array_equal(theirs, ours | confident)
            else None
        )
    if name == "low memory, class rows":
        return "cleanlab's batches do not order their rows" if _is_reordered(problem, ours, theirs) else None
    return None


def _reason_of_order(problem, filter_by, ours, theirs):
    """Explain another order of the same rows; ours is that of the scores among all examples."""
    rows = np.sort(ours)
    order = rows[np.argsort(_scores(problem, slice(None))[rows], kind="stable")]
    if not np.array_equal(ours, order):
        return None
    if filter_by not in FILTERS[5:]:
        return None
    if isinstance(theirs, str):  # cleanlab's error
        flagged = problem.has_label[rows]
        return "cleanlab cannot score flagged rows of which all have every class" if flagged.all() else None
    # flagged rows in order of score are permuted by the scores, among themselves, of the rows in row order
    confidence = rank.get_label_quality_scores(problem.labels, problem.pred_probs)
    flagged = rows[np.argsort(confidence[rows], kind="stable")]
    is_scrambled = np.array_equal(theirs, flagged[np.argsort(_scores(problem, rows), kind="stable")])
    return "cleanlab scrambles the ranking of low_ filters" if is_scrambled else None


def _scores(problem, rows):
    """Score the examples of some rows, as if there were no others."""
    scored = {"method": problem.score, "adjust_pred_probs": problem.is_adjusted}
    labels = [np.flatnonzero(row).tolist() for row in problem.has_label[rows]]
    return rank.get_label_quality_scores(labels, problem.pred_probs[rows], **scored)


def _is_removed_without(problem, theirs):
    """Tell whether cleanlab's answer is ours for the opposite labels ("both": nothing, as its halves disagree)."""
    filter_by = PRUNING[problem.seed % 3]
    if filter_by == "both":
        return not theirs.any()
    opposite = [np.flatnonzero(~row).tolist() for row in problem.has_label]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flagged = sets.find_multilabel_issues_per_class(
            opposite, 1 - problem.pred_probs, filter_by=filter_by, num_to_remove_per_class=problem.removals
        )
    return filter_by == "prune_by_class" and np.array_equal(flagged, theirs)


def _is_truncated(ours, theirs, n_rows):
    """Tell whether tables differ in counts only, and cleanlab's are probabilities times N without their fraction."""
    counts = {"Label Issues": "Label Noise", "Inverse Label Issues": "Inverse Label Noise"}
    is_cut = all(
        ((theirs[share] * n_rows).astype(np.int64) == theirs[name]).all() for name, share in counts.items()
    )
    exact = all(np.array_equal(np.rint(ours[share] * n_rows), ours[name]) for name, share in counts.items())
    return is_cut and exact and ours.drop(columns=list(counts)).equals(theirs.drop(columns=list(counts)))


def _is_reordered(problem, ours, theirs):
    """Tell whether each class has the same rows, ours by score; a class that nobody has counts apart."""
    scores = rank.get_label_quality_scores_per_class(problem.labels, problem.pred_probs, method=problem.score)
    for k, (rows, others) in enumerate(zip(ours[0], theirs[0], strict=True)):
        is_missing = not problem.has_label[:, k].any()
        expected = np.flatnonzero(problem.pred_probs[:, k] > 0.5) if is_missing else np.sort(rows)
        if not np.array_equal(expected, others) or (np.diff(scores[rows, k]) < 0).any():
            return False
    return is_equal(ours[1:], theirs[1:])
