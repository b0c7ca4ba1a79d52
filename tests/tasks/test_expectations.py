"""The gate's checks with Great Expectations: thresholds, traps, threads, and what a person is told."""

import gc
import inspect
import json
import re
import socket
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from labelhealth.configs._expectations import EXPECTATIONS, FORBIDDEN_KWARGS, snake_name
from labelhealth.configs.gate import BUILT_IN_RULES, BaselineRules, GateOptions
from labelhealth.configs.tables import CHECKS, TABLES
from labelhealth.core.errors import OptionError
from labelhealth.tasks import expectations
from labelhealth.tasks.expectations import (
    Rule,
    baseline_rules,
    check_rules,
    check_tables,
    input_rules,
    output_rules,
)
from labelhealth.tasks.verdict import decide

NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Every attempt to reach the network fails the test."""

    def refuse(*args, **kwargs):
        pytest.fail("tried to use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def one_row(name, **values):
    """Return a table of one row, with 1 in every column that is not given."""
    return pd.DataFrame([{column: values.get(column, 1) for column in TABLES[name].column_names}])


def input_tables(**given):
    """Return sound tables of an input, some replaced."""
    tables = {
        "input": one_row(
            "input",
            row_count=100,
            labelled_rows=90,
            null_labels=10,
            null_label_share=0.1,
            unknown_labels=0,
            n_classes=2,
            null_ids=0,
            duplicate_ids=0,
            duplicate_rows=3,
        ),
        "columns": columns_table(),
        "classes": pd.DataFrame({"class_name": ["cat", "dog"], "num_examples": [50, 40]}),
    }
    return {**tables, **given}


def columns_table(**given):
    """Return a sound table of columns, some columns replaced."""
    columns = {
        "name": ["label", "age", "id"],
        "type": ["string", "double", "int64"],
        "role": ["label", "feature", "id"],
        "kind": ["", "numeric", ""],
        "null_count": [10, 3, 0],
        "null_share": [0.1, 0.03, 0.0],
        "min_value": [NAN, 1.0, NAN],
        "max_value": [NAN, 9.0, NAN],
        "leak_accuracy": [NAN, 0.6, NAN],
    }
    return pd.DataFrame({**columns, **given})


def output_tables(**given):
    """Return sound tables of an audit, some replaced."""
    tables = {
        "health": health_table(),
        "class_health": class_health_table(),
        "class_overlap": pd.DataFrame(
            {
                "class_a": ["cat", "cat"],
                "class_b": ["dog", "eel"],
                "num_overlapping_examples": [4, 1],
                "joint_probability": [0.04, 0.01],
            }
        ),
    }
    return {**tables, **given}


def health_table(**given):
    """Return a sound table of health, some values replaced."""
    return one_row(
        "health", **{"n_judged": 90, "overall_label_health_score": 0.95, "flagged_share": 0.05, **given}
    )


def class_health_table(**given):
    """Return a sound table of class health, worst class first; the worst one is not judged."""
    columns = {name: [1, 1, 1] for name in TABLES["class_health"].column_names}
    columns |= {
        "class_name": ["eel", "cat", "dog"],
        "num_examples": [5, 50, 40],
        "num_judged": [5, 50, 40],
        "judged": [False, True, True],
        "flagged_share": [0.2, 0.1, 0.1],
        "label_quality_score": [0.4, 0.8, 0.9],
    }
    return pd.DataFrame({**columns, **given})


def run(stage, options, rule=None, **tables):
    """Return the row of one rule, or all rows, of a checkpoint on sound tables with some replaced."""
    options = GateOptions.model_validate(options)
    rules = input_rules(options) if stage == "input" else output_rules(options)
    given = input_tables(**tables) if stage == "input" else output_tables(**tables)
    checks = check_tables(stage, given, [r for r in rules if rule in (None, r.id)])
    rows = checks.to_dict("records")
    return rows if rule is None else rows[0]


def user_rule(table, expect, severity="critical", **kwargs):
    """Return options with one expectation named `mine`."""
    entry = {"table": table, "expect": expect, "kwargs": kwargs, "id": "mine", "severity": severity}
    return {"expectations": [entry]}


# strings and numbers cannot be compared
RAISES = {
    "expect": "ExpectColumnPairValuesAToBeGreaterThanB",
    "column_A": "class_name",
    "column_B": "num_examples",
}


# --- thresholds, both sides ---


def input_row(**given):
    """Return the tables with some values of the input row replaced."""
    return {"input": input_tables()["input"].assign(**given)}


def classes(*counts):
    """Return the tables with these class counts."""
    names = [f"c{number}" for number in range(len(counts))]
    return {"classes": pd.DataFrame({"class_name": names, "num_examples": list(counts)})}


@pytest.mark.parametrize(
    ("rule", "options", "good", "bad", "reason"),
    [
        (
            "labelled_rows",
            {},
            input_row(labelled_rows=1),
            input_row(labelled_rows=0),
            "labelled_rows is 0, below 1",
        ),
        (
            "present_classes",
            {},
            classes(1, 1),
            classes(9, 0),
            "with num_examples of at least 1 is 1, below 2",
        ),
        ("present_classes", {}, classes(1, 1, 0), classes(0, 0), "is 0, below 2"),
        (
            "unknown_labels",
            {},
            {},
            input_row(unknown_labels=3),
            "unknown_labels is 3, above 0 (labelled rows whose",
        ),
        ("null_ids", {}, {}, input_row(null_ids=2), "null_ids is 2, above 0 (rows without an id"),
        ("duplicate_ids", {}, {}, input_row(duplicate_ids=1), "duplicate_ids is 1, above 0"),
        (
            "min_rows",
            {"min_rows": 100},
            {},
            input_row(row_count=99),
            "row_count is 99, below 100 (rows in the files)",
        ),
        ("min_labelled_rows", {"min_labelled_rows": 90}, {}, input_row(labelled_rows=89), "is 89, below 90"),
        (
            "max_null_label_share",
            {"max_null_label_share": 0.1},
            {},
            input_row(null_label_share=0.11),
            "0.11, above 0.1",
        ),
        ("max_duplicate_rows", {"max_duplicate_rows": 3}, {}, input_row(duplicate_rows=4), "is 4, above 3"),
        (
            "min_class_count",
            {"min_class_count": 7},
            classes(7, 8),
            classes(9, 6, 0),
            "num_examples of class 'c2' is 0, below 7 (and 1 more)",
        ),
        (
            "max_leak_accuracy",
            {"max_leak_accuracy": 0.6},
            {},
            {"columns": columns_table(leak_accuracy=[NAN, 0.61, NAN])},
            "leak_accuracy of column 'age' is 0.61, above 0.6",
        ),
        (
            "required_columns",
            {"required_columns": {"age": None}},
            {},
            {"columns": columns_table(name=["label", "Age", "id"])},
            "the dataset has no column 'age'",
        ),
        (
            "required_types",
            {"required_columns": {"age": "double", "label": "string"}},
            {},
            {"columns": columns_table(type=["string", "float", "int64"])},
            "type of column 'age' is 'float', not 'double'",
        ),
        (
            "max_null_share.age",
            {"max_null_share": {"age": 0.03}},
            {},
            {"columns": columns_table(null_share=[0, 0.031, 0])},
            "null_share of column 'age' is 0.031, above 0.03",
        ),
        (
            "max_null_share.age",
            {"max_null_share": {"age": 0.03}},
            {},
            {"columns": columns_table(name=["label", "years", "id"])},
            "the dataset has no column 'age'",
        ),
    ],
)
def test_input_threshold_holds_up_to_its_bound(rule, options, good, bad, reason):
    """At the bound a rule passes, beyond it fails with value, bound and name."""
    assert run("input", options, rule, **good)["verdict"] == "pass"

    row = run("input", options, rule, **bad)

    assert (row["verdict"], row["severity"]) == ("fail", "critical")
    assert reason in row["reason"]


@pytest.mark.parametrize(
    ("rule", "options", "good", "bad", "reason"),
    [
        (
            "min_health_score",
            {"min_health_score": 0.95},
            {},
            {"health": health_table(overall_label_health_score=0.9499)},
            "overall_label_health_score is 0.9499, below 0.95",
        ),
        (
            "max_flagged_share",
            {"max_flagged_share": 0.05},
            {},
            {"health": health_table(flagged_share=0.06)},
            "flagged_share is 0.06, above 0.05",
        ),
        (
            "min_class_quality",
            {"min_class_quality": 0.8},
            {},
            {"class_health": class_health_table(label_quality_score=[0.4, 0.7, 0.6])},
            "label_quality_score of class 'dog' is 0.6, below 0.8 (and 1 more)",
        ),
        (
            "min_class_quality",
            {"min_class_quality": {"min": 0.8, "classes": ["cat"]}},
            {"class_health": class_health_table(label_quality_score=[0.4, 0.8, 0.1])},
            {"class_health": class_health_table(label_quality_score=[0.9, 0.7, 0.9])},
            "label_quality_score of class 'cat' is 0.7, below 0.8",
        ),
        (
            "min_class_quality",
            {"min_class_quality": {"min": 0.4, "classes": ["eel"]}},
            {},
            {"class_health": class_health_table(label_quality_score=[0.3, 0.9, 0.9])},
            "label_quality_score of class 'eel' is 0.3, below 0.4",
        ),
        (
            "min_class_quality",
            {"min_class_quality": {"min": 0.5, "min_count": 5}},
            {"class_health": class_health_table(num_judged=[4, 50, 40])},
            {"class_health": class_health_table()},
            "label_quality_score of class 'eel' is 0.4, below 0.5",
        ),
        (
            "max_overlap",
            {"max_overlap": 0.04},
            {},
            {"class_overlap": output_tables()["class_overlap"].assign(joint_probability=[0.05, 0.01])},
            "joint_probability of classes 'cat' and 'dog' is 0.05, above 0.04",
        ),
        (
            "max_overlap",
            {"max_overlap": {"max": 0.02, "exempt_pairs": [["dog", "cat"]]}},
            {},
            {"class_overlap": output_tables()["class_overlap"].assign(class_b=["eel", "dog"])},
            "joint_probability of classes 'cat' and 'eel' is 0.04, above 0.02",
        ),
    ],
)
def test_output_threshold_holds_up_to_its_bound(rule, options, good, bad, reason):
    """At the bound a rule passes, beyond it fails with value, bound and name."""
    assert run("output", options, rule, **good)["verdict"] == "pass"

    row = run("output", options, rule, **bad)

    assert (row["verdict"], row["severity"]) == ("fail", "critical")
    assert reason in row["reason"]


def test_examples_name_the_offending_rows():
    """Classes, pairs and columns stand in `examples` by name, at most 20 of them."""
    counts = pd.DataFrame({"class_name": [f"c{n:02}" for n in range(30)], "num_examples": [1] * 30})

    many = run("input", {"min_class_count": 5}, "min_class_count", classes=counts)
    pair = run("output", {"max_overlap": 0.01}, "max_overlap")
    column = run("input", {"max_null_share": {"age": 0}}, "max_null_share.age")

    assert json.loads(many["examples"]) == [f"c{n:02}" for n in range(20)]
    assert many["unexpected_count"] == 30
    assert json.loads(pair["examples"]) == [["cat", "dog"]]
    assert json.loads(column["examples"]) == ["age"]


def test_value_that_rounds_to_its_bound_is_shown_in_full():
    """A reason never says that 0.9 is below 0.9."""
    row = run("output", {"min_health_score": 0.9}, health=health_table(overall_label_health_score=0.8999999))[
        2
    ]

    assert "is 0.8999999, below 0.9 " in row["reason"]


@pytest.mark.parametrize(
    ("expect", "kwargs", "reason"),
    [
        ("ExpectTableRowCountToEqual", {"value": 2}, "number of rows of class_health is 3, above 2"),
        (
            "ExpectColumnMinToBeBetween",
            {"column": "num_judged", "min_value": 5, "strict_min": True},
            "smallest num_judged is 5, which must be above 5",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "class_name", "value_set": ["cat"]},
            "class_name of class 'eel' is 'eel', which is not among the allowed values (and 1 more)",
        ),
        (
            "ExpectColumnValuesToNotBeInSet",
            {"column": "class_name", "value_set": ["cat"]},
            "class_name of class 'cat' is 'cat', which is forbidden",
        ),
        (
            "ExpectColumnDistinctValuesToContainSet",
            {"column": "class_name", "value_set": ["cow", "ant", "bee", "fly", "cat"]},
            "class_name of class_health lacks 'ant', 'bee', 'cow' and 1 more",
        ),
        (
            "ExpectColumnValuesToMatchRegex",
            {"column": "class_name", "regex": "^[cd]"},
            "class_name of class 'eel' is 'eel', against ExpectColumnValuesToMatchRegex",
        ),
        (
            "ExpectMulticolumnSumToEqual",
            {"column_list": ["num_judged", "judged"], "sum_total": 5},
            "ExpectMulticolumnSumToEqual does not hold of class 'cat':"
            " num_judged = 50, judged = True (and 1 more)",
        ),
        (
            "ExpectColumnSumToBeBetween",
            {"column": "num_judged", "min_value": 12345.5},
            "sum of num_judged is 95, below 12345.5",
        ),
    ],
)
def test_reason_is_one_plain_sentence(expect, kwargs, reason):
    """A reason names what was found, where, and what was asked for."""
    assert run("output", user_rule("class_health", expect, **kwargs), "mine")["reason"] == reason


# --- the table ---


def test_checks_have_the_documented_schema_in_suite_order():
    """One row per rule, in the order of the suite, with the columns of the table and strict JSON in them."""

    def no_constant(token):
        raise AssertionError(token)

    options = GateOptions(
        required_columns={"age": "double"}, **user_rule("columns", "ExpectTableRowCountToEqual", value=3)
    )
    rules = input_rules(options)
    checks = check_tables("input", input_tables(), rules)

    assert tuple(checks.columns) == CHECKS.column_names
    assert list(checks["rule"]) == [rule.id for rule in rules]
    assert set(checks["checkpoint"]) == {"input"}
    assert set(checks["verdict"]) == {"pass"}
    assert str(checks["unexpected_count"].dtype) == "Int64"
    for cell in checks[["observed", "expected", "examples"]].to_numpy().ravel():
        json.loads(cell, parse_constant=no_constant)


def test_output_is_the_same_bytes_for_the_same_input():
    """Two runs of all rules, failures and errors included, give equal tables; the input is left alone."""
    options = GateOptions(min_health_score=1.0, **user_rule("class_health", **RAISES))
    tables = output_tables()
    before = {name: table.copy() for name, table in tables.items()}

    first = check_tables("output", tables, output_rules(options))
    second = check_tables("output", tables, output_rules(options))

    assert first.to_json() == second.to_json()
    assert "error" in set(first["verdict"])
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, before[name])


def test_result_of_a_rule_does_not_depend_on_the_others():
    """Great Expectations groups results by column; each still reaches its own rule."""
    options = GateOptions(
        min_health_score=0.99, max_flagged_share=0.01, min_class_quality=0.1, max_overlap=0.001
    )
    rules = output_rules(options)
    expected = check_tables("output", output_tables(), rules).set_index("rule")
    backwards = check_tables("output", output_tables(), rules[::-1])

    assert list(backwards["rule"]) == [rule.id for rule in rules[::-1]]
    pd.testing.assert_frame_equal(backwards.set_index("rule").loc[expected.index], expected)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_verdicts_do_not_depend_on_how_pandas_holds_the_values(backend):
    """Tables read with nullable or Arrow types are judged alike."""
    options = GateOptions(min_class_quality=0.85)
    plain = check_tables("output", output_tables(), output_rules(options))
    tables = {name: table.convert_dtypes(dtype_backend=backend) for name, table in output_tables().items()}
    other = check_tables("output", tables, output_rules(options))

    assert list(other["verdict"]) == list(plain["verdict"])
    assert list(other["reason"]) == list(plain["reason"])


def test_description_of_the_user_stands_before_the_reason():
    """The user's sentence and ours make one reason."""
    options = user_rule("health", "ExpectColumnMinToBeBetween", column="n_judged", min_value=100)
    options["expectations"][0]["description"] = "Enough rows are judged."

    assert run("output", options, "mine")["reason"].startswith(
        "Enough rows are judged: n_judged is 90, below 100"
    )


