"""The schemas of what people say about labels, and of what follows from it."""

from __future__ import annotations

from typing import Literal

from labelhealth.configs.table import table

ReviewVerdict = Literal["correct", "wrong", "unsure"]
REVIEW_VERDICTS: tuple[ReviewVerdict, ...] = ("correct", "wrong", "unsure")
Purpose = Literal["queue", "sample", "rest"]

REVIEW = table(
    "review",
    "the verdicts of people that an audit knew of (one row; where there are any)",
    ("n_verdicts", "int64", "verdicts that are in force: the last one on each example, label and content"),
    ("n_rows", "int64", "rows of the dataset that one of them is about"),
    ("n_correct", "int64", "of these, rows whose label was confirmed"),
    ("n_wrong", "int64", "of these, rows whose label was found wrong"),
    ("n_unsure", "int64", "of these, rows that the reviewer could not decide"),
    ("n_expired", "int64", "verdicts on examples that are there, but with another label or content"),
    ("n_absent", "int64", "verdicts on examples that are not in the dataset any more"),
    ("n_unflagged", "int64", "rows that the filter flagged and people confirmed: not flagged any more"),
    ("n_flagged", "int64", "rows that the filter passed and people found wrong: flagged by them"),
)

ERROR_RATE = table(
    "error_rate",
    "a random sample that people reviewed (where there is one)",
    ("sample", "string", "id of the export that drew it"),
    (
        "estimator",
        "string",
        "stratified, predictions, or elusion bound; chosen when the sample was drawn",
    ),
    ("population", "string", "the rows that it was drawn from"),
    ("n_population", "int64", "how many they are"),
    ("n_drawn", "int64", "rows drawn"),
    ("n_reviewed", "int64", "of these, rows found correct or wrong"),
    ("n_wrong", "int64", "of these, rows found wrong"),
    ("n_open", "int64", "rows drawn without a clear verdict: they count as either in the interval"),
    ("rate", "double", "estimated share of wrong labels; null while rows are open, and for an elusion bound"),
    ("low", "double", "lower end of the interval; null for an elusion bound, which has none"),
    ("high", "double", "upper end of the interval, or the elusion bound"),
    ("confidence", "double", "how often such an interval holds the true share (probability)"),
)

REVIEW_ROWS = table(
    "review_rows",
    "a row that was exported for review; a file an export, its design in the metadata",
    ("review_key", "string", "id of the export and number: what a verdict comes back with"),
    ("example_id", "string", "as in label_issues"),
    ("occurrence", "int64", "as in label_issues"),
    ("given_label", "string", "label that the verdict is about"),
    ("content_digest", "string", "hash of the content that the verdict is about"),
    ("source_file", "string", "as in label_issues"),
    ("row_number", "int64", "as in label_issues"),
    ("stratum", "int64", "of a random sample: stratum that the row was drawn from; else null"),
    ("predicted", "double", "of a random sample: 1 - label quality when it was drawn; else null"),
)

VERDICTS = table(
    "verdicts",
    "a verdict of a person; append-only, a file an import",
    ("example_id", "string", "as in label_issues"),
    ("given_label", "string", "label that was judged: the verdict expires when it changes"),
    ("content_digest", "string", "hash of the content that was judged: the verdict expires when it changes"),
    ("verdict", "string", "correct, wrong or unsure"),
    ("corrected_label", "string", "what a wrong label should be; null where not said"),
    ("reviewer", "string", "who said so; null where not said"),
    ("reviewed_at", "timestamp[us, tz=UTC]", "when; of several verdicts the last one counts"),
    (
        "purpose",
        "string",
        "queue, sample or rest: why the row was looked at; only random samples enter a rate",
    ),
    ("review_key", "string", "as in review_rows; null for a verdict that was not asked for"),
    ("audit", "string", "audit that the row was exported from"),
    ("note", "string", "what the reviewer wrote; null without"),
    ("imported_at", "timestamp[us, tz=UTC]", "when it came into the store"),
)

PATCH = table(
    "patch",
    "a label that was corrected, or is to be set back",
    ("source_file", "string", "file of the dataset"),
    ("row_number", "int64", "row in that file, from 0"),
    ("example_id", "string", "as in label_issues"),
    ("old_label", "string", "label before"),
    ("new_label", "string", "label after"),
    ("reviewer", "string", "who said so"),
    ("reviewed_at", "timestamp[us, tz=UTC]", "when"),
)
