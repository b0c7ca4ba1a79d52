"""The gate's config: what a user can write, and what is refused before any data is read."""

import subprocess
import sys

import pytest
import yaml

from labelhealth.configs._expectations import EXPECTATIONS, NEEDED, REFUSED, snake_name
from labelhealth.configs.gate import (
    BASELINE_FIELDS,
    BUILT_IN_RULES,
    INPUT_FIELDS,
    OUTPUT_FIELDS,
    GateOptions,
)

BETWEEN = "ExpectColumnValuesToBeBetween"
NAN, INF = float("nan"), float("inf")


def gate(text):
    """Return the options in a YAML text, as a config file gives them."""
    return GateOptions.model_validate(yaml.safe_load(text))


def entry(expect=BETWEEN, table="class_health", **more):
    """Return options with one expectation."""
    more.setdefault("kwargs", {"column": "label_quality_score", "min_value": 0.5})
    return GateOptions.model_validate({"expectations": [{"table": table, "expect": expect, **more}]})


def kwargs(expect=BETWEEN, table="class_health", **given):
    """Return options with one expectation that has these arguments."""
    return entry(expect, table, kwargs=given)


def test_unconfigured_gate_has_no_critical_threshold():
    """Defaults warn; only structure can fail a gate that nobody configured."""
    thresholds = [value for value in dict(GateOptions()).values() if hasattr(value, "severity")]

    assert {threshold.severity for threshold in thresholds} == {"warning"}


def test_number_is_a_critical_threshold():
    """A bare number means that the gate fails beyond it."""
    options = gate("{min_rows: 100, min_health_score: 0.9, max_overlap: 0, max_null_share: {age: 0.2}}")

    assert options.min_rows.model_dump() == {"severity": "critical", "min": 100}
    assert (options.min_health_score.min, options.min_health_score.severity) == (0.9, "critical")
    assert (options.max_overlap.max, options.max_overlap.exempt_pairs) == (0, ())
    assert options.max_null_share["age"].severity == "critical"


def test_mapping_sets_the_severity():
    """A mapping gives bound and severity."""
    options = gate("{max_flagged_share: {max: 0.2, severity: info}}")

    assert options.max_flagged_share.model_dump() == {"severity": "info", "max": 0.2}


def test_null_switches_a_threshold_off():
    """null leaves a default threshold out."""
    assert gate("{min_health_score: null}").min_health_score is None


def test_class_quality_takes_classes_and_a_minimum_count():
    """The rule on classes can name classes and set a minimum count."""
    options = gate("{min_class_quality: {min: 0.7, classes: [cat], min_count: 20}}")

    assert options.min_class_quality.classes == ("cat",)
    assert options.min_class_quality.min_count == 20


@pytest.mark.parametrize("name", [BETWEEN, "expect_column_values_to_be_between"])
def test_expectation_is_named_by_class_or_snake_case(name):
    """Both spellings mean the same class."""
    assert entry(name).expectations[0].expect == BETWEEN


def test_every_usable_expectation_has_a_snake_case_name():
    """Snake names are unique, so that each means one class."""
    assert len({snake_name(name) for name in EXPECTATIONS}) == len(EXPECTATIONS)
    assert set(REFUSED) | set(NEEDED) <= set(EXPECTATIONS)


def test_entries_are_split_by_checkpoint():
    """Expectations on input tables belong to the input checkpoint, the others to the output."""
    options = GateOptions.model_validate(
        {
            "expectations": [
                {"table": "classes", "expect": BETWEEN, "kwargs": {"column": "num_examples", "min_value": 5}},
                {"table": "health", "expect": BETWEEN, "kwargs": {"column": "n_judged", "min_value": 5}},
            ]
        }
    )

    assert [e.table for e in options.entries("input")] == ["classes"]
    assert [e.table for e in options.entries("output")] == ["health"]


def test_options_are_frozen_and_round_trip():
    """Options do not change, and their JSON gives them back."""
    options = kwargs(column="label_quality_score", min_value=0.5)

    assert GateOptions.model_validate_json(options.model_dump_json()) == options
    with pytest.raises(ValueError, match="frozen"):
        options.min_rows = None