def test_user_rules_without_id_get_different_ones():
    """Ids are made of table, expectation and column, and numbered where they would collide."""
    entry = {
        "table": "classes",
        "expect": "ExpectColumnMinToBeBetween",
        "kwargs": {"column": "num_examples", "min_value": 1},
    }
    ids = [rule.id for rule in input_rules(GateOptions.model_validate({"expectations": [entry, entry]}))]

    assert ids[-2:] == [f"classes.expect_column_min_to_be_between.num_examples{end}" for end in ("", ".2")]


def test_built_in_rules_carry_reserved_ids():
    """No built-in rule has an id that a user could take as well."""
    options = GateOptions(
        min_rows=1,
        max_leak_accuracy=0.9,
        min_labelled_rows=1,
        max_duplicate_rows=1,
        required_columns={"a": "string"},
        max_null_share={"a": 0.1},
    )
    baseline = BaselineRules(max_flagged_rise=0.1, max_health_drop=0.1)
    rules = (*input_rules(options), *output_rules(options), *baseline_rules(baseline))
    guards = {"class_order", "rows_belong", "in_sample", "canary"}

    assert {rule.id.split(".")[0] for rule in rules} | guards == set(BUILT_IN_RULES)


# --- severity ---


@pytest.mark.parametrize(
    ("severity", "verdict"), [("critical", "FAIL"), ("warning", "PASS"), ("info", "PASS")]
)
def test_only_a_critical_failure_fails_the_gate(severity, verdict):
    """Severity decides what a broken rule does, not whether it is reported."""
    rows = run("output", {"min_health_score": {"min": 0.99, "severity": severity}})
    decided = decide(rows)

    assert decided.verdict == verdict
    assert any("0.95, below 0.99" in text for text in (*decided.reasons, *decided.warnings, *decided.notes))


