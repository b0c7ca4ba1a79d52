"""The gate: thresholds by name and further expectations on the small tables of an audit.

What can be wrong with a gate is found here, while the config is loaded and before any data is read.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, JsonValue, StrictStr, field_validator, model_validator

from labelhealth.configs._expectation_kwargs import check_kwargs, check_name
from labelhealth.configs.base import Options
from labelhealth.configs.tables import INPUT_TABLES, OUTPUT_TABLES, TABLES

Stage = Literal["input", "output"]
Severity = Literal["critical", "warning", "info"]
CheckedTable = Literal["input", "columns", "classes", "health", "class_health", "class_overlap"]
MinShare = Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)]
MaxShare = Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)]
MinCount = Annotated[int, Field(strict=True, ge=1)]
MaxCount = Annotated[int, Field(strict=True, ge=0)]

INPUT_FIELDS = (
    "min_rows",
    "min_labelled_rows",
    "max_null_label_share",
    "min_class_count",
    "max_duplicate_rows",
    "max_leak_accuracy",
    "required_columns",
    "max_null_share",
)
OUTPUT_FIELDS = ("min_health_score", "max_flagged_share", "min_class_quality", "max_overlap")
BASELINE_FIELDS = (
    "max_flagged_rise",
    "max_health_drop",
)  # of a checkpoint of their own, which needs another audit
BUILT_IN_RULES = (  # ids that an expectation of the user cannot take
    "labelled_rows",
    "present_classes",
    "unknown_labels",
    "null_ids",
    "duplicate_ids",
    "required_types",
    "judged_rows",
    "class_order",
    "rows_belong",
    "in_sample",
    "canary",
    "health_score_range",
    *INPUT_FIELDS,
    *OUTPUT_FIELDS,
    *BASELINE_FIELDS,
)
TYPE_HINTS = {  # other names for what the table `columns` calls a type
    "str": "string",
    "object": "string",
    "text": "string",
    "large_string": "string",
    "string_view": "string",
    "int": "int64",
    "integer": "int64",
    "float64": "double",
    "float32": "float",
    "float16": "halffloat",
    "boolean": "bool",
    "datetime": "timestamp[us]",
    "datetime64[ns]": "timestamp[ns]",
}


class _Threshold(Options):
    """A bound with a severity; a bare number is a critical bound."""

    severity: Severity = "critical"
    """What a broken threshold does: critical fails the gate, warning and info are only reported."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        if isinstance(value, dict | Options):
            return value
        side = "min" if "min" in cls.model_fields else "max"
        if isinstance(value, bool) or not isinstance(value, int | float):
            msg = f"a threshold must be a number or a mapping {{{side}: ..., severity: ...}}; got {value!r}."
            raise ValueError(msg)
        return {side: value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Let the number alone stand in the schema, too: Prefect's server holds parameters against it."""
        return {"anyOf": [handler(core_schema), {"type": "number"}]}


class MinShareThreshold(_Threshold):
    """A share that must be reached."""

    min: MinShare
    """Smallest share that passes, above 0 and up to 1."""


class MaxShareThreshold(_Threshold):
    """A share that must not be exceeded."""

    max: MaxShare
    """Largest share that passes, from 0 and below 1."""


class MinCountThreshold(_Threshold):
    """A number of rows that must be reached."""

    min: MinCount
    """Smallest number of rows that passes, at least 1."""


class MaxCountThreshold(_Threshold):
    """A number of rows that must not be exceeded."""

    max: MaxCount
    """Largest number of rows that passes, at least 0."""


class ClassQualityThreshold(MinShareThreshold):
    """Label quality that each class must reach; classes that are not judged take no part unless named."""

    classes: Annotated[tuple[StrictStr, ...], Field(min_length=1)] | None = None
    """Classes that the rule names: these are checked, judged or not; null: all judged classes."""
    min_count: MinCount | None = None
    """Judged rows from which a class takes part, instead of the audit's own mark `judged`."""

    @field_validator("classes")
    @classmethod
    def _once(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name, times in Counter(classes or ()).items():
            if times > 1:
                msg = f"`classes` must name each class once; got {name!r} {times} times."
                raise ValueError(msg)
        return classes


class _BaselineThreshold(MaxShareThreshold):
    """A change against another version, beyond chance, that is let through."""

    baseline: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = "previous"
    """previous: the version audited before; best: the one of highest label health; else the name of a version."""


class RiseThreshold(_BaselineThreshold):
    """Rise of the flagged share that is let through."""


class DropThreshold(_BaselineThreshold):
    """Drop of the overall label health score that is let through."""


class BaselineRules(Options):
    """The rules that one comparison with another version answers."""

    max_flagged_rise: RiseThreshold | None = None
    """Rise of the flagged share."""
    max_health_drop: DropThreshold | None = None
    """Drop of the overall label health score."""

    def named(self) -> dict[str, RiseThreshold | DropThreshold]:
        """Return the rules that are there, by name."""
        return {name: rule for name, rule in self if rule is not None}


class OverlapThreshold(MaxShareThreshold):
    """Joint probability that no pair of classes may exceed."""

    exempt_pairs: tuple[tuple[StrictStr, StrictStr], ...] = ()
    """Pairs of classes, in any order, that are known to overlap and are left out."""

    @field_validator("exempt_pairs")
    @classmethod
    def _two_classes(cls, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for pair in pairs:
            if pair[0] == pair[1]:
                msg = f"`exempt_pairs` must hold pairs of two classes; got {pair[0]!r} twice."
                raise ValueError(msg)
        return pairs


class ExpectationOptions(Options):
    """One further expectation of Great Expectations on a table of the audit."""

    table: CheckedTable
    """Table to check; its columns stand in the documentation of the tables."""
    expect: StrictStr
    """Core expectation, by class name or snake_case name."""
    kwargs: dict[StrictStr, JsonValue] = Field(default_factory=dict)
    """Arguments of the expectation."""
    severity: Severity = "critical"
    """What a broken expectation does: critical fails the gate, warning and info are only reported."""
    description: Annotated[StrictStr, Field(min_length=1, max_length=500)] | None = None
    """One sentence for a person, put before the reason."""
    id: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)] | None = None
    """Name of the rule in the report; null: made from table, expectation and column."""

    @field_validator("expect")
    @classmethod
    def _known(cls, name: str) -> str:
        return check_name(name)

    @field_validator("id")
    @classmethod
    def _free(cls, name: str | None) -> str | None:
        if name is not None and name.split(".")[0] in BUILT_IN_RULES:
            msg = f"`id` must differ from the gate's own rules; got {name!r}."
            raise ValueError(msg)
        return name

    @model_validator(mode="after")
    def _checks_something(self) -> ExpectationOptions:
        check_kwargs(TABLES[self.table], self.expect, self.kwargs)
        return self


class GateOptions(Options):
    """What a dataset and its audit must satisfy. A bare number is a critical bound; null switches one off."""

    min_rows: MinCountThreshold | None = None
    """Rows in the dataset."""
    min_labelled_rows: MinCountThreshold | None = None
    """Rows with a label."""
    max_null_label_share: MaxShareThreshold | None = MaxShareThreshold(max=0.1, severity="warning")
    """Share of rows without a label."""
    min_class_count: MinCountThreshold | None = MinCountThreshold(min=10, severity="warning")
    """Labelled rows of each class, absent classes that the config names included."""
    max_duplicate_rows: MaxCountThreshold | None = None
    """Rows whose features equal those of an earlier row."""
    max_leak_accuracy: MaxShareThreshold | None = None
    """Share of held-out labels that a single feature may predict; leaks are reported without it too."""
    required_columns: dict[StrictStr, StrictStr | None] = Field(default_factory=dict)
    """Columns that the dataset must have, each with its Arrow type or null for any; always critical."""
    max_null_share: dict[StrictStr, MaxShareThreshold] = Field(default_factory=dict)
    """Share of missing values, by column of the dataset."""
    min_health_score: MinShareThreshold | None = MinShareThreshold(min=0.9, severity="warning")
    """Overall label health score: 1 - estimated share of label issues."""
    max_flagged_share: MaxShareThreshold | None = MaxShareThreshold(max=0.1, severity="warning")
    """Share of judged rows that are flagged as label issues."""
    min_class_quality: ClassQualityThreshold | None = ClassQualityThreshold(min=0.7, severity="warning")
    """Label quality score of each class."""
    max_overlap: OverlapThreshold | None = OverlapThreshold(max=0.05, severity="warning")
    """Joint probability of each pair of classes."""
    max_flagged_rise: RiseThreshold | None = None
    """Rise of the flagged share against a baseline, in points as a share; only a rise beyond chance counts."""
    max_health_drop: DropThreshold | None = None
    """Drop of the overall label health score against a baseline; only a drop beyond chance counts."""
    expectations: tuple[ExpectationOptions, ...] = ()
    """Further expectations, by the name that Great Expectations gives them."""

    @field_validator("required_columns")
    @classmethod
    def _arrow_types(cls, columns: dict[str, str | None]) -> dict[str, str | None]:
        for name, type_ in columns.items():
            if type_ is not None and (type_ in TYPE_HINTS or not type_):
                hint = f" Hint: {TYPE_HINTS[type_]}." if type_ in TYPE_HINTS else ""
                msg = f"`required_columns` must give Arrow types; got {type_!r} for column {name!r}.{hint}"
                raise ValueError(msg)
        return columns

    @field_validator("expectations")
    @classmethod
    def _ids_once(cls, expectations: tuple[ExpectationOptions, ...]) -> tuple[ExpectationOptions, ...]:
        for name, times in Counter(entry.id for entry in expectations if entry.id).items():
            if times > 1:
                msg = f"`id` must be unique among `expectations`; got {name!r} {times} times."
                raise ValueError(msg)
        return expectations

    @property
    def baseline(self) -> BaselineRules:
        """Return the rules that need another version."""
        return BaselineRules(**{name: getattr(self, name) for name in BASELINE_FIELDS})

    def part(self, stage: Stage) -> GateOptions:
        """Return the options of one checkpoint alone: what concerns the other is at its default."""
        others = (*(OUTPUT_FIELDS if stage == "input" else INPUT_FIELDS), *BASELINE_FIELDS)
        kept = {name: value for name, value in self if name not in others}
        return GateOptions.model_validate({**kept, "expectations": self.entries(stage)})

    def entries(self, stage: Stage) -> tuple[ExpectationOptions, ...]:
        """Return the user's expectations on the tables of one checkpoint, in their order."""
        tables = INPUT_TABLES if stage == "input" else OUTPUT_TABLES
        return tuple(entry for entry in self.expectations if entry.table in tables)
