"""From what Great Expectations found to one row of the table `checks`, with a reason for a person."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from labelhealth.configs._expectation_kwargs import named_columns
from labelhealth.configs.tables import TABLES
from labelhealth.tasks._expectation_rules import Outcome, Rows, Rule

MAX_EXAMPLES = 20
NAME_COLUMNS = {
    "columns": ("name",),
    "classes": ("class_name",),
    "class_health": ("class_name",),
    "class_overlap": ("class_a", "class_b"),
}
ONE_ROW_TABLES = ("input", "health", "comparison")
NULLABLE = {  # columns in which a missing value is an answer, not a fault
    "columns": ("min_value", "max_value", "leak_accuracy"),
    "class_health": ("flagged_share",),
}
NULLS_ARE_THE_QUESTION = (
    "ExpectColumnValuesToBeNull",
    "ExpectColumnValuesToNotBeNull",
    "ExpectColumnProportionOfNonNullValuesToBeBetween",
    "ExpectColumnToExist",
)
_AGGREGATES = {
    "ExpectColumnMaxToBeBetween": "largest {}",
    "ExpectColumnMeanToBeBetween": "mean of {}",
    "ExpectColumnMedianToBeBetween": "median of {}",
    "ExpectColumnMinToBeBetween": "smallest {}",
    "ExpectColumnProportionOfNonNullValuesToBeBetween": "share of present values of {}",
    "ExpectColumnProportionOfUniqueValuesToBeBetween": "share of distinct values of {}",
    "ExpectColumnStdevToBeBetween": "standard deviation of {}",
    "ExpectColumnSumToBeBetween": "sum of {}",
    "ExpectColumnUniqueValueCountToBeBetween": "number of distinct values of {}",
}


@dataclass(frozen=True)
class Finding:
    """What Great Expectations said about one expectation.

    Attributes
    ----------
    success
        Whether it held.
    result
        Counts, values and positions, as the library gives them.
    error
        Why it could not be checked; empty when it was.
    """

    success: bool = False
    result: Mapping[str, object] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Judgement:
    """Outcome of one rule: what the row of `checks` says about it.

    Attributes
    ----------
    outcome, reason
        Verdict on the rule, and the sentence that explains it.
    main
        What was found about the rule's own expectation.
    offenders
        The finding whose rows are the examples.
    """

    outcome: Outcome
    reason: str
    main: Finding = field(default_factory=Finding)
    offenders: Finding = field(default_factory=Finding)


def guarded_columns(rule: Rule) -> tuple[str, ...]:
    """Return the columns whose missing or infinite values the rule's expectation would pass over."""
    return () if rule.expectation.startswith("ExpectTable") else named_columns(rule.kwargs)


def judge(rule: Rule, frame: pd.DataFrame, findings: Mapping[str, Finding]) -> Judgement:
    """Return the outcome of a rule from its own expectation and its guards.

    Parameters
    ----------
    rule : Rule
        The rule.
    frame : DataFrame
        The rows that were checked.
    findings : mapping of str to Finding
        "rule" for the expectation itself, "values:<column>" and "finite:<column>" for its guards.

    Returns
    -------
    Judgement
        "pass" only when the expectation held on at least one value and no value was passed over.
    """
    main = findings["rule"]
    broken = [finding.error for finding in (main, *findings.values()) if finding.error]
    if broken:
        return Judgement("error", f"it could not be checked: {broken[0]}", main)
    nothing = _nothing_checked(rule, findings)
    if nothing:
        return Judgement("error", nothing, main)
    if not main.success:
        return Judgement("error" if rule.distrust else "fail", _failure(rule, frame, main), main, main)
    for guard, problem in _passed_over(rule, findings):
        column = guard.partition(":")[2]
        reason = f"{column}{_whose(rule.table, frame, findings[guard])} is {problem}"
        return Judgement("error", reason, main, findings[guard])
    return Judgement("pass", _success(rule, main), main)


def check_row(checkpoint: str, rule: Rule, frame: pd.DataFrame, judgement: Judgement) -> dict[str, object]:
    """Return the row of `checks` for one rule; `frame` holds the rows that were checked."""
    result = judgement.main.result
    sentence = f"{rule.description.rstrip('.')}: {judgement.reason}" if rule.description else judgement.reason
    return {
        "checkpoint": checkpoint,
        "rule": rule.id,
        "table": rule.table,
        "column": ", ".join(named_columns(rule.kwargs)),
        "expectation": rule.expectation,
        "severity": rule.severity,
        "verdict": judgement.outcome,
        "observed": to_json(_observed(result)),
        "expected": to_json({**rule.kwargs, **_described(rule.rows)}),
        "unexpected_count": _count(result, "unexpected_count") if "element_count" in result else None,
        "examples": to_json(_names(rule.table, frame, _positions(judgement.offenders.result))),
        "reason": " ".join(sentence.split()),
    }