def test_unconfigured_gate_fails_on_structure_only():
    """Bad health warns; it does not fail a gate that nobody configured."""
    bad = output_tables(
        health=health_table(overall_label_health_score=0.2, flagged_share=0.9),
        class_health=class_health_table(label_quality_score=[0.1, 0.1, 0.1]),
        class_overlap=output_tables()["class_overlap"].assign(joint_probability=[0.5, 0.2]),
    )
    decided = decide(run("output", {}, **bad))

    assert (decided.verdict, len(decided.warnings)) == ("PASS", 4)


# --- what Great Expectations lets pass ---


MISSING_AND_INFINITE = [
    ("health", "overall_label_health_score", "min_health_score", {"min_health_score": 0.5}),
    ("health", "flagged_share", "max_flagged_share", {"max_flagged_share": 0.5}),
]


@pytest.mark.parametrize("value", [NAN, None, INF, -INF, pd.NA])
@pytest.mark.parametrize(("table", "column", "rule", "options"), MISSING_AND_INFINITE)
def test_missing_or_infinite_health_never_passes(table, column, rule, options, value):
    """NaN, null and infinities in a gated value are never a pass, whatever the severity."""
    rows = run("output", options, **{table: health_table(**{column: value})})
    row = next(row for row in rows if row["rule"] == rule)

    assert row["verdict"] != "pass"
    assert decide(rows).verdict in ("FAIL", "INCONCLUSIVE")


