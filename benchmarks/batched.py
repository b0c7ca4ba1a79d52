"""Datasets that lie in files, read batch by batch: our parts beside cleanlab's batches, over the same .npy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cleanlab.experimental.label_issues_batched import find_label_issues_batched

from benchmarks.calls import Case, compare_flagged
from benchmarks.data import Rows
from labelhealth.core import parts
from labelhealth.core.options import FilterBy, IssueOptions

CLEANLAB_BATCH = 10_000  # rows; its default
PART_BYTES = 64 << 20  # probabilities of a part of ours; the pipeline's default


def batched_cases(rows: Rows, folder: Path) -> list[Case]:
    """Write the rows to `folder`, and return the calls that read them there."""
    labels, probs = folder / "labels.npy", folder / "pred_probs.npy"
    np.save(labels, rows.labels)
    np.save(probs, rows.pred_probs)

    def theirs() -> npt.NDArray[Any]:
        return np.asarray(
            find_label_issues_batched(
                labels_file=str(labels),
                pred_probs_file=str(probs),
                batch_size=CLEANLAB_BATCH,
                verbose=False,
            )
        )

    return [
        Case(
            "batched low_self_confidence",
            lambda: find_in_parts(labels, probs, "low_self_confidence"),
            {"cleanlab": theirs},
            compare_flagged,
        ),
        Case("batched prune_by_noise_rate", lambda: find_in_parts(labels, probs, "prune_by_noise_rate")),
    ]


def find_in_parts(labels_file: Path, probs_file: Path, filter_by: FilterBy) -> npt.NDArray[np.int64]:
    """Return the label issues of memory-mapped arrays, in order of rows."""
    labels = np.load(labels_file, mmap_mode="r")
    probs = np.load(probs_file, mmap_mode="r")
    options = IssueOptions(filter_by=filter_by)
    step = max(PART_BYTES // probs[:1].nbytes, 1)
    places = [slice(start, min(start + step, len(labels))) for start in range(0, len(labels), step)]
    limits, class_counts = parts.thresholds(
        (parts.measure(labels[at], probs[at]) for at in places), probs.dtype
    )
    judged = [parts.judge(labels[at], probs[at], limits, options) for at in places]
    planned = parts.plan(
        [each.counts for each in judged], class_counts, sum(each.n_confident for each in judged), options
    )
    chosen: list[npt.NDArray[np.int64]] = []
    wanted: parts.Plan | None = planned.plan
    among_others = False
    while wanted is not None and wanted.wanted:
        found = (
            parts.select(labels[at], probs[at], each.columns, wanted, among_others=among_others)
            for at, each in zip(places, judged, strict=True)
        )
        settled = parts.settle(wanted, found, [at.stop - at.start for at in places], probs.dtype)
        chosen += [each.rows for each in settled]
        wanted = None if among_others else parts.still_open(wanted, settled, class_counts)
        among_others = True
    issues = []
    for at, each in zip(places, judged, strict=True):
        own = [rows[(rows >= at.start) & (rows < at.stop)] - at.start for rows in chosen]
        # selections of one kind from both rounds belong together
        kinds = len(planned.plan.wanted) or 1
        merged = [np.concatenate(own[kind::kinds]) for kind in range(min(kinds, len(own)))]
        issues.append(parts.mark(labels[at], each.columns, planned.plan, merged) + at.start)
    return np.concatenate(issues)
