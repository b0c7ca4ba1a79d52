"""The summary tables of an audit: classes, pairs of classes, the joint, and one row for the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labelhealth.configs.issues import HealthOptions
from labelhealth.configs.tables import CLASS_HEALTH, CLASS_OVERLAP, HEALTH, JOINT, NO_LABEL
from labelhealth.core.summary import Pairs, conditional_probabilities, overlapping_pairs, summarize_classes
from labelhealth.tasks.findings import Issues
from labelhealth.tasks.health import Health
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, put_frame, read_names

IntArray = npt.NDArray[np.int64]
Codes = npt.NDArray[np.integer]
BLOCK_ROWS = 1 << 20  # rows in memory at a time


@dataclass(frozen=True)
class Tally:
    """Rows of the dataset counted, part by part."""

    examples: IntArray
    """shape (K,): labelled rows of each class."""
    judged: IntArray
    """shape (K,): judged rows of each given class."""
    flagged: IntArray
    """shape (K,): flagged rows of each given class."""
    n_rows: int
    n_labelled: int
    """Rows with a label, of whatever class."""
    n_disagreeing: int
    """Judged rows whose most probable class is not the given one."""

    @property
    def n_judged(self) -> int:
        """Return the number of judged rows."""
        return int(self.judged.sum())

    @property
    def n_flagged(self) -> int:
        """Return the number of flagged rows."""
        return int(self.flagged.sum())


@dataclass(frozen=True)
class Findings:
    """What the summaries are made from: names, counted rows, and the joint."""

    names: npt.NDArray[np.object_]
    tally: Tally
    pairs: Pairs
    n_estimated: int


def summarize_issues(
    store: Store,
    classes: Ref,
    all_labels: tuple[Ref, ...],
    judged_labels: tuple[Ref, ...],
    issues: Issues,
    options: HealthOptions,
) -> Health:
    """Store the summary tables."""
    names = np.asarray(read_names(store, classes), dtype=object)
    tallies = [
        tally_part(
            open_array(store, every),
            open_array(store, judged),
            open_array(store, part.predicted),
            open_array(store, part.flagged),
            len(names),
        )
        for every, judged, part in zip(all_labels, judged_labels, issues.parts, strict=True)
    ]
    findings = Findings(
        names=names,
        tally=add_tallies(tallies),
        pairs=_pairs(open_arrow(store, issues.joint), len(names)),
        n_estimated=issues.n_estimated,
    )
    class_health = class_health_frame(findings, options.min_judged_per_class)
    overlap = class_overlap_frame(findings)
    return Health(
        class_health=put_frame(store, CLASS_HEALTH, class_health),
        class_overlap=put_frame(store, CLASS_OVERLAP, overlap),
        joint=put_frame(store, JOINT, joint_frame(findings)),
        health=put_frame(store, HEALTH, health_frame(findings, class_health, overlap)),
    )


def tally_part(all_labels: Codes, labels: Codes, predicted: Codes, flagged: Codes, n_classes: int) -> Tally:
    """Count the rows of one part, a block of them in memory at a time.

    `labels` and `predicted` are of the judged rows, `flagged` is the places of flagged rows among these.
    """
    everyone = (all_labels[rows] for rows in _blocks(len(all_labels)))
    judged = _blocks(len(labels))
    return Tally(
        examples=_count((codes[codes >= 0] for codes in everyone), n_classes),
        judged=_count((labels[rows] for rows in judged), n_classes),
        flagged=_count((labels[flagged[places]] for places in _blocks(len(flagged))), n_classes),
        n_rows=len(all_labels),
        n_labelled=sum(int((all_labels[rows] != NO_LABEL).sum()) for rows in _blocks(len(all_labels))),
        n_disagreeing=sum(int((predicted[rows] != labels[rows]).sum()) for rows in judged),
    )


def add_tallies(tallies: Sequence[Tally]) -> Tally:
    """Return the counts of all parts together."""
    names = [field.name for field in fields(Tally)]
    return Tally(**{name: sum(getattr(tally, name) for tally in tallies) for name in names})


def class_health_frame(findings: Findings, min_judged: int) -> pd.DataFrame:
    """Return table `class_health`, worst label quality first, classes not judged last."""
    n_classes = len(findings.names)
    summary = summarize_classes(findings.pairs, findings.tally.n_judged)
    num_judged, flagged = findings.tally.judged, findings.tally.flagged
    with np.errstate(invalid="ignore"):  # 0 / 0: no judged rows, no share
        flagged_share = flagged / num_judged
    frame = pd.DataFrame(
        {
            "class_name": findings.names,
            "class_index": np.arange(n_classes),
            "num_examples": findings.tally.examples,
            "num_judged": num_judged,
            "judged": num_judged >= min_judged,
            "flagged_count": flagged,
            "flagged_share": flagged_share,
            "label_issues": summary.label_issues,
            "inverse_label_issues": summary.inverse_label_issues,
            "label_noise": summary.label_noise,
            "inverse_label_noise": summary.inverse_label_noise,
            "label_quality_score": summary.label_quality_score,
        }
    )
    order = np.lexsort((frame["class_index"], frame["label_quality_score"], ~frame["judged"]))
    return frame.iloc[order].reset_index(drop=True)


def class_overlap_frame(findings: Findings) -> pd.DataFrame:
    """Return table `class_overlap`, largest first."""
    pairs = overlapping_pairs(findings.pairs)
    probability = pairs.count / findings.pairs.total
    return pd.DataFrame(
        {
            "class_a": findings.names[pairs.given],
            "class_b": findings.names[pairs.true],
            "num_overlapping_examples": np.rint(probability * findings.tally.n_judged).astype(np.int64),
            "joint_probability": probability,
        }
    )


def joint_frame(findings: Findings) -> pd.DataFrame:
    """Return table `joint`: every pair with a count."""
    pairs = findings.pairs
    given_if_true, true_if_given = conditional_probabilities(pairs)
    return pd.DataFrame(
        {
            "given_class": findings.names[pairs.given],
            "true_class": findings.names[pairs.true],
            "count": pairs.count,
            "joint_probability": pairs.count / pairs.total,
            "p_given_if_true": given_if_true,
            "p_true_if_given": true_if_given,
        }
    )


def health_frame(findings: Findings, class_health: pd.DataFrame, overlap: pd.DataFrame) -> pd.DataFrame:
    """Return table `health`: one row."""
    tally = findings.tally
    judged_quality = class_health.loc[class_health["judged"], "label_quality_score"]
    pairs = findings.pairs
    off_diagonal = int(pairs.count[pairs.given != pairs.true].sum())
    row = {
        "n_examples": tally.n_rows,
        "n_labelled": tally.n_labelled,
        "n_judged": tally.n_judged,
        "n_classes": len(findings.names),
        "n_classes_judged": int(class_health["judged"].sum()),
        "overall_label_health_score": 1.0 - findings.n_estimated / tally.n_judged,
        "estimated_label_issues": findings.n_estimated,
        "flagged_count": tally.n_flagged,
        "flagged_share": tally.n_flagged / tally.n_judged,
        "disagreement_share": tally.n_disagreeing / tally.n_judged,
        "joint_off_diagonal": off_diagonal / pairs.total,
        "worst_class_quality": float(judged_quality.min()) if len(judged_quality) else np.nan,
        "worst_overlap": float(overlap["joint_probability"].max()) if len(overlap) else 0.0,
    }
    return pd.DataFrame([row])


def _blocks(n_rows: int) -> list[slice]:
    return [slice(low, low + BLOCK_ROWS) for low in range(0, n_rows, BLOCK_ROWS)]


def _count(blocks: Iterable[Codes], n_classes: int) -> IntArray:
    """Return how often each class occurs."""
    counts = np.zeros(n_classes, dtype=np.int64)
    for codes in blocks:
        counts += np.bincount(codes, minlength=n_classes)
    return counts


def _pairs(table: pa.Table, n_classes: int) -> Pairs:
    given, true, count = (table[name].to_numpy() for name in ("given", "true", "count"))
    return Pairs(given, true, count, n_classes)