@pytest.mark.parametrize("value", [NAN, INF, -INF, None, "5"])
def test_no_rule_passes_on_a_value_that_is_no_number(value):
    """With every number of every table replaced, not one rule passes."""
    options = {
        "min_rows": 1,
        "max_null_label_share": 0.9,
        "max_null_share": {"age": 0.9},
        "max_leak_accuracy": 0.9,
    }
    passed = []
    for stage, tables in (("input", input_tables()), ("output", output_tables())):
        for name, table in tables.items():
            numbers = [column.name for column in TABLES[name].columns if column.type in ("int64", "double")]
            tables[name] = table.astype(dict.fromkeys(numbers, object)).assign(
                **dict.fromkeys(numbers, value)
            )
        passed += [row["rule"] for row in run(stage, options, **tables) if row["verdict"] == "pass"]

    assert passed == []


@pytest.mark.parametrize(
    ("values", "verdict", "reason"),
    [
        ([NAN, NAN, NAN], "error", "label_quality_score of class_health has no value"),
        ([0.9, NAN, 0.9], "error", "label_quality_score of class 'cat' is missing"),
        ([0.9, INF, 0.9], "error", "label_quality_score of class 'cat' is infinite"),
        ([0.9, NAN, 0.1], "fail", "label_quality_score of class 'dog' is 0.1, below 0.5"),
    ],
)
def test_missing_class_quality_never_passes(values, verdict, reason):
    """A class without a score is an error, unless another class fails anyway; the reason names it."""
    table = class_health_table(label_quality_score=values)
    row = run("output", {"min_class_quality": 0.5}, "min_class_quality", class_health=table)

    assert row["verdict"] == verdict
    assert reason in row["reason"]


