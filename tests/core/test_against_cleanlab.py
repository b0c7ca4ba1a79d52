"""Agreement with the installed cleanlab on random problems: every difference has a reason that is checked."""

import importlib.util
import itertools
import os
import pickle
import subprocess
import sys
import warnings
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import labelhealth.core
from labelhealth.core import _estimates, count
from tests.core.parity_calls import answers, make_problem

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("cleanlab") is None, reason="cleanlab is not installed"),
]

N_PROBLEMS = 2000
N_PROCESSES = 2
LEAST_COMPARISONS = 50_000
# cleanlab sorts with numpy's default sort, which with vector instructions breaks ties by accident
ENVIRONMENT = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 X86_V3 AVX512_ICL",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
}
ROUNDING = {
    np.dtype(np.float64): 1e-12,
    np.dtype(np.float32): 2e-6,
}  # a few units in the last place of a mean
SHARE_OF_A_REASON = 0.005


def test_agrees_with_cleanlab(tmp_path, record_property):
    """All calls of 2,000 problems give cleanlab's answer, or differ for a reason that is checked."""
    processes = _start_cleanlab(tmp_path)
    ours = {seed: _answers_of_core(make_problem(seed)) for seed in range(N_PROBLEMS)}
    theirs = _collected(processes)
    n_compared, reasons, touched, unexplained = 0, Counter(), defaultdict(set), []
    for seed in range(N_PROBLEMS):
        assert ours[seed].keys() == theirs[seed].keys()
        n_compared += len(ours[seed])
        for name in _different(ours[seed], theirs[seed], make_problem(seed)):
            reason = _reason(name, make_problem(seed), ours[seed][name], theirs[seed])
            reasons[reason] += 1
            touched[reason].add(seed)
            if reason == "unexplained":
                unexplained.append((seed, name))

    by_reason = {reason: f"{n} in {len(touched[reason])} problems" for reason, n in reasons.items()}
    report = f"{N_PROBLEMS} problems, {n_compared} comparisons, differences by reason: {by_reason}"
    record_property("agreement with cleanlab", report)
    assert unexplained == []
    assert n_compared > LEAST_COMPARISONS
    assert max(reasons.values(), default=0) <= SHARE_OF_A_REASON * n_compared
    assert max(map(len, touched.values()), default=0) <= SHARE_OF_A_REASON * N_PROBLEMS


def test_thresholds_are_the_correctly_rounded_means():
    """Where thresholds differ from cleanlab's, ours are the exactly rounded means."""
    for seed in range(100):
        problem = make_problem(seed)
        thresholds = count.get_confident_thresholds(problem.labels, problem.pred_probs)
        for k in np.unique(problem.labels):
            own = problem.pred_probs[problem.labels == k, k].astype(np.float64)
            exact = sum(map(Fraction, own.tolist())) / len(own)
            spacing = Fraction(float(np.spacing(thresholds[k].astype(problem.pred_probs.dtype))))

            assert abs(Fraction(float(thresholds[k])) - exact) <= spacing / 2


def _start_cleanlab(folder: Path) -> dict[Path, subprocess.Popen]:
    bounds = np.linspace(0, N_PROBLEMS, N_PROCESSES + 1).astype(int).tolist()
    command = [sys.executable, "-m", "tests.core.parity_calls", "cleanlab"]
    return {
        folder / f"{first}.pickle": subprocess.Popen(
            [*command, str(first), str(last), str(folder / f"{first}.pickle")],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.DEVNULL,
        )
        for first, last in itertools.pairwise(bounds)
    }


def _collected(processes: dict[Path, subprocess.Popen]) -> dict[int, dict[str, object]]:
    assert [process.wait() for process in processes.values()] == [0] * len(processes)
    parts = [pickle.loads(file.read_bytes()) for file in processes]
    return {seed: answer for part in parts for seed, answer in part.items()}


def _answers_of_core(problem):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small classes and unused options, as cleanlab warns too
        return answers(labelhealth.core, problem)


def _different(ours, theirs, problem) -> list[str]:
    return [name for name in ours if not _is_equal(ours[name], theirs[name], problem)]


def _is_equal(ours, theirs, problem) -> bool:
    """Equal counts, masks and orders; equal reals up to the rounding of the type of the probabilities."""
    if isinstance(ours, str) or isinstance(theirs, str):
        return isinstance(ours, str) and isinstance(theirs, str) and ours == theirs
    if isinstance(ours, tuple):
        return all(_is_equal(a, b, problem) for a, b in zip(ours, theirs, strict=True))
    a, b = np.asarray(ours), np.asarray(theirs)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "iub":
        return np.array_equal(a, b)
    tolerance = ROUNDING[problem.pred_probs.dtype]
    return np.allclose(a, b, rtol=tolerance, atol=tolerance * 1e-2)


def _reason(name, problem, ours, theirs) -> str:
    """Name the reason of a difference, or say that it has none."""
    if name == "ensemble search":
        underflows = theirs[name] == "ValueError" and _all_weights_underflow(problem)
        return "cleanlab's search divides 0 by 0 at its largest temperature" if underflows else "unexplained"
    again = _with_thresholds(problem, theirs["thresholds"])[name]
    if _is_equal(again, theirs[name], problem):
        return "cleanlab's rounded mean moves a threshold across a comparison or a tie"
    if _is_tied(name, problem, again, theirs):
        return "unstable sort above length 16 with exact ties"
    return "unexplained"


def _all_weights_underflow(problem) -> bool:
    """Tell whether exp(-200 * log loss) is 0 for both members of the ensemble."""
    rows = np.arange(len(problem.labels))
    members = (problem.pred_probs, np.roll(problem.pred_probs, 1, axis=1))
    losses = [-np.log(np.maximum(member[rows, problem.labels], 1e-6)).mean() for member in members]
    return all(np.exp(-200 * loss) == 0 for loss in losses)


def _with_thresholds(problem, thresholds):
    """Answer again with cleanlab's thresholds in place of the exact ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_estimates, "thresholds_of", lambda *_: thresholds)
        return _answers_of_core(problem)


def _is_tied(name, problem, ours, theirs) -> bool:
    """Tell whether every row that differs has the same sorting key as another row it competes with."""
    if len(problem.labels) <= 16:
        return False
    kind, *what = name.split()
    if kind in {"order", "ranked"}:
        if kind == "ranked" and set(ours.tolist()) != set(theirs[name].tolist()):
            return _rows_are_tied(problem, np.setxor1d(ours, theirs[name]))
        scores = theirs[f"score {what[0]} {what[1]}"]
        return np.array_equal(scores[ours], scores[theirs[name]])  # the same scores in the same order
    if kind == "filter" and what[0].startswith("low_"):
        scores = theirs[f"score {what[0].removeprefix('low_')} False"]
        return (
            len(set(scores[ours != theirs[name]].tolist())) == 1
        )  # the last places go to some of equal scores
    if kind == "filter":
        return _rows_are_tied(problem, np.flatnonzero(ours != theirs[name]))
    return False


def _rows_are_tied(problem, rows) -> bool:
    """Tell whether each row shares its self-confidence or one of its margins with a row of its class."""
    own = problem.pred_probs[np.arange(len(problem.labels)), problem.labels]
    margins = np.column_stack([own, problem.pred_probs - own[:, None]])
    for row in rows:
        rivals = np.flatnonzero(problem.labels == problem.labels[row])
        rivals = rivals[rivals != row]
        keys = np.delete(margins[row], problem.labels[row] + 1)
        if not (np.delete(margins[rivals], problem.labels[row] + 1, axis=1) == keys).any():
            return False
    return True