def test_row_condition_is_a_mapping():
    """A row condition in the library's own mapping form is accepted, also when it combines several."""
    low = {"type": "comparison", "column": {"name": "num_judged"}, "operator": ">=", "parameter": 20}
    both = {"type": "and", "conditions": [low, low]}

    assert kwargs(column="label_quality_score", min_value=0.5, row_condition=both)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{min_row: 5}", r"min_row\n.*Extra inputs"),
        ("{min_rows: yes}", "must be a number or a mapping {min: .*got True"),
        ("{min_rows: '100'}", "must be a number or a mapping {min: .*got '100'"),
        ("{min_rows: 1.5}", r"min_rows.min\n.*valid integer"),
        ("{min_rows: 0}", r"min_rows.min\n.*greater than or equal to 1"),
        ("{min_rows: {max: 5}}", r"min_rows.min\n.*Field required"),
        ("{min_rows: {min: 5, severity: WARNING}}", "'critical', 'warning' or 'info'"),
        ("{min_rows: {min: 5, severity: error}}", "'critical', 'warning' or 'info'"),
        ("{min_rows: [5]}", r"must be a number or a mapping {min: .*got \[5\]"),
        ("{min_labelled_rows: {min: true}}", r"min_labelled_rows.min\n.*valid integer"),
        ("{max_duplicate_rows: -1}", r"max_duplicate_rows.max\n.*greater than or equal to 0"),
        ("{min_health_score: 95}", r"min_health_score.min\n.*less than or equal to 1"),
        ("{min_health_score: 0}", r"min_health_score.min\n.*greater than 0"),
        ("{min_health_score: .nan}", r"min_health_score.min\n.*finite number"),
        ("{min_health_score: .inf}", r"min_health_score.min\n.*finite number"),
        ("{min_health_score: {}}", r"min_health_score.min\n.*Field required"),
        ("{min_health_score: {min: null}}", r"min_health_score.min\n.*valid number"),
        ("{max_flagged_share: 1}", r"max_flagged_share.max\n.*less than 1"),
        ("{max_null_label_share: -0.1}", r"max_null_label_share.max\n.*greater than or equal to 0"),
        ("{max_null_share: {age: 2}}", r"max_null_share.age.max\n.*less than 1"),
        ("{max_null_share: {yes: 0.1}}", r"max_null_share.*\n.*valid string"),
        ("{min_class_quality: {min: 0.7, classes: []}}", r"min_class_quality.classes\n.*at least 1 item"),
        (
            "{min_class_quality: {min: 0.7, classes: [cat, cat]}}",
            "`classes` must name each class once; got 'cat' 2",
        ),
        ("{min_class_quality: {min: 0.7, classes: [1]}}", r"min_class_quality.classes.0\n.*valid string"),
        ("{min_class_quality: {min: 0.7, classes: [no]}}", r"min_class_quality.classes.0\n.*valid string"),
        ("{min_class_quality: {min: 0.7, min_count: 0}}", r"min_class_quality.min_count\n.*equal to 1"),
        ("{max_overlap: {max: 0.1, exempt_pairs: [[a, a]]}}", "pairs of two classes; got 'a' twice"),
        ("{max_overlap: {max: 0.1, exempt_pairs: [[a]]}}", r"max_overlap.exempt_pairs.0.1\n.*Field required"),
        ("{required_columns: {label: str}}", "Arrow types; got 'str' for column 'label'. Hint: string"),
        ("{required_columns: {age: float64}}", "got 'float64' for column 'age'. Hint: double"),
        ("{required_columns: {age: ''}}", "Arrow types; got '' for column 'age'"),
        ("{required_columns: [label]}", r"required_columns\n.*valid dictionary"),
    ],
)
def test_wrong_threshold_is_refused(text, match):
    """A threshold that is misspelt, mistyped, out of bounds or checks nothing is refused."""
    with pytest.raises(ValueError, match=match):
        gate(text)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"table": "labels"}, "'input', 'columns', 'classes', 'health', 'class_health' or 'class_overlap'"),
        ({"table": "label_issues"}, "'input', 'columns', 'classes'"),
        ({"severity": "fatal"}, "'critical', 'warning' or 'info'"),
        (
            {"expect": "expect_column_values_to_be_betwen"},
            "Hint: did you mean expect_column_values_to_be_between",
        ),
        ({"expect": "ExpectColumnValueToBeBetween"}, "Hint: did you mean ExpectColumnValuesToBeBetween"),
        ({"expect": "Expectation"}, "must name a core expectation"),
        ({"expect": "UnexpectedRowsExpectation"}, "usable on the gate's tables.*needs an SQL database"),
        ({"expect": "expect_column_values_to_match_like_pattern"}, "needs an SQL database"),
        ({"expect": "ExpectColumnValuesToBeOfType"}, "use `required_columns`"),
        ({"expect": "ExpectMulticolumnValuesToBeUnique"}, "use ExpectCompoundColumnsToBeUnique"),
        ({"id": "min_health_score"}, "`id` must differ from the gate's own rules; got 'min_health_score'"),
        ({"id": "max_null_share.age"}, "`id` must differ from the gate's own rules"),
        ({"id": ""}, r"expectations.0.id\n.*match pattern"),
        ({"id": "a b"}, r"expectations.0.id\n.*match pattern"),
        ({"description": ""}, r"expectations.0.description\n.*at least 1 character"),
        ({"note": "x"}, r"expectations.0.note\n.*Extra inputs"),
        ({"kwargs": [1]}, r"expectations.0.kwargs\n.*valid dictionary"),
    ],
)
def test_wrong_expectation_is_refused(more, match):
    """An entry that names no table, no usable expectation, or its severity wrongly is refused."""
    with pytest.raises(ValueError, match=match):
        entry(**more)


