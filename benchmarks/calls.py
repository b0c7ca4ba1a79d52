"""The calls that are compared: ours, cleanlab's on the same arrays, and how their results are held side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, get_args

import cleanlab.count
import cleanlab.dataset
import cleanlab.filter
import cleanlab.rank
import numpy as np
import numpy.typing as npt

from benchmarks.data import Rows
from labelhealth.core import count, dataset, parts, rank
from labelhealth.core.filter import find_label_issues
from labelhealth.core.options import FilterBy, IssueOptions, Score

PRUNING = ("prune_by_noise_rate", "prune_by_class", "both")  # filters that follow the joint
BLOCK_ENTRIES = 2**18  # entries of a block of logarithms: what stays in a core's cache
Array = npt.NDArray[Any]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One line of the table: a call of ours and those it is compared with.

    Parameters
    ----------
    name : str
        The call.
    ours : callable
        Without arguments.
    peers : mapping of str to callable
        The same by others; the fastest of cleanlab's counts.
    compare : callable
        Says in a few words how two results differ.
    """

    name: str
    ours: Call
    peers: Mapping[str, Call] = field(default_factory=dict)
    compare: Callable[[Any, Any], str] = lambda ours, theirs: ""  # noqa: ARG005 - nothing to say


def cases_of(rows: Rows) -> Iterator[Case]:
    """Yield the calls on arrays in memory; what a case holds goes with it."""
    yield from _counts(rows)
    yield from _scores(rows)
    yield from _filters(rows)
    yield _health(rows)
    yield _passes(rows)


def _counts(rows: Rows) -> list[Case]:
    given = (rows.labels, rows.pred_probs)
    return [
        Case(
            "get_confident_thresholds",
            lambda: count.get_confident_thresholds(*given),
            {"cleanlab": lambda: cleanlab.count.get_confident_thresholds(*given)},
            _compare_numbers,
        ),
        Case(
            "compute_confident_joint",
            lambda: count.compute_confident_joint(*given),
            {"cleanlab": lambda: cleanlab.count.compute_confident_joint(*given)},
            _compare_joints,
        ),
    ]


