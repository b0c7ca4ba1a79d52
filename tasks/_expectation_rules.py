"""The rules of the gate as plain data: the built-in suites, and the expectations of the user."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from labelhealth.configs._expectations import snake_name
from labelhealth.configs.gate import (
    BaselineRules,
    ExpectationOptions,
    GateOptions,
    MaxCountThreshold,
    MaxShareThreshold,
    MinCountThreshold,
    MinShareThreshold,
    Severity,
)
from labelhealth.configs.task import Target

Outcome = Literal["pass", "fail", "error", "skipped"]
_SILENT_TABLES: dict[Target, tuple[str, ...]] = {  # empty where labels are such
    "classes": (),
    "label_sets": ("class_overlap",),
    "numbers": ("classes", "class_health", "class_overlap"),
}
_PROVEN = {"max_flagged_rise": "proven_rise", "max_health_drop": "proven_drop"}
MIN_CLASSES = 2  # with fewer there is no other class that a label could belong to


@dataclass(frozen=True)
class Rows:
    """Which rows of a table a rule speaks about; the default is all of them.

    Attributes
    ----------
    judged
        Only classes that the audit marks as judged.
    names
        Only rows with one of these names (`class_name` or `name`).
    min_column, min_count
        Only rows that reach this count in this column.
    present
        Only rows with a value in this column.
    exempt_pairs
        Not these pairs of classes, in any order.
    """

    judged: bool = False
    names: tuple[str, ...] = ()
    min_column: str = ""
    min_count: int = 0
    present: str = ""
    exempt_pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Rule:
    """One expectation on one table.

    Attributes
    ----------
    id
        Name of the rule in the report, unique in its suite.
    table, expectation, kwargs
        What is checked: table, class of Great Expectations, its arguments.
    severity
        What it does to the verdict when it is broken.
    description
        Sentence put before the reason; empty for none.
    rows
        Rows of the table that the rule speaks about.
    when_empty
        Outcome when the table has rows but none is left to check (an empty `class_overlap` counts too).
    when_missing
        Outcome when a row that `rows.names` asks for is not left to check; "skipped" checks the others.
    distrust
        Whether a broken rule means that the audit is not to be trusted, which is an error and not a failure.
    """

    id: str
    table: str
    expectation: str
    kwargs: Mapping[str, object]
    severity: Severity = "critical"
    description: str = ""
    rows: Rows = field(default_factory=Rows)
    when_empty: Outcome = "error"
    when_missing: Outcome = "error"
    distrust: bool = False


def input_rules(options: GateOptions, target: Target = "classes") -> tuple[Rule, ...]:
    """Return the suite of the input checkpoint, in the order of the report.

    Parameters
    ----------
    options : GateOptions
        Thresholds and expectations of the user.
    target : {"classes", "label_sets", "numbers"}
        What labels are; built-in rules on tables that say nothing about them are left out.

    Returns
    -------
    tuple of Rule
        Structure first (always on, critical), then thresholds, then the user's expectations.
    """
    own = (*_input_structure(options), *_input_thresholds(options))
    return (
        *(rule for rule in own if rule.table not in _SILENT_TABLES[target]),
        *_user_rules(options.entries("input")),
    )


def output_rules(options: GateOptions, target: Target = "classes") -> tuple[Rule, ...]:
    """Return the suite of the output checkpoint, in the order of the report.

    Parameters
    ----------
    options : GateOptions
        Thresholds and expectations of the user.
    target : {"classes", "label_sets", "numbers"}
        What labels are; built-in rules on tables that say nothing about them are left out.

    Returns
    -------
    tuple of Rule
        Whether the audit says anything first, then thresholds, then the user's expectations.
    """
    own = (*_output_structure(), *_health_thresholds(options), *_class_thresholds(options))
    return (
        *(rule for rule in own if rule.table not in _SILENT_TABLES[target]),
        *_user_rules(options.entries("output")),
    )


def baseline_rules(options: BaselineRules, descriptions: Mapping[str, str] | None = None) -> tuple[Rule, ...]:
    """Return the suite of the checkpoint that holds an audit against an earlier one.

    Parameters
    ----------
    options : BaselineRules
        What is let through.
    descriptions : mapping of str to str, optional
        Sentence put before the reason of a rule, such as where the rise comes from.

    Returns
    -------
    tuple of Rule
        A rule on table `comparison` for each threshold; versions that are not comparable leave it unchecked.
    """
    told = descriptions or {}
    return tuple(
        dataclasses.replace(
            _threshold(name, "comparison", _PROVEN[name], threshold), description=told.get(name, "")
        )
        for name, threshold in options.named().items()
    )


def _input_structure(options: GateOptions) -> Iterator[Rule]:
    yield _at_least("labelled_rows", "input", "labelled_rows", 1)
    yield Rule(
        "present_classes",
        "classes",
        "ExpectTableRowCountToBeBetween",
        {"min_value": MIN_CLASSES},
        rows=Rows(min_column="num_examples", min_count=1),
    )
    for column in ("unknown_labels", "null_ids", "duplicate_ids"):
        yield _at_most(column, "input", column, 0)
    yield from _required_columns(options.required_columns)


def _required_columns(columns: Mapping[str, str | None]) -> Iterator[Rule]:
    if columns:
        kwargs: dict[str, object] = {"column": "name", "value_set": sorted(columns)}
        yield Rule("required_columns", "columns", "ExpectColumnDistinctValuesToContainSet", kwargs)
    typed = sorted((name, type_) for name, type_ in columns.items() if type_ is not None)
    if typed:
        yield Rule(
            "required_types",
            "columns",
            "ExpectColumnPairValuesToBeInSet",
            {"column_A": "name", "column_B": "type", "value_pairs_set": [list(pair) for pair in typed]},
            rows=Rows(names=tuple(name for name, _ in typed)),
            when_empty="skipped",  # required_columns has failed already
            when_missing="skipped",
        )


def _input_thresholds(options: GateOptions) -> Iterator[Rule]:
    if options.min_rows:
        yield _threshold("min_rows", "input", "row_count", options.min_rows)
    if options.min_labelled_rows:
        yield _threshold("min_labelled_rows", "input", "labelled_rows", options.min_labelled_rows)
    if options.max_null_label_share:
        yield _threshold("max_null_label_share", "input", "null_label_share", options.max_null_label_share)
    if options.max_duplicate_rows:
        yield _threshold("max_duplicate_rows", "input", "duplicate_rows", options.max_duplicate_rows)
    if options.min_class_count:
        yield _each("min_class_count", "classes", "num_examples", options.min_class_count)
    if options.max_leak_accuracy:
        bound, rows = options.max_leak_accuracy, Rows(present="leak_accuracy")
        yield _each("max_leak_accuracy", "columns", "leak_accuracy", bound, rows, when_empty="skipped")
    for name, share in sorted(options.max_null_share.items()):
        rows = Rows(names=(name,))
        rule_id = f"max_null_share.{name}"
        yield _each(rule_id, "columns", "null_share", share, rows, when_empty="fail", when_missing="fail")


def _output_structure() -> Iterator[Rule]:
    yield _at_least("judged_rows", "health", "n_judged", 1, distrust=True)
    yield Rule(
        "health_score_range",
        "health",
        "ExpectColumnMinToBeBetween",
        {"column": "overall_label_health_score", "min_value": 0, "max_value": 1},
        distrust=True,
    )


def _health_thresholds(options: GateOptions) -> Iterator[Rule]:
    if options.min_health_score:
        yield _threshold("min_health_score", "health", "overall_label_health_score", options.min_health_score)
    if options.max_flagged_share:
        yield _threshold("max_flagged_share", "health", "flagged_share", options.max_flagged_share)


def _class_thresholds(options: GateOptions) -> Iterator[Rule]:
    quality, overlap = options.min_class_quality, options.max_overlap
    if quality:
        rows = Rows(
            judged=quality.classes is None and quality.min_count is None,
            names=quality.classes or (),
            min_column="num_judged" if quality.min_count else "",
            min_count=quality.min_count or 0,
        )
        column = "label_quality_score"
        yield _each("min_class_quality", "class_health", column, quality, rows, when_empty="skipped")
    if overlap:
        rows = Rows(exempt_pairs=overlap.exempt_pairs)
        yield _each("max_overlap", "class_overlap", "joint_probability", overlap, rows, when_empty="pass")


def _user_rules(entries: Iterable[ExpectationOptions]) -> Iterator[Rule]:
    entries = tuple(entries)
    taken = {entry.id for entry in entries if entry.id}
    for entry in entries:
        rule_id = entry.id or _free_id(entry, taken)
        taken.add(rule_id)
        yield Rule(
            rule_id,
            entry.table,
            entry.expect,
            entry.kwargs,
            entry.severity,
            entry.description or "",
            # an audit without overlapping pairs has an empty table, which is good news and not a fault
            when_empty="skipped" if entry.table == "class_overlap" else "error",
        )


def _free_id(entry: ExpectationOptions, taken: set[str]) -> str:
    column = entry.kwargs.get("column")
    parts = [entry.table, snake_name(entry.expect), *([column] if isinstance(column, str) else [])]
    base = name = ".".join(parts)
    number = 1
    while name in taken:
        number += 1
        name = f"{base}.{number}"
    return name


def _at_least(rule_id: str, table: str, column: str, bound: float, *, distrust: bool = False) -> Rule:
    kwargs: dict[str, object] = {"column": column, "min_value": bound}
    return Rule(rule_id, table, "ExpectColumnMinToBeBetween", kwargs, distrust=distrust)


def _at_most(rule_id: str, table: str, column: str, bound: float) -> Rule:
    return Rule(rule_id, table, "ExpectColumnMaxToBeBetween", {"column": column, "max_value": bound})


_Threshold = MinShareThreshold | MaxShareThreshold | MinCountThreshold | MaxCountThreshold


def _threshold(rule_id: str, table: str, column: str, threshold: _Threshold) -> Rule:
    """Return a rule on a table of one row."""
    name = "ExpectColumnMinToBeBetween" if _is_lower(threshold) else "ExpectColumnMaxToBeBetween"
    return Rule(rule_id, table, name, {"column": column, **_bound(threshold)}, threshold.severity)


def _each(
    rule_id: str,
    table: str,
    column: str,
    threshold: _Threshold,
    rows: Rows = Rows(),
    *,
    when_empty: Outcome = "error",
    when_missing: Outcome = "error",
) -> Rule:
    """Return a rule on every row of a table."""
    return Rule(
        rule_id,
        table,
        "ExpectColumnValuesToBeBetween",
        {"column": column, **_bound(threshold)},
        threshold.severity,
        rows=rows,
        when_empty=when_empty,
        when_missing=when_missing,
    )


def _bound(threshold: _Threshold) -> dict[str, object]:
    if isinstance(threshold, MinShareThreshold | MinCountThreshold):
        return {"min_value": threshold.min}
    return {"max_value": threshold.max}


def _is_lower(threshold: _Threshold) -> bool:
    return isinstance(threshold, MinShareThreshold | MinCountThreshold)
