"""The schema of what a re-audit came to."""

from __future__ import annotations

from labelhealth.configs.table import table

SUMMARY = table(
    "summary",
    "a version of a dataset that the last re-audit of this store looked at",
    ("config", "string", "config file"),
    ("dataset", "string", "name of the dataset; null where the config cannot be read"),
    ("dataset_version", "string", "name of its state; null where it is not known"),
    ("audit", "string", "short digest of data, recipe and code; null where it failed"),
    ("outcome", "string", "unchanged, audited or failed"),
    ("verdict", "string", "PASS, FAIL or INCONCLUSIVE; null where it failed"),
    ("overall_label_health_score", "double", "as in health; null where it failed or there is none"),
    ("flagged_share", "double", "as in health; null where it failed"),
    ("n_examples", "int64", "rows; null where it failed"),
    ("reason", "string", "why it failed, or why the verdict is what it is; empty for PASS"),
    ("exit_code", "int64", "what `labelhealth gate` would exit with"),
    ("seconds", "double", "how long it took, waiting included (s)"),
    ("looked_at", "timestamp[us, tz=UTC]", "when the re-audit began"),
    ("directory", "string", "folder of the audit; empty where it failed"),
)
