"""The gate's checks: rules on the small tables of an audit, checked by Great Expectations.

This is the only module that imports Great Expectations, and it does so when a check is made: the import takes
seconds. The library passes over missing values, empty tables and columns that differ by case only; here such
a check ends as an error and never as a pass.
"""

from __future__ import annotations

import gc
import logging
import re
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from labelhealth.configs._expectation_kwargs import NUMERIC_TYPES
from labelhealth.configs.gate import GateOptions
from labelhealth.configs.tables import CHECKS, TABLES
from labelhealth.core.errors import OptionError
from labelhealth.tasks._expectation_rows import (
    MAX_EXAMPLES,
    Finding,
    Judgement,
    check_row,
    guarded_columns,
    judge,
)
from labelhealth.tasks._expectation_rules import Rows, Rule, baseline_rules, input_rules, output_rules
from labelhealth.tasks._expectation_tables import prepare

__all__ = ["Rows", "Rule", "check_rules", "baseline_rules", "check_tables", "input_rules", "output_rules"]

_LARGEST = sys.float_info.max
_LARGE_TABLES = 100_000  # cells: from here a context, which is a cycle, is not left to keep its tables alive
_LOST = "Great Expectations returned no result for it"
_lock = threading.Lock()


@dataclass(frozen=True)
class _Part:
    """One expectation of a rule: the rule's own, or a guard."""

    rule: str
    name: str
    expectation: str
    kwargs: Mapping[str, object]
    severity: str


def check_tables(checkpoint: str, tables: Mapping[str, pd.DataFrame], rules: Sequence[Rule]) -> pd.DataFrame:
    """Check rules on tables and say for each rule what was found, and why it holds or not.

    Parameters
    ----------
    checkpoint : str
        Name of the checkpoint, "input" or "output".
    tables : mapping of str to DataFrame
        The tables by name, as `configs.tables` describes them; none is changed.
    rules : sequence of Rule
        The suite, as `input_rules` or `output_rules` returns it.

    Returns
    -------
    DataFrame
        Table `checks`: one row per rule, in the order of `rules`.

    Raises
    ------
    OptionError
        If there are no rules, or two have the same id.

    Notes
    -----
    A rule that cannot be checked has the verdict "error", whatever the cause: a table that is not given, a
    missing or infinite value, an expectation that raises. Safe to call from several threads.
    """
    _check_suite(rules)
    ready: dict[str, pd.DataFrame] = {}
    judgements: dict[str, Judgement] = {}
    for rule in rules:
        frame, settled = prepare(rule, tables)
        ready[rule.id] = frame
        if settled is not None:
            judgements[rule.id] = settled
    groups: dict[tuple[str, Rows], list[Rule]] = {}
    for rule in rules:
        if rule.id not in judgements:
            groups.setdefault((rule.table, rule.rows), []).append(rule)
    findings = _run(checkpoint, [(ready[group[0].id], group) for group in groups.values()])
    for rule in rules:
        if rule.id not in judgements:
            judgements[rule.id] = judge(rule, ready[rule.id], findings[rule.id])
    rows = [check_row(checkpoint, rule, ready[rule.id], judgements[rule.id]) for rule in rules]
    return pd.DataFrame(rows, columns=list(CHECKS.column_names)).astype({"unexpected_count": "Int64"})


def check_rules(options: GateOptions) -> None:
    """Construct every rule of a gate with Great Expectations: what it would refuse later, it refuses now.

    Parameters
    ----------
    options : GateOptions
        The gate, which has passed its own checks already.

    Raises
    ------
    OptionError
        On the first rule that Great Expectations does not accept, with its id and the field.
    """
    gx = _great_expectations()
    for rule in (*input_rules(options), *output_rules(options)):
        for part in _parts(rule):
            try:
                _expectation(gx, part)
            except Exception as error:  # noqa: BLE001 (whatever it raises is its refusal)
                msg = f"rule {rule.id!r} must be accepted by Great Expectations; it says {_one_line(error)}"
                raise OptionError(msg) from None


def _check_suite(rules: Sequence[Rule]) -> None:
    if not rules:
        msg = "`rules` must not be empty; got none. Hint: a gate without rules passes everything."
        raise OptionError(msg)
    for rule_id, times in Counter(rule.id for rule in rules).items():
        if times > 1:
            msg = f"`rules` must have different ids; got {rule_id!r} {times} times."
            raise OptionError(msg)


def _parts(rule: Rule) -> Iterator[_Part]:
    """Yield the expectation of a rule, then the guards of the columns it checks."""
    yield _Part(rule.id, "rule", rule.expectation, rule.kwargs, rule.severity)
    condition = {key: rule.kwargs[key] for key in ("row_condition",) if key in rule.kwargs}
    types = {column.name: column.type for column in TABLES[rule.table].columns}
    for column in dict.fromkeys(guarded_columns(rule)):
        kwargs: dict[str, object] = {"column": column, **condition}
        yield _Part(rule.id, f"values:{column}", "ExpectColumnValuesToNotBeNull", kwargs, rule.severity)
        if types.get(column) in NUMERIC_TYPES:
            kwargs = {**kwargs, "min_value": -_LARGEST, "max_value": _LARGEST}
            yield _Part(rule.id, f"finite:{column}", "ExpectColumnValuesToBeBetween", kwargs, rule.severity)


