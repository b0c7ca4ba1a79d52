"""The core expectations of Great Expectations 1.24 and what each may be given, known without importing it.

The import takes seconds; a misspelt name should not. A test compares this table with the installed library.
"""

from __future__ import annotations

import re
from typing import NamedTuple

FORBIDDEN_KWARGS = {  # what belongs to the gate, not to an expectation
    "id": "write `id` beside `expect`",
    "meta": "the gate keeps its own",
    "severity": "write `severity` beside `expect`",
    "description": "write `description` beside `expect`",
    "notes": "write `description` beside `expect`",
    "result_format": "the gate sets it",
    "catch_exceptions": "an expectation that raises makes the gate INCONCLUSIVE",
    "windows": "not supported",
    "condition_parser": "deprecated; write `row_condition` as a mapping",
    "rendered_content": "not supported",
    "batch_id": "not supported",
    "library_metadata": "not supported",
}
_TYPES_HINT = "the types of these tables are fixed; for the dataset's own columns use `required_columns`"
_SQL_HINT = "it needs an SQL database"
REFUSED = {
    "ExpectColumnTypeToBe": _TYPES_HINT,
    "ExpectColumnValuesToBeInTypeList": _TYPES_HINT,
    "ExpectColumnValuesToBeOfType": _TYPES_HINT,
    "ExpectColumnValuesToMatchLikePattern": _SQL_HINT,
    "ExpectColumnValuesToMatchLikePatternList": _SQL_HINT,
    "ExpectColumnValuesToNotMatchLikePattern": _SQL_HINT,
    "ExpectColumnValuesToNotMatchLikePatternList": _SQL_HINT,
    "ExpectMulticolumnValuesToBeUnique": "the library drops it silently; use ExpectCompoundColumnsToBeUnique",
    "ExpectQueryResultsToMatchComparison": _SQL_HINT,
    "ExpectTableRowCountToEqualOtherTable": _SQL_HINT,
    "UnexpectedRowsExpectation": _SQL_HINT,
}
NEEDED = {  # optional in the library, where the default makes the expectation pass on everything
    "ExpectColumnKLDivergenceToBeLessThan": ("partition_object", "threshold"),
    "ExpectColumnValuesToMatchRegex": ("regex",),
    "ExpectTableColumnsToMatchOrderedList": ("column_list",),
    "ExpectTableColumnsToMatchSet": ("column_set",),
}
COUNTING = (  # their bounds are whole numbers; the library cuts 1.5 down to 1
    "ExpectColumnUniqueValueCountToBeBetween",
    "ExpectColumnValueLengthsToBeBetween",
    "ExpectColumnValueLengthsToEqual",
    "ExpectTableColumnCountToBeBetween",
    "ExpectTableColumnCountToEqual",
    "ExpectTableRowCountToBeBetween",
    "ExpectTableRowCountToEqual",
)
OF_TEXT = ("Regex", "ValueLengths", "Dateutil", "Json", "Strftime")  # in the name: only strings can hold it
SHARES = (
    "ExpectColumnProportionOfNonNullValuesToBeBetween",
    "ExpectColumnProportionOfUniqueValuesToBeBetween",
)


class _Kwargs(NamedTuple):
    required: str
    optional: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted((*self.required.split(), *self.optional.split())))


_BETWEEN = _Kwargs("column", "max_value min_value row_condition strict_max strict_min")
_IN_SET = _Kwargs("column value_set", "mostly row_condition")
_DISTINCT = _Kwargs("column value_set", "row_condition")
_EACH = _Kwargs("column", "mostly row_condition")
_ORDER = _Kwargs("column", "mostly row_condition strictly")

