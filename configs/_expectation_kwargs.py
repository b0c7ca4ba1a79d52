"""The check of one of the user's expectations: all that can be known without Great Expectations."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping

from labelhealth.configs._expectations import (
    COUNTING,
    EXPECTATIONS,
    FORBIDDEN_KWARGS,
    NEEDED,
    OF_TEXT,
    REFUSED,
    SHARES,
    SNAKE_NAMES,
)
from labelhealth.configs.table import Table

NUMERIC_TYPES = ("int64", "double")


def check_name(name: str) -> str:
    """Return the class name of a core expectation given by class name or snake_case name.

    Raises
    ------
    ValueError
        If there is no such expectation, or it cannot be used on the gate's tables.
    """
    found = name if name in EXPECTATIONS else SNAKE_NAMES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, [*EXPECTATIONS, *SNAKE_NAMES], n=3)
        msg = f"`expect` must name a core expectation of Great Expectations; got {name!r}.{_hint(near)}"
        raise ValueError(msg)
    if found in REFUSED:
        msg = f"`expect` must be usable on the gate's tables; got {name!r}. Hint: {REFUSED[found]}."
        raise ValueError(msg)
    return found


def named_columns(kwargs: Mapping[str, object]) -> tuple[str, ...]:
    """Return the columns that an expectation checks, in the order of its arguments."""
    single = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs]
    several = kwargs.get("column_list", ())
    return tuple(str(name) for name in (*single, *(several if isinstance(several, list | tuple) else ())))


def check_kwargs(table: Table, name: str, kwargs: Mapping[str, object]) -> None:
    """Refuse arguments that the library would refuse late, or would accept and then check nothing.

    Parameters
    ----------
    table : Table
        Schema of the table that is checked.
    name : str
        Class name of the expectation, as `check_name` returns it.
    kwargs : mapping
        Its arguments.

    Raises
    ------
    ValueError
        On the first argument that breaks a rule, with the rule and a way out.
    """
    _check_known(name, kwargs)
    for path, value in _leaves(kwargs, "kwargs"):
        _check_leaf(path, value)
    _check_columns(table, name, kwargs)
    _check_text_column(table, name, kwargs)
    _check_bounds(table, name, kwargs)
    _check_mostly(kwargs)
    _check_values(table, kwargs)
    _check_quantiles(kwargs)
    _check_patterns(kwargs)


def _check_known(name: str, kwargs: Mapping[str, object]) -> None:
    for key in kwargs:
        if key in FORBIDDEN_KWARGS:
            msg = f"`kwargs` must not hold {key!r}. Hint: {FORBIDDEN_KWARGS[key]}."
            raise ValueError(msg)
    legal = EXPECTATIONS[name].names
    unknown = [key for key in kwargs if key not in legal]
    if unknown:
        msg = f"`kwargs` of {name} must be among {', '.join(legal)}; got {unknown[0]!r}."
        raise ValueError(msg)
    needed = (*EXPECTATIONS[name].required.split(), *NEEDED.get(name, ()))
    missing = [key for key in needed if kwargs.get(key) is None]
    if missing:
        msg = f"`kwargs` of {name} must hold {missing[0]!r}; got {', '.join(kwargs) or 'nothing'}."
        raise ValueError(msg)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield every mapping, list and scalar below a value, with the path to it."""
    yield path, value
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _leaves(item, f"{path}[{position}]")


