"""What kind of labels a dataset has, and what is asked of each kind beside the columns that all share."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from labelhealth.configs.base import Options
from labelhealth.configs.input import ColumnName, Names
from labelhealth.core.options import ConsensusMethod, QualityMethod

Task: TypeAlias = Literal[
    "classification", "multi_label", "multi_annotator", "token_classification", "regression"
]
Target: TypeAlias = Literal["classes", "label_sets", "numbers"]
DataIssueType: TypeAlias = Literal[
    "null",
    "outlier",
    "near_duplicate",
    "conflicting_label",
    "non_iid",
    "class_imbalance",
    "underperforming_group",
]


class VoteOptions(Options):
    """Which columns hold the votes of several annotators, and how a consensus is made of them."""

    columns: Names | ColumnName | None = None
    """One column an annotator, in the dataset: names, or the prefix that the names begin with."""
    example: ColumnName | None = None
    """With a file of votes: its column with the id of the example, as in `input.id`."""
    annotator: ColumnName | None = None
    """With a file of votes: its column that says who voted."""
    label: ColumnName | None = None
    """With a file of votes: its column with the class that was chosen."""
    consensus_method: ConsensusMethod = "best_quality"
    """best_quality: the most probable class, given votes and model; majority_vote: the class with most votes."""
    quality_method: QualityMethod = "crowdlab"
    """crowdlab: votes and model, each weighed by how far it is to be trusted; agreement: votes alone."""
    calibrate_probs: bool = False
    """Whether probabilities are first made as sure as the votes are, by one temperature."""

    def reading(self) -> VoteOptions:
        """Return these options as far as they say where votes stand, the others at their defaults."""
        return VoteOptions(
            columns=self.columns, example=self.example, annotator=self.annotator, label=self.label
        )

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        of_file = [name for name in ("example", "annotator", "label") if getattr(self, name) is not None]
        if (self.columns is None) == (not of_file):
            msg = (
                "`votes` must name either `columns` of the dataset, or `example`, `annotator` and `label` of a file;"
                f" got {'both' if of_file else 'neither'}."
            )
            raise ValueError(msg)
        if of_file and len(of_file) < 3:
            msg = f"`votes` must name all of `example`, `annotator` and `label`; got {' and '.join(of_file)} alone."
            raise ValueError(msg)
        if isinstance(self.columns, tuple) and len(set(self.columns)) < max(2, len(self.columns)):
            msg = f"`votes.columns` must name two columns or more, each once; got {list(self.columns)}."
            raise ValueError(msg)
        return self


class GivenVotes(VoteOptions):
    """Votes of several annotators, of which the label is made."""

    file: str | None = None
    """Parquet file with one row a vote; none when each annotator has a column in the dataset."""

    @model_validator(mode="after")
    def _check_file(self) -> Self:
        if (self.file is None) != (self.example is None):
            msg = (
                "`votes.file` must stand beside `example`, `annotator` and `label`;"
                f" got {'these alone' if self.file is None else 'it alone'}."
            )
            raise ValueError(msg)
        return self

    def options(self) -> VoteOptions:
        """Return what is asked of the votes, without where they lie."""
        return VoteOptions(**self.model_dump(exclude={"file"}))


class TokenOptions(Options):
    """How tokens form sentences: a row of the dataset is a token, in the order of the text."""

    sentence: ColumnName
    """Column with the id of the sentence; tokens of a sentence stay in one fold."""
    token: ColumnName | None = None
    """Column with the word itself, to count which words are often mislabelled."""


class RegressionOptions(Options):
    """How errors among numbers are found."""

    predictions: ColumnName | None = None
    """Column of the dataset with out-of-sample predictions, used instead of training."""
    n_boot: int = Field(default=5, ge=0, le=100)
    """Repeated cross-validations that the uncertainty of the model is estimated from; 0 leaves it out."""
    include_aleatoric_uncertainty: bool = True
    """Whether the uncertainty includes what no model can predict."""
    score: Literal["outre", "residual"] = "outre"
    """With ready predictions: outre compares each pair of number and residual with the others (its time grows with
    the square of the rows); residual goes by the distance between number and prediction alone."""
    label_quality_threshold: float = Field(default=0.05, gt=0, le=1)
    """With ready predictions: examples below this share of the median label quality are flagged."""


class DataIssueStageOptions(Options):
    """Which issues beside labels are looked for; what needs features is not checked where none are read."""

    issue_types: tuple[DataIssueType, ...] = Field(
        default=(
            "null",
            "outlier",
            "near_duplicate",
            "conflicting_label",
            "non_iid",
            "class_imbalance",
            "underperforming_group",
        ),
        min_length=1,
    )
    """Checks to make."""
    k: int = Field(default=10, ge=1, le=1000)
    """Neighbours of each example to look at (count)."""
    max_rows: int = Field(default=100_000, ge=11)
    """Most rows whose neighbours are searched for: the search grows with the square of the rows. With more, checks
    that need neighbours are reported as not made."""