def _run(
    checkpoint: str, groups: Sequence[tuple[pd.DataFrame, Sequence[Rule]]]
) -> dict[str, dict[str, Finding]]:
    """Return the findings of every rule by its id, then by part."""
    if not groups:
        return {}
    gx = _great_expectations()
    findings: dict[str, dict[str, Finding]] = {}
    try:
        context = gx.new_context()
        for number, (frame, rules) in enumerate(groups):
            name = f"{checkpoint}.{number}"
            for rule in rules:
                findings[rule.id] = {part.name: Finding(error=_LOST) for part in _parts(rule)}
            for rule_id, part_name, finding in _run_group(gx, context, name, frame, rules):
                findings[rule_id][part_name] = finding
    finally:
        context = None
        if sum(frame.size for frame, _ in groups) >= _LARGE_TABLES:
            gc.collect()
    return findings


def _run_group(
    gx: _Library, context: Any, name: str, frame: pd.DataFrame, rules: Sequence[Rule]
) -> Iterator[tuple[str, str, Finding]]:
    """Yield rule, part and finding for each expectation of rules that share their rows."""
    built = []
    for part in [part for rule in rules for part in _parts(rule)]:
        try:
            built.append(_expectation(gx, part))
        except Exception as error:  # noqa: BLE001 (whatever it is, the check was not made)
            yield part.rule, part.name, Finding(error=_one_line(error))
    try:
        results = gx.validate(context, name, frame, built)
    except Exception as error:  # noqa: BLE001 (whatever it is, the checks were not made)
        for rule in rules:
            yield rule.id, "rule", Finding(error=_one_line(error))
        return
    for result in results:
        rule_id, part_name = result.expectation_config.meta["labelhealth"]
        yield rule_id, part_name, _finding(result)


def _finding(result: Any) -> Finding:
    info = result.exception_info or {}
    infos = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, Mapping)]
    errors = sorted({_clean(str(i["exception_message"])) for i in infos if i.get("raised_exception")})
    return Finding(bool(result.success), dict(result.result or {}), "; ".join(errors))


def _expectation(gx: _Library, part: _Part) -> Any:
    meta = {"labelhealth": [part.rule, part.name]}
    return gx.class_of(part.expectation)(**part.kwargs, severity=part.severity, meta=meta)


def _one_line(error: Exception) -> str:
    """Return an error of the library as one line; its validation errors say which field is wrong."""
    details = getattr(error, "errors", None)
    if callable(details):
        parts = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in details()]
        return _clean("; ".join(parts))
    return _clean(f"{type(error).__name__}: {error}")


def _clean(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x…", " ".join(text.split()))[:300]


class _Library:
    """The few things that the gate asks of Great Expectations."""

    def __init__(self) -> None:
        import great_expectations
        import great_expectations.data_context.types.base as types
        from great_expectations import expectations
        from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext

        self._gx: Any = great_expectations
        self._expectations: Any = expectations
        self._types: Any = types
        self._context_class: Any = EphemeralDataContext
        _set_base_context(self.new_context)
        _switch_off_fingerprints()

    def class_of(self, name: str) -> Any:
        """Return the class of a core expectation."""
        return getattr(self._expectations, name)

    def new_context(self) -> Any:
        """Return a private context that lives in memory; a shared one mixes up the tables of threads."""
        types = self._types
        config = types.DataContextConfig(store_backend_defaults=types.InMemoryStoreBackendDefaults())
        config.progress_bars = types.ProgressBarsConfig(globally=False)
        return self._context_class(project_config=config)

    def validate(self, context: Any, name: str, frame: pd.DataFrame, expectations: list[Any]) -> list[Any]:
        """Return the validation results of expectations on one table."""
        gx = self._gx
        source = context.data_sources.add_pandas(name)
        batch = source.add_dataframe_asset(name=name).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        definition = context.validation_definitions.add(definition)
        result_format = {"result_format": "SUMMARY", "partial_unexpected_count": MAX_EXAMPLES}
        checkpoint = gx.Checkpoint(
            name=name, validation_definitions=[definition], result_format=result_format
        )
        run = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
        return [result for validated in run.run_results.values() for result in validated.results]


_library: _Library | None = None


def _great_expectations() -> _Library:
    """Return the library, imported once and quietly."""
    global _library
    with _lock:
        if _library is None:
            logger = logging.getLogger("great_expectations")
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.CRITICAL)  # what it has to say stands in the results
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # its own use of sre_parse
                _library = _Library()
        return _library


def _set_base_context(new_context: Any) -> None:
    """Give the library the global context that it asks for, unless the process has one."""
    from great_expectations.data_context.data_context.context_factory import project_manager
    from great_expectations.exceptions.exceptions import DataContextRequiredError

    try:
        project_manager.is_using_cloud()
    except DataContextRequiredError:
        project_manager.set_project(new_context())


def _switch_off_fingerprints() -> None:
    """Stop the library from hashing every table: it costs more than the checks, and nothing reads it."""
    from great_expectations.execution_engine import pandas_execution_engine

    engine: Any = pandas_execution_engine
    if hasattr(engine, "HASH_THRESHOLD"):
        engine.HASH_THRESHOLD = 0