SCORE = {"column": "label_quality_score"}
CONDITION = {"type": "comparison", "column": {"name": "num_judge"}, "operator": ">=", "parameter": 20}


@pytest.mark.parametrize(
    ("expect", "given", "match"),
    [
        (BETWEEN, {**SCORE, "minimum": 1}, "must be among .*min_value.*; got 'minimum'"),
        (BETWEEN, {"min_value": 1}, "must hold 'column'; got min_value"),
        (BETWEEN, {}, "must hold 'column'; got nothing"),
        (BETWEEN, SCORE, "must hold `min_value` or `max_value`. Hint: without one it always passes"),
        (BETWEEN, {**SCORE, "min_value": None}, "must hold `min_value` or `max_value`"),
        (BETWEEN, {**SCORE, "min_value": NAN}, "`kwargs.min_value` must be a finite number; got nan"),
        (BETWEEN, {**SCORE, "max_value": INF}, "`kwargs.max_value` must be a finite number; got inf"),
        (
            BETWEEN,
            {**SCORE, "min_value": 2, "max_value": 1},
            "`min_value` must not exceed `max_value`; got 2 > 1",
        ),
        (BETWEEN, {**SCORE, "min_value": "0.5"}, "`min_value` must be a number; got '0.5'"),
        (BETWEEN, {**SCORE, "min_value": True}, "`min_value` must be a number; got True"),
        (
            BETWEEN,
            {**SCORE, "min_value": {"$PARAMETER": "x"}},
            "got .PARAMETER. Hint: write the number itself",
        ),
        (
            BETWEEN,
            {"column": "class_name", "min_value": 1},
            "must be numeric; got 'class_name', which is string",
        ),
        (
            BETWEEN,
            {"column": "label_quality", "min_value": 1},
            "got 'label_quality'. Hint: did you mean label_qua",
        ),
        (BETWEEN, {"column": "Label_Quality_Score", "min_value": 1}, "must be one of table `class_health`"),
        (BETWEEN, {**SCORE, "min_value": 1, "mostly": 0}, "`mostly` must be a share above 0 .* got 0"),
        (BETWEEN, {**SCORE, "min_value": 1, "mostly": 95}, "`mostly` must be .* got 95. Hint: 95 % is 0.95"),
        (BETWEEN, {**SCORE, "min_value": 1, "mostly": True}, "`mostly` must be .* got True"),
        (
            BETWEEN,
            {**SCORE, "min_value": 1, "row_condition": "x > 1"},
            "`row_condition` must be a mapping; got 'x",
        ),
        (
            BETWEEN,
            {**SCORE, "min_value": 1, "row_condition": CONDITION},
            "got 'num_judge'. Hint: .* num_judged",
        ),
        (
            "ExpectColumnToExist",
            {"column": "image_id"},
            "got 'image_id'. Hint: the dataset's own columns are",
        ),
        ("ExpectTableRowCountToBeBetween", {}, "must hold `min_value` or `max_value`"),
        ("ExpectTableRowCountToBeBetween", {"min_value": 1.5}, "must be a whole number; got 1.5"),
        ("ExpectTableRowCountToEqual", {"value": 2.5}, "`value` .* must be a whole number; got 2.5"),
        (
            "ExpectColumnProportionOfUniqueValuesToBeBetween",
            {**SCORE, "min_value": 90},
            "share in 0..1; got 90",
        ),
        ("ExpectColumnValuesToBeInSet", {"column": "class_name", "value_set": []}, "must not be empty"),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "class_name", "value_set": "cat"},
            "must be a list; got 'cat'",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "class_name", "value_set": [True]},
            "got True. Hint: .*quotes",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "class_name", "value_set": ["0", 1]},
            "type string.*got 1",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "num_examples", "value_set": [1, "2"]},
            "type int64.*got '2'",
        ),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "num_examples", "value_set": [True]},
            "type int64.*got True",
        ),
        ("ExpectColumnValuesToBeInSet", {"column": "judged", "value_set": ["yes"]}, "type bool.*got 'yes'"),
        (
            "ExpectColumnValuesToBeInSet",
            {"column": "class_name", "value_set": [None]},
            "type string.*got None",
        ),
        ("ExpectColumnValuesToMatchRegex", {"column": "class_name"}, "must hold 'regex'"),
        (
            "ExpectColumnValuesToMatchRegex",
            {"column": "class_name", "regex": "("},
            "must be a regular expression",
        ),
        (
            "ExpectColumnValuesToMatchRegex",
            {"column": "class_name", "regex": ""},
            "must be a non-empty string",
        ),
        (
            "ExpectColumnValuesToMatchRegex",
            {"column": "judged", "regex": "a"},
            "must hold strings; got 'judged'",
        ),
        (
            "ExpectColumnValueLengthsToEqual",
            {"column": "judged", "value": 3},
            "must hold strings; got 'judged'",
        ),
        ("ExpectTableColumnsToMatchSet", {}, "must hold 'column_set'"),
        ("ExpectColumnKLDivergenceToBeLessThan", {"column": "class_name"}, "must hold 'partition_object'"),
        (
            "ExpectColumnPairValuesToBeInSet",
            {"column_A": "class_name", "column_B": "num_examples", "value_pairs_set": [["a"]]},
            "must be a list of pairs",
        ),
        (
            "ExpectColumnQuantileValuesToBeBetween",
            {**SCORE, "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[None, None]]}},
            "`value_ranges` must hold a bound each",
        ),
    ],
)
def test_arguments_that_check_nothing_or_the_wrong_thing_are_refused(expect, given, match):
    """What the library would refuse late, or accept and pass on everything, is refused at once."""
    with pytest.raises(ValueError, match=match):
        kwargs(expect, **given)


