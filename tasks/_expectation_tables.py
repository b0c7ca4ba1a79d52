"""Which rows of which table a rule speaks about, and whether that table can be checked at all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.configs._expectation_kwargs import NUMERIC_TYPES
from labelhealth.configs.tables import TABLES
from labelhealth.tasks._expectation_rows import NAME_COLUMNS, ONE_ROW_TABLES, Judgement, guarded_columns
from labelhealth.tasks._expectation_rules import Rows, Rule


def prepare(rule: Rule, tables: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, Judgement | None]:
    """Return the rows that a rule speaks about, and its outcome where that is known already.

    Parameters
    ----------
    rule : Rule
        The rule.
    tables : mapping of str to DataFrame
        The tables by name; none is changed.

    Returns
    -------
    DataFrame
        The rows to check, numbered from 0.
    Judgement or None
        The outcome when there is no table to check, or no row in it; else None.
    """
    fault = _fault(rule, tables)
    if fault:
        return pd.DataFrame(columns=list(TABLES[rule.table].column_names)), Judgement("error", fault)
    table = tables[rule.table]
    frame, absent = _select(rule.rows, rule.table, table)
    if absent and rule.when_missing != "skipped":
        return frame, Judgement(rule.when_missing, _absent_reason(rule, table, absent))
    if frame.empty and not rule.expectation.startswith("ExpectTable"):
        faulty = table.empty and rule.table != "class_overlap"  # only pairs may be none
        return frame, Judgement("error" if faulty else rule.when_empty, _empty_reason(rule, table))
    return frame, None


def _fault(rule: Rule, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return why a table cannot be checked at all; empty when it can."""
    frame = tables.get(rule.table)
    if frame is None:
        return f"table {rule.table} is not given"
    folded = Counter(str(name).casefold() for name in frame.columns)
    twice = [name for name in frame.columns if folded[str(name).casefold()] > 1]
    if twice:
        return f"table {rule.table} has columns that differ by case only: {', '.join(map(str, twice))}"
    chosen_by = [
        *(["judged"] if rule.rows.judged else []),
        *filter(None, [rule.rows.min_column, rule.rows.present]),
    ]
    needed = (*guarded_columns(rule), *NAME_COLUMNS.get(rule.table, ()), *chosen_by)
    types = {column.name: column.type for column in TABLES[rule.table].columns}
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        return f"table {rule.table} has no column {lacking[0]}"
    odd = [name for name in needed if not _holds(frame[name], types[name])]
    if odd:
        return f"column {odd[0]} of table {rule.table} must hold {types[odd[0]]}"
    if rule.table in ONE_ROW_TABLES and len(frame) != 1:
        return f"table {rule.table} must have one row; it has {len(frame)}"
    return ""


def _holds(values: pd.Series, type_: str) -> bool:
    """Return whether a column holds values of its type, missing ones apart."""
    if values.dtype != object and type_ in NUMERIC_TYPES:
        return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    wanted = {"string": str, "bool": bool | np.bool_}.get(type_, int | float | np.integer | np.floating)
    return all(isinstance(value, wanted) for value in values.dropna())


def _select(rows: Rows, table: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that a rule speaks about, and the names it asks for in vain."""
    frame = frame.reset_index(drop=True)
    keep = np.ones(len(frame), dtype=bool)
    if rows.judged:
        keep &= _mask(not pd.isna(value) and bool(value) for value in frame["judged"])
    if rows.min_column:
        keep &= _mask(
            not pd.isna(count) and rows.min_count <= count < math.inf for count in frame[rows.min_column]
        )
    if rows.present:
        keep &= frame[rows.present].notna().to_numpy(dtype=bool)
    if rows.exempt_pairs:
        exempt = {frozenset(pair) for pair in rows.exempt_pairs}
        pairs = zip(frame["class_a"], frame["class_b"], strict=True)
        keep &= _mask(frozenset(pair) not in exempt for pair in pairs)
    if not rows.names:
        return frame[keep].reset_index(drop=True), []
    names = frame[NAME_COLUMNS[table][0]]
    absent = [name for name in rows.names if name not in set(names[keep])]
    return frame[keep & names.isin(rows.names).to_numpy(dtype=bool)].reset_index(drop=True), absent


def _mask(chosen: Iterable[bool]) -> npt.NDArray[np.bool_]:
    return np.fromiter(chosen, dtype=bool)


def _absent_reason(rule: Rule, table: pd.DataFrame, absent: Sequence[str]) -> str:
    names = ", ".join(repr(name) for name in absent)
    if rule.table == "columns":
        return f"the dataset has no column {names}"
    known = set(table[NAME_COLUMNS[rule.table][0]])
    if all(name in known for name in absent):
        return f"class {names} has fewer than {rule.rows.min_count} judged rows"
    return f"there is no class {names}"


def _empty_reason(rule: Rule, table: pd.DataFrame) -> str:
    if rule.table == "class_overlap":
        return "no pair of classes overlaps" + (", exempt pairs apart" if rule.rows.exempt_pairs else "")
    if table.empty:
        return f"table {rule.table} is empty, so nothing was checked"
    if rule.table == "class_health":
        return "no class has enough judged rows"
    if rule.rows.present:
        return f"no row of {rule.table} has a {rule.rows.present}"
    return f"table {rule.table} has no row to check"