def to_json(value: object) -> str:
    """Return strict JSON: NaN becomes null, an infinite number a string, keys are sorted."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, str | int | float) else str(value)


def _nothing_checked(rule: Rule, findings: Mapping[str, Finding]) -> str:
    """Return why nothing at all was checked; empty when something was."""
    for column in guarded_columns(rule):
        found = findings[f"values:{column}"].result
        rows, missing = _count(found, "element_count"), _count(found, "unexpected_count")
        if rows == 0:
            return f"no row of {rule.table} meets its condition, so nothing was checked"
        if rows == missing and rule.expectation not in NULLS_ARE_THE_QUESTION:
            return f"{column} of {rule.table} has no value, so nothing was checked"
    return ""


def _passed_over(rule: Rule, findings: Mapping[str, Finding]) -> Iterator[tuple[str, str]]:
    """Yield each guard that found values which the library passes over, and what they are."""
    if rule.expectation in NULLS_ARE_THE_QUESTION:
        return
    for column in guarded_columns(rule):
        missing, finite = f"values:{column}", f"finite:{column}"
        if not findings[missing].success and column not in NULLABLE.get(rule.table, ()):
            yield missing, "missing"
        if finite in findings and not findings[finite].success:
            yield finite, "infinite"


def _failure(rule: Rule, frame: pd.DataFrame, main: Finding) -> str:
    observed = main.result.get("observed_value")
    if _is_number(observed):
        return f"{_subject(rule)} is {_against(rule.kwargs, observed)}{_meaning(rule)}"
    lacking = main.result.get("partial_missing_list")
    if isinstance(lacking, list | tuple) and lacking:
        if (rule.table, rule.kwargs["column"]) == ("columns", "name"):
            return f"the dataset has no column {_listed(sorted(lacking, key=repr))}"
        return f"{rule.kwargs['column']} of {rule.table} lacks {_listed(sorted(lacking, key=repr))}"
    positions = _worst_first(rule, frame, _positions(main.result))
    if positions:
        return _offender(rule, frame, positions, _count(main.result, "unexpected_count"))
    seen = to_json(_observed(main.result))
    return f"{rule.expectation} does not hold on {rule.table}: found {seen[:200]}"


def _offender(rule: Rule, frame: pd.DataFrame, positions: Sequence[int], count: int) -> str:
    """Return the sentence about the worst of the rows that broke a rule."""
    row = frame.iloc[positions[0]]
    column = str(rule.kwargs.get("column_B", rule.kwargs.get("column", "")))
    whose = _named(rule.table, frame, positions[0])
    more = f" (and {count - 1} more)" if count > 1 else ""
    if rule.expectation == "ExpectColumnPairValuesToBeInSet":
        return f"{column}{whose} is {_show(row[column])}, not {_paired(rule.kwargs, row)}{more}"
    if not column:
        columns = named_columns(rule.kwargs)
        values = ", ".join(f"{name} = {_show(row[name])}" for name in columns)
        return f"{rule.expectation} does not hold{whose}: {values}{more}"
    if "value_set" in rule.kwargs:
        fault = "forbidden" if "NotBeInSet" in rule.expectation else "not among the allowed values"
        return f"{column}{whose} is {_show(row[column])}, which is {fault}{more}"
    value = row[column]
    if _is_number(value) and {"min_value", "max_value"} & set(rule.kwargs):
        return f"{column}{whose} is {_against(rule.kwargs, value)}{more}"
    return f"{column}{whose} is {_show(value)}, against {rule.expectation}{more}"


def _paired(kwargs: Mapping[str, object], row: pd.Series) -> str:
    pairs = kwargs["value_pairs_set"]
    allowed = [b for a, b in pairs if a == row[str(kwargs["column_A"])]] if isinstance(pairs, list) else []
    return " or ".join(_show(value) for value in allowed) or "among the allowed"


def _success(rule: Rule, main: Finding) -> str:
    observed = main.result.get("observed_value")
    if _is_number(observed):
        return f"{_subject(rule)} is {_number(observed)}"
    rows = _count(main.result, "element_count")
    if "element_count" in main.result and rule.table not in ONE_ROW_TABLES:
        return f"it holds for {rows} row{'' if rows == 1 else 's'} of {rule.table}"
    return f"it holds for {rule.table}"


def _subject(rule: Rule) -> str:
    if "column" not in rule.kwargs:
        thing = "columns" if "ColumnCount" in rule.expectation else "rows"
        return f"number of {thing} of {rule.table}{_which(rule.rows)}"
    column = str(rule.kwargs["column"])
    if rule.table in ONE_ROW_TABLES:
        return column
    return _AGGREGATES.get(rule.expectation, f"{rule.expectation} of {{}}").format(column)


def _which(rows: Rows) -> str:
    return f" with {rows.min_column} of at least {rows.min_count}" if rows.min_column else ""


def _meaning(rule: Rule) -> str:
    """Return what a column of a one-row table means, in brackets."""
    if rule.table not in ONE_ROW_TABLES or "column" not in rule.kwargs:
        return ""
    column = next(c for c in TABLES[rule.table].columns if c.name == rule.kwargs["column"])
    return f" ({column.meaning})"


def _against(kwargs: Mapping[str, object], value: object) -> str:
    """Return a number beside the bound that it breaks."""
    low, high = kwargs.get("min_value", kwargs.get("value")), kwargs.get("max_value", kwargs.get("value"))
    for bound, word, beyond in ((low, "below", -1), (high, "above", 1)):
        if _is_number(bound) and (_float(value) - _float(bound)) * beyond > 0:
            shown, limit = _number(value), _number(bound)
            if shown == limit:  # rounding would make them look equal
                shown, limit = repr(_float(value)), repr(_float(bound))
            return f"{shown}, {word} {limit}"
        if _is_number(bound) and _float(value) == _float(bound) and low != high:
            return (
                f"{_number(value)}, which must be {'above' if word == 'below' else 'below'} {_number(bound)}"
            )
    return f"{_number(value)}, which is not allowed"


def _worst_first(rule: Rule, frame: pd.DataFrame, positions: Sequence[int]) -> list[int]:
    """Return positions with the value farthest beyond a one-sided bound first."""
    low, high = rule.kwargs.get("min_value"), rule.kwargs.get("max_value")
    if (low is None) == (high is None) or "column" not in rule.kwargs:
        return list(positions)
    values = frame[str(rule.kwargs["column"])]
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return list(positions)
    sign = 1 if low is not None else -1
    return sorted(positions, key=lambda position: sign * float(values.iloc[position]))


def _positions(result: Mapping[str, object]) -> list[int]:
    found = result.get("partial_unexpected_index_list")
    return [int(p) for p in found][:MAX_EXAMPLES] if isinstance(found, list) else []


def _names(table: str, frame: pd.DataFrame, positions: Sequence[int]) -> list[object]:
    columns = NAME_COLUMNS.get(table)
    if columns is None:
        return []
    rows = frame.loc[:, list(columns)].iloc[list(positions)].itertuples(index=False)
    return [row[0] if len(columns) == 1 else list(row) for row in rows]


def _named(table: str, frame: pd.DataFrame, position: int) -> str:
    names = _names(table, frame, [position])
    if not names:
        return ""
    if table == "class_overlap" and isinstance(names[0], list):
        return " of classes " + " and ".join(_show(name) for name in names[0])
    return f" of {'column' if table == 'columns' else 'class'} {_show(names[0])}"


def _whose(table: str, frame: pd.DataFrame, finding: Finding) -> str:
    positions = _positions(finding.result)
    return _named(table, frame, positions[0]) if positions else ""


def _observed(result: Mapping[str, object]) -> object:
    """Return what was found: a single value where there is one, else counts and values."""
    if result.get("observed_value") is not None and "details" not in result:
        return result["observed_value"]
    kept = {
        "observed_value": "value",
        "element_count": "rows",
        "unexpected_count": "unexpected",
        "partial_unexpected_list": "values",
        "partial_missing_list": "lacking",
        "details": "details",
    }
    return {name: result[key] for key, name in kept.items() if result.get(key) is not None}


def _described(rows: Rows) -> dict[str, object]:
    chosen = {f.name: getattr(rows, f.name) for f in fields(rows) if getattr(rows, f.name) != f.default}
    return {"rows": chosen} if chosen else {}


def _listed(values: Sequence[object]) -> str:
    shown = ", ".join(_show(value) for value in values[:3])
    return shown + (f" and {len(values) - 3} more" if len(values) > 3 else "")


def _show(value: object) -> str:
    return _number(value) if _is_number(value) else repr(_plain(value))


def _number(value: object) -> str:
    number = _float(value)
    return (
        str(int(number))
        if number.is_integer() and abs(number) < 1e15
        else f"{number:.4g}"
        if abs(number) < 1e4
        else f"{number:.1f}"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float | np.integer | np.floating) else math.nan


def _count(result: Mapping[str, object], key: str) -> int:
    value = result.get(key)
    return int(value) if isinstance(value, int | np.integer) else 0