EXPECTATIONS = {
    "ExpectColumnDistinctValuesToBeInSet": _DISTINCT,
    "ExpectColumnDistinctValuesToContainSet": _DISTINCT,
    "ExpectColumnDistinctValuesToEqualSet": _DISTINCT,
    "ExpectColumnKLDivergenceToBeLessThan": _Kwargs(
        "column",
        "bucketize_data internal_weight_holdout max_value min_value partition_object row_condition"
        " tail_weight_holdout threshold",
    ),
    "ExpectColumnMaxToBeBetween": _BETWEEN,
    "ExpectColumnMeanToBeBetween": _BETWEEN,
    "ExpectColumnMedianToBeBetween": _BETWEEN,
    "ExpectColumnMinToBeBetween": _BETWEEN,
    "ExpectColumnMostCommonValueToBeInSet": _Kwargs("column value_set", "row_condition ties_okay"),
    "ExpectColumnPairValuesAToBeGreaterThanB": _Kwargs(
        "column_A column_B", "ignore_row_if mostly or_equal row_condition"
    ),
    "ExpectColumnPairValuesToBeEqual": _Kwargs("column_A column_B", "ignore_row_if mostly row_condition"),
    "ExpectColumnPairValuesToBeInSet": _Kwargs(
        "column_A column_B value_pairs_set", "ignore_row_if mostly row_condition"
    ),
    "ExpectColumnProportionOfNonNullValuesToBeBetween": _BETWEEN,
    "ExpectColumnProportionOfUniqueValuesToBeBetween": _BETWEEN,
    "ExpectColumnQuantileValuesToBeBetween": _Kwargs(
        "column quantile_ranges", "allow_relative_error row_condition"
    ),
    "ExpectColumnStdevToBeBetween": _BETWEEN,
    "ExpectColumnSumToBeBetween": _BETWEEN,
    "ExpectColumnToExist": _Kwargs("column", "column_index"),
    "ExpectColumnTypeToBe": _Kwargs("column type_", ""),
    "ExpectColumnUniqueValueCountToBeBetween": _BETWEEN,
    "ExpectColumnValueLengthsToBeBetween": _Kwargs(
        "column", "max_value min_value mostly row_condition strict_max strict_min"
    ),
    "ExpectColumnValueLengthsToEqual": _Kwargs("column value", "mostly row_condition"),
    "ExpectColumnValueZScoresToBeLessThan": _Kwargs("column double_sided threshold", "mostly row_condition"),
    "ExpectColumnValuesToBeBetween": _Kwargs(
        "column", "max_value min_value mostly row_condition strict_max strict_min"
    ),
    "ExpectColumnValuesToBeDateutilParseable": _EACH,
    "ExpectColumnValuesToBeDecreasing": _ORDER,
    "ExpectColumnValuesToBeInSet": _IN_SET,
    "ExpectColumnValuesToBeInTypeList": _Kwargs("column", "mostly row_condition type_list"),
    "ExpectColumnValuesToBeIncreasing": _ORDER,
    "ExpectColumnValuesToBeJsonParseable": _EACH,
    "ExpectColumnValuesToBeNull": _EACH,
    "ExpectColumnValuesToBeOfType": _Kwargs("column type_", "mostly row_condition"),
    "ExpectColumnValuesToBeUnique": _EACH,
    "ExpectColumnValuesToMatchJsonSchema": _Kwargs("column json_schema", "mostly row_condition"),
    "ExpectColumnValuesToMatchLikePattern": _Kwargs("column like_pattern", "escape mostly row_condition"),
    "ExpectColumnValuesToMatchLikePatternList": _Kwargs(
        "column like_pattern_list", "escape match_on mostly row_condition"
    ),
    "ExpectColumnValuesToMatchRegex": _Kwargs("column", "mostly regex row_condition"),
    "ExpectColumnValuesToMatchRegexList": _Kwargs("column regex_list", "match_on mostly row_condition"),
    "ExpectColumnValuesToMatchStrftimeFormat": _Kwargs("column strftime_format", "mostly row_condition"),
    "ExpectColumnValuesToNotBeInSet": _IN_SET,
    "ExpectColumnValuesToNotBeNull": _EACH,
    "ExpectColumnValuesToNotBeOutliers": _Kwargs("column", "method mostly multiplier row_condition"),
    "ExpectColumnValuesToNotMatchLikePattern": _Kwargs("column like_pattern", "escape mostly row_condition"),
    "ExpectColumnValuesToNotMatchLikePatternList": _Kwargs(
        "column like_pattern_list", "escape mostly row_condition"
    ),
    "ExpectColumnValuesToNotMatchRegex": _Kwargs("column regex", "mostly row_condition"),
    "ExpectColumnValuesToNotMatchRegexList": _Kwargs("column regex_list", "mostly row_condition"),
    "ExpectCompoundColumnsToBeUnique": _Kwargs("column_list", "ignore_row_if mostly row_condition"),
    "ExpectMulticolumnSumToEqual": _Kwargs("column_list sum_total", "ignore_row_if mostly row_condition"),
    "ExpectMulticolumnValuesToBeEqual": _Kwargs("column_list", "ignore_row_if mostly row_condition"),
    "ExpectMulticolumnValuesToBeUnique": _Kwargs("column column_list", "ignore_row_if mostly row_condition"),
    "ExpectQueryResultsToMatchComparison": _Kwargs(
        "base_query comparison_data_source_name comparison_query", "mostly"
    ),
    "ExpectSelectColumnValuesToBeUniqueWithinRecord": _Kwargs(
        "column_list", "ignore_row_if mostly row_condition"
    ),
    "ExpectTableColumnCountToBeBetween": _Kwargs("", "max_value min_value"),
    "ExpectTableColumnCountToEqual": _Kwargs("value", ""),
    "ExpectTableColumnsToMatchOrderedList": _Kwargs("", "column_list"),
    "ExpectTableColumnsToMatchSet": _Kwargs("", "column_set exact_match"),
    "ExpectTableRowCountToBeBetween": _Kwargs("", "max_value min_value row_condition strict_max strict_min"),
    "ExpectTableRowCountToEqual": _Kwargs("value", "row_condition"),
    "ExpectTableRowCountToEqualOtherTable": _Kwargs("other_table_name", "row_condition"),
    "UnexpectedRowsExpectation": _Kwargs("unexpected_rows_query", ""),
}


def snake_name(class_name: str) -> str:
    """Return the snake_case name of an expectation class."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


SNAKE_NAMES = {snake_name(known): known for known in EXPECTATIONS}
