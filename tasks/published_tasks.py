"""What a person is shown of the tables that only some tasks have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from labelhealth.tasks.published import Audit
from labelhealth.tasks.review_status import rate_words

Rows: TypeAlias = list[dict[str, Any]]

# table -> its heading, and the columns to show with what these are called
_ALL_ROWS = ("data_issue_summary", "canary")
_SHOWN: dict[str, tuple[str, dict[str, str]]] = {
    "class_issues": (
        "classes wrongly given or left out most",
        {"class_name": "class", "in_given_label": "given", "num_examples": "examples"},
    ),
    "annotators": (
        "annotators, worst first",
        {
            "annotator": "annotator",
            "annotator_quality": "quality",
            "agreement_with_consensus": "agreement",
            "worst_class": "worst class",
            "num_examples_labeled": "votes",
        },
    ),
    "sentences": (
        "sentences of lowest quality",
        {
            "sentence": "sentence",
            "flagged_count": "flagged",
            "num_tokens": "tokens",
            "sentence_quality": "quality",
            "worst_token": "worst token",
        },
    ),
    "token_issues": (
        "words flagged most",
        {
            "token": "word",
            "given_label": "given",
            "predicted_label": "suggested",
            "num_label_issues": "flagged",
        },
    ),
    "canary": (
        "planted errors (an upper-bound smoke alarm: real errors are usually harder)",
        {
            "family": "errors",
            "seed": "seed",
            "n_judged": "planted",
            "n_found": "found",
            "recall_beyond_chance": "share beyond chance",
        },
    ),
    "data_issue_summary": (
        "issues beside labels",
        {"issue_type": "check", "num_issues": "rows", "score": "score", "reason": "not checked because"},
    ),
}


def task_lines(audit: Audit) -> Iterator[tuple[str, str, str]]:
    """Yield what the heading says of this task, or of this dataset, alone: name, value, explanation."""
    for table, line in (("error_rate", rate_words), ("review", _review_line)):
        for row in audit.table(table).to_pylist() if audit.has(table) else ():
            yield line(row)
    if audit.has("fit"):
        row = audit.table("fit").to_pylist()[0]
        yield (
            "R squared",
            f"{row['r_squared']:.3f}",
            "of out-of-sample predictions, against the given numbers",
        )
    if audit.has("consensus"):
        consensus = audit.table("consensus").to_pandas()
        judged = consensus.dropna(subset="annotator_agreement")
        changed = int((judged["majority_label"] != judged["consensus_label"]).sum())
        note = f"{changed:,} of {len(judged):,} labels differ from the class with most votes"
        yield (
            "agreement",
            f"{judged['annotator_agreement'].mean():.1%}",
            f"share of votes for the consensus; {note}",
        )


def _review_line(row: Mapping[str, Any]) -> tuple[str, str, str]:
    parts = [f"{row[f'n_{name}']:,} {name}" for name in ("correct", "wrong", "unsure") if row[f"n_{name}"]]
    expired = [f"{row['n_expired']:,} verdicts have expired"] if row["n_expired"] else []
    return "reviewed", f"{row['n_rows']:,}", ", ".join([*parts, *expired]) or "no row of this version"


def task_tables(audit: Audit, n_rows: int) -> Iterator[tuple[Rows, Mapping[str, str], str]]:
    """Yield the first rows of each further table, its columns with their names, and its heading."""
    for name, (heading, columns) in _SHOWN.items():
        if n_rows and audit.has(name):
            everything = name in _ALL_ROWS
            rows = (
                audit.table(name).select(list(columns)).slice(0, None if everything else n_rows).to_pylist()
            )
            if rows:
                yield rows, columns, heading