def test_missing_score_of_an_unjudged_class_is_no_matter():
    """A class that is not judged takes no part, with or without a score."""
    table = class_health_table(label_quality_score=[NAN, 0.8, 0.9])

    assert (
        run("output", {"min_class_quality": 0.5}, "min_class_quality", class_health=table)["verdict"]
        == "pass"
    )


def test_class_quality_is_skipped_when_no_class_is_judged():
    """Without a judged class there is nothing to say about classes."""
    table = class_health_table(judged=[False] * 3)
    row = run("output", {"min_class_quality": 0.5}, "min_class_quality", class_health=table)

    assert (row["verdict"], row["reason"]) == ("skipped", "no class has enough judged rows")


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        ({"min": 0.5, "classes": ["cow", "cat"]}, "there is no class 'cow'"),
        ({"min": 0.5, "classes": ["eel"], "min_count": 20}, "class 'eel' has fewer than 20 judged rows"),
    ],
)
def test_named_class_that_cannot_be_judged_is_an_error(quality, reason):
    """A rule that names a class is not satisfied by its absence."""
    row = run("output", {"min_class_quality": quality}, "min_class_quality")

    assert (row["verdict"], row["reason"]) == ("error", reason)


@pytest.mark.parametrize("name", ["class_health", "health"])
def test_empty_table_is_an_error(name):
    """A table without rows checks nothing and passes nothing."""
    rows = run("output", {}, **{name: output_tables()[name].iloc[:0]})
    touched = {row["verdict"] for row in rows if row["table"] == name}

    assert touched == {"error"}
    assert decide(rows).verdict == "INCONCLUSIVE"


def test_empty_classes_and_columns_do_not_pass():
    """An input without classes or columns fails or is an error, rule by rule."""
    empty = {name: input_tables()[name].iloc[:0] for name in ("classes", "columns")}
    options = {"required_columns": {"age": "double"}, "max_null_share": {"age": 0.5}}
    rows = [row for row in run("input", options, **empty) if row["table"] != "input"]

    assert {row["verdict"] for row in rows} == {"fail", "error"}


def test_no_overlap_is_a_pass_of_ours_and_skipped_for_the_user():
    """An audit in which no classes overlap has an empty table, and that is good."""
    options = user_rule(
        "class_overlap", "ExpectColumnMaxToBeBetween", column="joint_probability", max_value=0.1
    )
    empty = output_tables()["class_overlap"].iloc[:0]
    rows = {row["rule"]: row for row in run("output", options, class_overlap=empty)}

    assert (rows["max_overlap"]["verdict"], rows["mine"]["verdict"]) == ("pass", "skipped")
    assert rows["max_overlap"]["reason"] == "no pair of classes overlaps"


def test_two_rows_of_health_are_an_error():
    """The table of one row has one row."""
    row = run("output", {}, "min_health_score", health=pd.concat([health_table()] * 2))

    assert (row["verdict"], row["reason"]) == ("error", "table health must have one row; it has 2")


@pytest.mark.parametrize("twin", ["Label_Quality_Score", "label_quality_score"])
def test_columns_that_differ_by_case_only_are_refused(twin):
    """Great Expectations would check one of the two, whichever it finds."""
    table = class_health_table()
    table.insert(0, twin, [1.0] * 3, allow_duplicates=True)
    row = run("output", {}, "min_class_quality", class_health=table)

    assert row["verdict"] == "error"
    assert "columns that differ by case only" in row["reason"]


def test_column_in_another_case_is_not_taken_for_the_right_one():
    """Great Expectations matches names without case; a missing column is an error."""
    table = class_health_table().rename(columns={"label_quality_score": "Label_Quality_Score"})
    row = run("output", {}, "min_class_quality", class_health=table)

    assert (row["verdict"], row["reason"]) == (
        "error",
        "table class_health has no column label_quality_score",
    )