@pytest.mark.parametrize(
    "key",
    [
        "id",
        "meta",
        "severity",
        "result_format",
        "catch_exceptions",
        "windows",
        "condition_parser",
        "rendered_content",
    ],
)
def test_arguments_that_belong_to_the_gate_are_refused(key):
    """What would change how a check is run or reported is not for the user to set."""
    with pytest.raises(ValueError, match=f"`kwargs` must not hold '{key}'"):
        kwargs(column="label_quality_score", min_value=1, **{key: "x"})


def test_same_id_twice_is_refused():
    """A rule's id is its name in the report."""
    one = {
        "table": "health",
        "expect": "ExpectColumnMinToBeBetween",
        "kwargs": {"column": "n_judged", "min_value": 1},
        "id": "a",
    }

    with pytest.raises(ValueError, match="`id` must be unique among `expectations`; got 'a' 2 times"):
        GateOptions.model_validate({"expectations": [one, one]})


def test_every_field_belongs_to_one_checkpoint():
    """The fields of the two checkpoints are all fields, and none of their names is free for a user's rule."""
    assert sorted((*INPUT_FIELDS, *OUTPUT_FIELDS, *BASELINE_FIELDS, "expectations")) == sorted(
        GateOptions.model_fields
    )
    assert {*INPUT_FIELDS, *OUTPUT_FIELDS, *BASELINE_FIELDS} < set(BUILT_IN_RULES)


def test_part_of_one_checkpoint_does_not_see_the_other():
    """A threshold on the audit does not change what the input checkpoint is asked, and the reverse."""
    one = gate("{min_rows: 5, min_health_score: 0.5, max_overlap: null}")
    other = gate("{min_rows: 5, min_health_score: 0.6}")

    assert one.part("input") == other.part("input") == gate("{min_rows: 5}")
    assert one.part("output") == gate("{min_health_score: 0.5, max_overlap: null}")


def test_config_loads_nothing_heavy():
    """Reading a gate needs neither pandas nor Great Expectations."""
    code = (
        "import sys, labelhealth.configs.gate;"
        "sys.exit(bool({'pandas', 'numpy', 'great_expectations', 'pyarrow', 'prefect'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