def _check_leaf(path: str, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        msg = (
            f"`{path}` must be a finite number; got {value}. Hint: the library drops such a bound and passes."
        )
        raise ValueError(msg)
    if isinstance(value, list | tuple | Mapping) and not value and path != "kwargs":
        msg = f"`{path}` must not be empty. Hint: an empty list checks nothing."
        raise ValueError(msg)
    if isinstance(value, Mapping) and any(str(key).startswith("$PARAMETER") for key in value):
        msg = f"`{path}` must be a value; got $PARAMETER. Hint: write the number itself."
        raise ValueError(msg)


def _check_columns(table: Table, name: str, kwargs: Mapping[str, object]) -> None:
    checked = () if name.startswith("ExpectTableColumns") else named_columns(kwargs)
    wanted = [*checked, *_condition_columns(kwargs.get("row_condition"))]
    for column in wanted:
        if column not in table.column_names:
            near = difflib.get_close_matches(column, table.column_names, n=3, cutoff=0.5)
            hint = _hint(near) or (
                " Hint: the dataset's own columns are the rows of table `columns`;"
                " see `required_columns` and `max_null_share`."
            )
            msg = f"column must be one of table `{table.name}`; got {column!r}.{hint}"
            raise ValueError(msg)


def _condition_columns(condition: object) -> Iterator[str]:
    """Yield the columns of a row condition, and refuse the deprecated string form."""
    if condition is None:
        return
    if not isinstance(condition, Mapping):
        msg = (
            f"`row_condition` must be a mapping; got {condition!r}."
            " Hint: {type: comparison, column: {name: num_examples}, operator: '>=', parameter: 20}."
        )
        raise ValueError(msg)
    column = condition.get("column")
    if isinstance(column, Mapping) and "name" in column:
        yield str(column["name"])
    parts = condition.get("conditions", ())
    for part in parts if isinstance(parts, list | tuple) else ():
        yield from _condition_columns(part)


def _check_bounds(table: Table, name: str, kwargs: Mapping[str, object]) -> None:
    bounded = {"min_value", "max_value"} <= set(EXPECTATIONS[name].names)
    if not bounded and "value" not in kwargs:
        return
    bounds = {key: kwargs[key] for key in ("min_value", "max_value", "value") if kwargs.get(key) is not None}
    if not bounds and name != "ExpectColumnKLDivergenceToBeLessThan":
        msg = f"`kwargs` of {name} must hold `min_value` or `max_value`. Hint: without one it always passes."
        raise ValueError(msg)
    for key, bound in bounds.items():
        _check_bound(name, key, bound)
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        msg = f"`min_value` must not exceed `max_value`; got {low} > {high}."
        raise ValueError(msg)
    if bounds:
        _check_bounded_column(table, name, kwargs)


def _check_bound(name: str, key: str, bound: object) -> None:
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        msg = f"`{key}` must be a number; got {bound!r}."
        raise ValueError(msg)
    if name in COUNTING and bound != int(bound):
        msg = f"`{key}` of {name} must be a whole number; got {bound}. Hint: the library would cut it off."
        raise ValueError(msg)
    if name in SHARES and not 0 <= bound <= 1:
        msg = f"`{key}` of {name} must be a share in 0..1; got {bound}."
        raise ValueError(msg)


def _check_bounded_column(table: Table, name: str, kwargs: Mapping[str, object]) -> None:
    column = kwargs.get("column")
    if column is None or name in COUNTING or name in SHARES:
        return
    type_ = _type_of(table, str(column))
    if type_ not in NUMERIC_TYPES:
        msg = f"column of {name} must be numeric; got {column!r}, which is {type_}."
        raise ValueError(msg)


def _check_text_column(table: Table, name: str, kwargs: Mapping[str, object]) -> None:
    type_ = _type_of(table, str(kwargs["column"])) if "column" in kwargs else "string"
    if type_ != "string" and any(word in name for word in OF_TEXT):
        msg = f"column of {name} must hold strings; got {kwargs['column']!r}, which is {type_}."
        raise ValueError(msg)


def _check_mostly(kwargs: Mapping[str, object]) -> None:
    if "mostly" not in kwargs:
        return
    mostly = kwargs["mostly"]
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 < mostly <= 1:
        msg = f"`mostly` must be a share above 0 and up to 1; got {mostly!r}. Hint: 95 % is 0.95."
        raise ValueError(msg)


def _check_values(table: Table, kwargs: Mapping[str, object]) -> None:
    if "value_set" in kwargs:
        _check_value_list(table, str(kwargs["column"]), "value_set", kwargs["value_set"])
    if "value_pairs_set" in kwargs:
        pairs = kwargs["value_pairs_set"]
        if not isinstance(pairs, list | tuple) or not all(
            isinstance(p, list | tuple) and len(p) == 2 for p in pairs
        ):
            msg = f"`value_pairs_set` must be a list of pairs; got {pairs!r}."
            raise ValueError(msg)
        for position, key in enumerate(("column_A", "column_B")):
            values = [pair[position] for pair in pairs]
            _check_value_list(table, str(kwargs[key]), "value_pairs_set", values)


def _check_value_list(table: Table, column: str, key: str, values: object) -> None:
    if not isinstance(values, list | tuple):
        msg = f"`{key}` must be a list; got {values!r}."
        raise ValueError(msg)
    type_ = _type_of(table, column)
    for value in values:
        if not _fits(type_, value):
            hint = (
                " Hint: put it in quotes; YAML reads yes, no, on and off as booleans."
                if type_ == "string"
                else ""
            )
            msg = f"`{key}` must hold values of type {type_}, as column {column!r} does; got {value!r}.{hint}"
            raise ValueError(msg)


def _fits(type_: str, value: object) -> bool:
    if type_ == "string":
        return isinstance(value, str)
    if type_ == "bool":
        return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_quantiles(kwargs: Mapping[str, object]) -> None:
    quantiles = kwargs.get("quantile_ranges")
    ranges = quantiles.get("value_ranges") if isinstance(quantiles, Mapping) else None
    for bounds in ranges if isinstance(ranges, list | tuple) else ():
        if isinstance(bounds, list | tuple) and all(bound is None for bound in bounds):
            msg = (
                f"`value_ranges` must hold a bound each; got {bounds!r}. Hint: without one it always passes."
            )
            raise ValueError(msg)


def _check_patterns(kwargs: Mapping[str, object]) -> None:
    several = kwargs.get("regex_list", ())
    patterns = [
        *([kwargs["regex"]] if "regex" in kwargs else []),
        *(several if isinstance(several, list) else ()),
    ]
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern:
            msg = f"`regex` must be a non-empty string; got {pattern!r}."
            raise ValueError(msg)
        try:
            re.compile(pattern)
        except re.error as error:
            msg = f"`regex` must be a regular expression; got {pattern!r} ({error})."
            raise ValueError(msg) from None


def _type_of(table: Table, column: str) -> str:
    return next(known.type for known in table.columns if known.name == column)


def _hint(near: list[str]) -> str:
    return f" Hint: did you mean {' or '.join(near)}?" if near else ""