def test_table_that_is_not_given_is_an_error():
    """A checkpoint without one of its tables is not passed."""
    checks = check_tables("output", {"health": health_table()}, output_rules(GateOptions()))

    assert set(checks.loc[checks["table"] != "health", "verdict"]) == {"error"}
    assert "table class_overlap is not given" in set(checks["reason"])


def test_empty_suite_is_refused():
    """Great Expectations passes an empty suite; a gate does not run one."""
    with pytest.raises(OptionError, match="`rules` must not be empty"):
        check_tables("input", input_tables(), [])


def test_two_rules_of_one_id_are_refused():
    """Results are told apart by the id of the rule."""
    rule = input_rules(GateOptions())[0]

    with pytest.raises(OptionError, match="`rules` must have different ids; got 'labelled_rows' 2 times"):
        check_tables("input", input_tables(), [rule, rule])


@pytest.mark.parametrize("kwargs", [{"min_value": None}, {"min_value": NAN}, {}])
def test_rule_built_without_a_bound_does_not_hide_a_missing_value(kwargs):
    """Even a rule that got past the config ends as an error on NaN."""
    rule = Rule("r", "health", "ExpectColumnMinToBeBetween", {"column": "flagged_share", **kwargs})
    checks = check_tables("output", output_tables(health=health_table(flagged_share=NAN)), [rule])

    assert list(checks["verdict"]) == ["error"]


def test_expectation_that_raises_is_an_error_and_its_neighbours_are_not():
    """A check that raises says so in one line; the other rules are judged."""
    options = user_rule("class_health", severity="info", **RAISES)
    rows = {row["rule"]: row for row in run("output", options)}

    assert rows["mine"]["verdict"] == "error"
    assert rows["mine"]["reason"].startswith("it could not be checked: ")
    assert "\n" not in rows["mine"]["reason"]
    assert rows["min_class_quality"]["verdict"] == "pass"
    assert decide(list(rows.values())).verdict == "INCONCLUSIVE"


def test_expectation_that_cannot_be_built_or_is_dropped_is_an_error():
    """A suite loses expectations that the library does not know; the rule that lost one is an error."""
    bad = Rule("bad", "health", "ExpectColumnMinToBeBetween", {"column": "n_judged", "min_valu": 1})
    dropped = Rule(
        "dropped",
        "class_health",
        "ExpectMulticolumnValuesToBeUnique",
        {"column": "class_name", "column_list": ["class_name"], "ignore_row_if": "never"},
    )
    good = Rule("good", "health", "ExpectColumnMinToBeBetween", {"column": "n_judged", "min_value": 1})
    checks = check_tables("output", output_tables(), [bad, dropped, good]).set_index("rule")

    assert list(checks["verdict"]) == ["error", "error", "pass"]
    assert "min_valu: extra fields not permitted" in checks.loc["bad", "reason"]


@pytest.mark.parametrize("lost", ["rule", "values:flagged_share", "finite:flagged_share"])
def test_lost_result_is_an_error(monkeypatch, lost):
    """A rule of which a result or a guard's result does not come back has not passed."""
    library = type(expectations._great_expectations())
    validate = library.validate

    def forgetful(*args):
        return [r for r in validate(*args) if lost not in r.expectation_config.meta["labelhealth"]]

    monkeypatch.setattr(library, "validate", forgetful)
    row = run("output", {}, "max_flagged_share")

    assert (row["verdict"], "returned no result" in row["reason"]) == ("error", True)


def test_checkpoint_that_raises_makes_every_rule_an_error(monkeypatch):
    """An exception of the library as a whole ends in the table, in one line."""

    def raises(*args):
        raise TypeError("Object of type bool is\nnot JSON serializable")

    monkeypatch.setattr(type(expectations._great_expectations()), "validate", raises)
    rows = run("output", {})

    assert {row["verdict"] for row in rows} == {"error"}
    assert (
        rows[0]["reason"]
        == "it could not be checked: TypeError: Object of type bool is not JSON serializable"
    )


def test_context_of_the_user_stays_in_place():
    """A process that works with Great Expectations itself keeps its own context."""
    import great_expectations as gx
    from great_expectations.data_context.data_context.context_factory import project_manager

    own = gx.get_context(mode="ephemeral")
    expectations._set_base_context(expectations._great_expectations().new_context)
    run("output", {}, "max_flagged_share")

    assert project_manager._project is own


def test_condition_that_no_row_meets_is_an_error():
    """A condition without rows checks nothing."""
    condition = {"type": "comparison", "column": {"name": "num_judged"}, "operator": ">=", "parameter": 1000}
    options = user_rule(
        "class_health",
        "ExpectColumnValuesToBeBetween",
        column="flagged_share",
        max_value=1,
        row_condition=condition,
    )
    row = run("output", options, "mine")

    assert (row["verdict"], "nothing was checked" in row["reason"]) == ("error", True)