def _scores(rows: Rows) -> Iterator[Case]:
    def case(method: Score) -> Case:
        peers: dict[str, Call] = {
            "cleanlab": lambda: cleanlab.rank.get_label_quality_scores(
                rows.labels, rows.pred_probs, method=method
            )
        }
        if method == "confidence_weighted_entropy":
            peers |= {
                "numpy.log, blocks": Logarithms(rows.pred_probs, BLOCK_ENTRIES // rows.pred_probs.shape[1]),
                "numpy.log, one call": Logarithms(rows.pred_probs, len(rows.pred_probs)),
            }
        return Case(
            f"score {method}",
            lambda: rank.get_label_quality_scores(rows.labels, rows.pred_probs, method=method),
            peers,
            _compare_numbers,
        )

    return map(case, get_args(Score))


def _filters(rows: Rows) -> Iterator[Case]:
    for filter_by in get_args(FilterBy):
        yield Case(
            f"filter {filter_by}",
            _ours(rows, filter_by=filter_by),
            {"cleanlab": _theirs(rows, filter_by=filter_by, n_jobs=1)},
            partial(_compare_issues, rows, {"filter_by": filter_by}),
        )
    ranking = {"return_indices_ranked_by": "self_confidence"}
    yield Case(
        "find_label_issues, ranked",
        _ours(rows, **ranking),
        {
            "cleanlab": _theirs(rows, **ranking, n_jobs=1),
            "cleanlab, all cores": _theirs(rows, **ranking),
        },
        partial(_compare_issues, rows, ranking),
    )


def _ours(rows: Rows, **options: Any) -> Call:
    return partial(find_label_issues, rows.labels, rows.pred_probs, **options)


def _theirs(rows: Rows, **options: Any) -> Call:
    return partial(cleanlab.filter.find_label_issues, rows.labels, rows.pred_probs, **options)


def _health(rows: Rows) -> Case:
    given = (rows.labels, rows.pred_probs)
    return Case(
        "health_summary",
        lambda: dataset.health_summary(*given, verbose=False),
        {"cleanlab": lambda: cleanlab.dataset.health_summary(*given, verbose=False)},
        lambda ours, theirs: _compare_numbers(
            ours["overall_label_health_score"], theirs["overall_label_health_score"]
        ),
    )


def _passes(rows: Rows) -> Case:
    given = (rows.labels, rows.pred_probs)

    def theirs() -> tuple[Array, ...]:
        margin = cleanlab.rank.get_label_quality_scores(*given, method="normalized_margin")
        own = cleanlab.rank.get_label_quality_scores(*given, method="self_confidence")
        return own, margin, cleanlab.count.compute_confident_joint(*given, calibrate=False)

    return Case(
        "thresholds, joint and two scores",
        lambda: judge_parts(rows, [slice(0, len(rows.labels))])[0].columns,
        {"cleanlab": theirs},
        lambda ours, theirs: _compare_numbers(ours.normalized_margin, theirs[1]),
    )


def judge_parts(rows: Rows, places: list[slice]) -> list[parts.Judged]:
    """Measure and judge the parts: thresholds, joint, self-confidence, margin, predicted class."""
    labels, probs = rows.labels, rows.pred_probs
    limits, _ = parts.thresholds((parts.measure(labels[at], probs[at]) for at in places), probs.dtype)
    return [parts.judge(labels[at], probs[at], limits, IssueOptions()) for at in places]


class Logarithms:
    """The logarithm of every entry, so many rows at a time, into a place that is there from the second call on."""

    def __init__(self, probs: Array, step: int) -> None:
        self._probs, self._step = probs, max(step, 1)

    @cached_property
    def _out(self) -> Array:
        return np.empty((min(self._step, len(self._probs)), self._probs.shape[1]), self._probs.dtype)

    def __call__(self) -> None:
        """Take the logarithms."""
        with np.errstate(divide="ignore"):
            for start in range(0, len(self._probs), self._step):
                block = self._probs[start : start + self._step]
                np.log(block, out=self._out[: len(block)])


def _compare_issues(rows: Rows, options: dict[str, Any], ours: Array, theirs: Array) -> str:
    """Compare what two filters flag; where they differ, ask ours again with cleanlab's joint."""
    said = compare_flagged(ours, theirs)
    if n_others(ours, theirs) and options.get("filter_by", "both") in PRUNING:
        joint = cleanlab.count.compute_confident_joint(rows.labels, rows.pred_probs)
        again = _ours(rows, **options, confident_joint=joint)()
        said += f", {n_others(again, theirs):,} given its joint"
    return said


def compare_flagged(ours: Array, theirs: Array) -> str:
    """Compare the rows that two filters flag, masks or row numbers."""
    n_ours, n_theirs = (int(each.sum()) if each.dtype == bool else len(each) for each in (ours, theirs))
    if n := n_others(ours, theirs):
        return f"{n_ours:,} and {n_theirs:,} flagged, {n:,} rows differ"
    return f"{n_ours:,} flagged, " + ("the same" if np.array_equal(ours, theirs) else "ties in another order")


def n_others(ours: Array, theirs: Array) -> int:
    """Return how many rows only one of two filters flags."""
    if ours.dtype == bool:
        return int((ours != theirs).sum())
    return len(np.setxor1d(ours, theirs))


def _compare_numbers(ours: Any, theirs: Any) -> str:
    difference = np.max(np.abs(np.subtract(ours, theirs, dtype=np.float64)))
    return f"differ by at most {difference:.0e}" if difference else "the same"


def _compare_joints(ours: Array, theirs: Array) -> str:
    n_moved = int(np.abs(ours - theirs).sum()) // 2
    return f"{n_moved:,} of {int(ours.sum()):,} counts differ" if n_moved else "the same"
