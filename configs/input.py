"""What the columns of a dataset are, and what ready probabilities look like.

No paths stand here: these options enter cache keys, and a file that moves is still the same file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from labelhealth.configs.base import Options

Kind: TypeAlias = Literal["numeric", "boolean", "categorical", "text", "datetime", "embedding"]


def _name_of_class(value: object) -> object:
    """Return the class name that YAML's numbers and booleans stand for: 3 is "3", true is "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


ColumnName: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
ClassName: TypeAlias = Annotated[str, BeforeValidator(_name_of_class, json_schema_input_type=str | int)]
Names: TypeAlias = tuple[ColumnName, ...]


class InputOptions(Options):
    """The role of each column of the dataset."""

    label: ColumnName
    """Column of the given labels: strings, integers, booleans or categories."""
    id: ColumnName | None = None
    """Column that identifies a row for good: unique, no missing values. Without one, rows are
    known by their features."""
    group: ColumnName | None = None
    """Column whose equal values stay in one fold, such as a patient or a document."""
    time: ColumnName | None = None
    """Column of instants (timestamps, dates) or of integers in order of time."""
    slices: Names = ()
    """Columns to break results down by; for now they are shown beside each row, like `display`."""
    display: Names = ()
    """Columns shown beside each row of the report."""
    features: Names | None = None
    """Columns that the model learns from; every column without another role unless given."""
    exclude: Names = ()
    """Columns that are no features."""
    kinds: dict[ColumnName, Kind] = Field(default_factory=dict)
    """Kind of features whose type says too little, such as integers that are codes (`categorical`)."""
    classes: tuple[ClassName, ...] | None = Field(default=None, min_length=2)
    """All classes in order, absent ones included; those that occur, sorted, unless given."""
    leak_threshold: float = Field(default=0.95, gt=0.5, le=1.0)
    """Accuracy from which on a feature that predicts the label alone is called a leak (share)."""
    max_categories: int = Field(default=255, ge=2, le=1_000_000)
    """Distinct strings up to which a string column is categorical; beyond it is text."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        _refuse_repeats("slices", self.slices)
        _refuse_repeats("display", self.display)
        _refuse_repeats("features", self.features or ())
        _refuse_repeats("exclude", self.exclude)
        _refuse_repeats("classes", self.classes or ())
        if self.features == ():
            msg = "`features` must name a column; got none. Hint: leave it out to use every other column."
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_roles(self) -> Self:
        listed = {"slices": self.slices, "display": self.display, "features": self.features or ()}
        roles = {
            role: (name,) for role in ("id", "group", "time") if (name := getattr(self, role)) is not None
        }
        for role, names in {**roles, **listed, "kinds": tuple(self.kinds)}.items():
            if self.label in names:
                msg = f"`{role}` must not name the label column; got {self.label!r}. Hint: take it out there."
                raise ValueError(msg)
        if self.id is not None and self.id in (self.group, self.time):
            msg = (
                f"`id` must be a column of its own; got {self.id!r} as `group` or `time` too."
                " Hint: leave `group` out when every row stands alone."
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_features(self) -> Self:
        both = sorted(set(self.features or ()) & set(self.exclude))
        if both:
            msg = (
                f"`exclude` must not name features; got {both[0]!r} in both. Hint: name it in one list only."
            )
            raise ValueError(msg)
        stray = (
            sorted(set(self.kinds) - set(self.features))
            if self.features
            else sorted(set(self.kinds) & self._taken)
        )
        if stray:
            msg = f"`kinds` must name features; got {stray[0]!r}. Hint: add it to `features` or drop it here."
            raise ValueError(msg)
        return self

    @property
    def _taken(self) -> set[str]:
        """Return the columns that are no features unless listed as such."""
        singles = {name for name in (self.label, self.id, self.group, self.time) if name is not None}
        return singles | set(self.slices) | set(self.display) | set(self.exclude)


class PredProbsOptions(Options):
    """How to read ready probabilities, one per row and class."""

    class_names: tuple[ClassName, ...] = Field(min_length=2)
    """Class of each probability, in the order in which they stand in the file."""
    column: ColumnName | None = None
    """List column with all probabilities of a row."""
    columns: Names | ColumnName | None = None
    """Columns, one per class: names in the order of `class_names`, or the prefix before the class names."""
    ids: ColumnName | None = None
    """Column with the ids of the rows, in the file of the probabilities or in the one beside a `.npy`."""
    aligned: bool = False
    """Whether the file holds the dataset's rows in the dataset's order, without ids to prove it."""
    independent: bool = False
    """Whether classes do not exclude each other, so that rows need not sum to one; true with task multi_label."""

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        _refuse_repeats("class_names", self.class_names)
        if self.column is not None and self.columns is not None:
            msg = (
                "`column` must not be given beside `columns`; got both. Hint: keep the one that the file has."
            )
            raise ValueError(msg)
        if isinstance(self.columns, tuple):
            _refuse_repeats("columns", self.columns)
            if len(self.columns) != len(self.class_names):
                msg = (
                    f"`columns` must name one column per class; got {len(self.columns)} columns for"
                    f" {len(self.class_names)} class names. Hint: list them in the order of `class_names`."
                )
                raise ValueError(msg)
        if self.aligned and self.ids is not None:
            msg = "`aligned` must be false beside `ids`; got both. Hint: keep `ids`, which are safer."
            raise ValueError(msg)
        return self

    @property
    def probability_columns(self) -> tuple[str, ...]:
        """Return the columns that hold the probabilities; none for a `.npy` file."""
        if self.column is not None:
            return (self.column,)
        if isinstance(self.columns, str):
            return tuple(self.columns + name for name in self.class_names)
        return self.columns or ()


def _refuse_repeats(field: str, names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        msg = f"`{field}` must name each once; got {repeated[0]!r} twice. Hint: remove one."
        raise ValueError(msg)