def test_condition_limits_what_is_checked():
    """Rows outside the condition are not judged, missing values there do not count."""
    condition = {"type": "comparison", "column": {"name": "num_judged"}, "operator": ">=", "parameter": 20}
    options = user_rule(
        "class_health",
        "ExpectColumnValuesToBeBetween",
        column="label_quality_score",
        min_value=0.7,
        row_condition=condition,
    )
    table = class_health_table(label_quality_score=[NAN, 0.8, 0.9])

    assert run("output", options, "mine", class_health=table)["verdict"] == "pass"


def test_nulls_are_an_answer_where_the_schema_says_so():
    """Most columns have no leak accuracy; a user's rule on it checks those that do."""
    options = user_rule("columns", "ExpectColumnValuesToBeBetween", column="leak_accuracy", max_value=0.7)

    assert run("input", options, "mine")["verdict"] == "pass"


def test_leak_rule_is_skipped_without_features():
    """A dataset that comes with its probabilities has no features to test."""
    table = columns_table(leak_accuracy=[NAN, NAN, NAN])

    row = run("input", {"max_leak_accuracy": 0.9}, "max_leak_accuracy", columns=table)

    assert (row["verdict"], row["reason"]) == ("skipped", "no row of columns has a leak_accuracy")


def test_audit_without_judged_rows_is_inconclusive():
    """An audit that judged no row is not to be trusted, and no bound fails on its account."""
    table = health_table(n_judged=0, overall_label_health_score=NAN, flagged_share=NAN)
    decided = decide(run("output", {"min_health_score": 0.9}, health=table))

    assert decided.verdict == "INCONCLUSIVE"
    assert decided.reasons[0].startswith("judged_rows: n_judged is 0, below 1")


@pytest.mark.parametrize("score", [-0.1, 1.1])
def test_health_score_out_of_range_is_inconclusive(score):
    """A share outside 0..1 means that the audit went wrong."""
    table = health_table(overall_label_health_score=score)

    assert decide(run("output", {"min_health_score": None}, health=table)).verdict == "INCONCLUSIVE"


# --- further expectations ---


BROKEN = [  # each breaks on the sound table class_health
    ("ExpectColumnDistinctValuesToEqualSet", {"column": "class_name", "value_set": ["cat"]}),
    ("ExpectColumnDistinctValuesToBeInSet", {"column": "class_name", "value_set": ["cat"]}),
    ("ExpectColumnDistinctValuesToContainSet", {"column": "class_name", "value_set": ["cow"]}),
    (
        "ExpectColumnKLDivergenceToBeLessThan",
        {"column": "class_name", "partition_object": {"values": ["cat"], "weights": [1.0]}, "threshold": 0.1},
    ),
    ("ExpectColumnMeanToBeBetween", {"column": "num_examples", "max_value": 1}),
    ("ExpectColumnMostCommonValueToBeInSet", {"column": "judged", "value_set": [False]}),
    ("ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "num_judged", "column_B": "num_examples"}),
    ("ExpectColumnPairValuesToBeEqual", {"column_A": "num_judged", "column_B": "class_index"}),
    (
        "ExpectColumnQuantileValuesToBeBetween",
        {
            "column": "label_quality_score",
            "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0.9, 1]]},
        },
    ),
    ("ExpectColumnUniqueValueCountToBeBetween", {"column": "class_name", "max_value": 2}),
    ("ExpectColumnProportionOfUniqueValuesToBeBetween", {"column": "judged", "min_value": 1}),
    ("ExpectColumnValueLengthsToBeBetween", {"column": "class_name", "max_value": 2}),
    ("ExpectColumnValuesToBeDecreasing", {"column": "label_quality_score"}),
    ("ExpectColumnValuesToBeInSet", {"column": "judged", "value_set": [True]}),
    ("ExpectColumnValuesToBeNull", {"column": "class_name"}),
    ("ExpectColumnValuesToNotBeInSet", {"column": "class_name", "value_set": ["eel"]}),
    ("ExpectColumnValuesToNotBeOutliers", {"column": "num_judged", "multiplier": 0.01}),
    ("ExpectColumnValuesToMatchRegex", {"column": "class_name", "regex": "^c"}),
    ("ExpectColumnValuesToBeUnique", {"column": "judged"}),
    ("ExpectCompoundColumnsToBeUnique", {"column_list": ["judged", "class_index"]}),
    ("ExpectMulticolumnSumToEqual", {"column_list": ["num_judged", "class_index"], "sum_total": 6}),
    ("ExpectTableColumnCountToEqual", {"value": 3}),
    ("ExpectTableColumnsToMatchSet", {"column_set": ["class_name"]}),
    ("ExpectTableRowCountToBeBetween", {"max_value": 2}),
]


def test_expectations_by_name_fail_where_they_should():
    """One broken expectation of each kind fails, with a reason of one line and JSON that is strict."""
    entries = [
        {"table": "class_health", "expect": name, "kwargs": kwargs, "id": f"rule{number}"}
        for number, (name, kwargs) in enumerate(BROKEN)
    ]
    options = GateOptions.model_validate({"expectations": entries})
    check_rules(options)
    checks = check_tables("output", output_tables(), output_rules(options)).set_index("rule")
    mine = checks.loc[[entry["id"] for entry in entries]]

    assert dict(mine["verdict"]) == dict.fromkeys(mine.index, "fail")
    assert all(mine["reason"].str.len().between(10, 300))


def test_check_rules_reports_what_only_the_library_knows():
    """What the static table cannot know is refused by the library, as one line with rule and field."""
    options = user_rule(
        "class_health", "ExpectColumnValuesToNotBeOutliers", column="num_judged", method="guess", multiplier=1
    )

    with pytest.raises(
        OptionError, match=r"rule 'mine' must be accepted by Great Expectations; it says method: "
    ):
        check_rules(GateOptions.model_validate(options))


def test_check_rules_accepts_the_defaults():
    """Every built-in rule can be constructed."""
    check_rules(GateOptions(required_columns={"a": "string"}, max_null_share={"a": 0.1}, min_rows=3))


def test_table_of_expectations_equals_the_installed_library():
    """Names and arguments that are checked without the library are those of the library."""
    import great_expectations.expectations as gxe
    from great_expectations.expectations.expectation import Expectation

    ignored = set(Expectation.__fields__) | set(FORBIDDEN_KWARGS)
    installed = {}
    for name, cls in vars(gxe).items():
        if inspect.isclass(cls) and issubclass(cls, Expectation) and cls is not Expectation:
            fields = {key: field for key, field in cls.__fields__.items() if key not in ignored}
            installed[name] = (
                sorted(key for key, field in fields.items() if field.required),
                sorted(key for key, field in fields.items() if not field.required),
            )
            assert snake_name(name) == (cls.expectation_type or "expect_multicolumn_values_to_be_unique")

    assert {
        n: (sorted(k.required.split()), sorted(k.optional.split())) for n, k in EXPECTATIONS.items()
    } == installed


# --- process ---


def test_threads_get_their_own_answers():
    """Concurrent checks of different tables never see one another's."""
    scores = np.linspace(0.05, 0.95, 12)
    rules = [
        rule for rule in output_rules(GateOptions(min_health_score=0.5)) if rule.id == "min_health_score"
    ]
    start = threading.Barrier(3)

    def check(score, wait):
        if wait:
            start.wait()
        tables = {"health": health_table(overall_label_health_score=score)}
        return check_tables("output", tables, rules).iloc[0]

    with ThreadPoolExecutor(3) as pool:
        rows = list(pool.map(check, scores, [True] * 3 + [False] * 9))

    assert [row["verdict"] for row in rows] == ["pass" if score >= 0.5 else "fail" for score in scores]
    assert [json.loads(row["observed"]) for row in rows] == list(scores)


def test_contexts_and_tables_are_let_go():
    """After a check neither the table nor the context lives on."""
    table = class_health_table()
    run("output", {}, "min_class_quality", class_health=table)
    kept = weakref.ref(table)
    del table
    gc.collect()

    assert kept() is None
    assert n_contexts() <= 1


def test_large_tables_are_let_go_at_once():
    """A check of a large table does not wait for the cycle collector to come round."""
    rows = 30_000
    names = [f"c{number}" for number in range(rows)]
    table = pd.DataFrame(
        {"class_a": "a", "class_b": names, "num_overlapping_examples": 1, "joint_probability": 0.001}
    )
    gc.collect()
    gc.disable()
    try:
        run("output", {}, "max_overlap", class_overlap=table)
        left = n_contexts()
    finally:
        gc.enable()

    assert left <= 1


def n_contexts():
    """Return how many contexts of Great Expectations are alive; one is the empty base context."""
    from great_expectations.data_context import EphemeralDataContext

    return sum(
        issubclass(type(thing), EphemeralDataContext) for thing in gc.get_objects()
    )  # proxies may be dead


def test_fingerprints_are_off():
    """The private switch that spares hashing every table still exists."""
    from great_expectations.execution_engine import pandas_execution_engine

    expectations._great_expectations()

    assert pandas_execution_engine.HASH_THRESHOLD == 0


QUIET = """
import logging, sys, warnings
warnings.simplefilter("error")
logging.basicConfig(level=logging.DEBUG)
import pandas as pd
from labelhealth.configs.gate import GateOptions
from labelhealth.tasks.expectations import check_rules, check_tables, output_rules
assert "great_expectations" not in sys.modules, "imported too early"
options = GateOptions(min_health_score=0.9)
table = pd.DataFrame([{"n_judged": 3, "overall_label_health_score": 0.5, "flagged_share": 0.5}])
rules = [rule for rule in output_rules(options) if rule.table == "health"]
print(sorted(check_tables("output", {"health": table}, rules)["verdict"]))
"""


def test_first_check_of_a_process_is_quiet():
    """Importing is lazy; log lines, progress bars and warnings stay away even when all are asked for."""
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=False)
    noise = [line for line in done.stderr.splitlines() if not re.match(r"DEBUG:(matplotlib|asyncio)", line)]

    assert (noise, done.stdout.strip()) == ([], "['fail', 'fail', 'pass', 'pass']")
