"""The configuration of an audit: one frozen model, filled from YAML or from the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from labelhealth.configs.base import Options
from labelhealth.configs.canary import CanaryOptions
from labelhealth.configs.compare import CompareOptions
from labelhealth.configs.gate import GateOptions
from labelhealth.configs.guards import GuardOptions
from labelhealth.configs.input import InputOptions, PredProbsOptions
from labelhealth.configs.issues import FindIssuesOptions, HealthOptions
from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.configs.task import (
    DataIssueStageOptions,
    GivenVotes,
    RegressionOptions,
    Target,
    Task,
    TokenOptions,
)

# a name that is a folder name on every system, and cannot be taken for the store's own folders
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
Name = Annotated[str, StringConstraints(pattern=_NAME.pattern)]
_RESERVED_VERSIONS = {"history", "runs", "compare", "review"}


class DatasetOptions(Options):
    """Which dataset is audited, and what its state is called."""

    path: str
    """Parquet file, or directory of Parquet files; relative to the config file."""
    versions: str | None = None
    """Instead of `path`: where the versions of the dataset lie, one file or directory each; a glob, or a path with
    `{version}` in it. `reaudit` audits each, `audit` the one that `version` names, or the newest."""
    name: Name | None = None
    """Name of the dataset in the store; the name of the file or directory unless given."""
    version: Name | None = None
    """Name of the dataset's state; the beginning of its content digest unless given."""

    @model_validator(mode="before")
    @classmethod
    def _take_pattern(cls, given: Any) -> Any:
        """Put the pattern in place of a path, until one of its versions is chosen."""
        if isinstance(given, Mapping) and isinstance(given.get("versions"), str) and "path" not in given:
            return {**given, "path": given["versions"]}
        return given

    @model_validator(mode="after")
    def _check_versions(self) -> Self:
        if self.versions is not None and self.path != self.versions:
            msg = "give either path or versions, not both"
            raise ValueError(msg)
        if self.versions is not None and self.name is None:
            msg = "name must be given with versions: all of them are of one dataset"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_version(self) -> Self:
        if self.version in _RESERVED_VERSIONS:
            msg = f"version must not be {' or '.join(sorted(_RESERVED_VERSIONS))}: the store uses these names"
            raise ValueError(msg)
        return self


class GivenPredProbs(PredProbsOptions):
    """Ready probabilities, used instead of training."""

    file: str | None = None
    """Parquet or .npy file with the probabilities; none when they stand in the dataset itself."""
    ids_file: str | None = None
    """File with the ids of the rows of a .npy file, in order."""

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        if self.ids_file is not None and self.file is None:
            msg = (
                "`ids_file` must stand beside a .npy `file`; got it alone."
                " Hint: leave it out when the probabilities are columns of the dataset."
            )
            raise ValueError(msg)
        return self

    def options(self) -> PredProbsOptions:
        """Return what is asked of the files, without where they lie."""
        return PredProbsOptions(**self.model_dump(exclude={"file", "ids_file"}))


class ReportOptions(Options):
    """What people are shown."""

    worst_labels: int = Field(default=20, ge=0, le=100)
    """Worst labels listed in the terminal and in the Prefect artifact (rows)."""
    worst_pairs: int = Field(default=5, ge=0, le=100)
    """Worst class pairs listed in the terminal (pairs)."""
    display_in_artifacts: bool = False
    """Whether display columns may leave the store for Prefect's artifacts."""


class StoreOptions(Options):
    """Where audits and the cache are kept."""

    root: str = "audits"
    """Folder of the store; relative to the config file."""
    verify: Literal["digest", "stat"] = "digest"
    """How files are recognised: by content, or (a shortcut) by path, size and time."""
    max_audits: int | None = Field(default=None, ge=1)
    """Audits that compute in the store at one time, on one machine or wherever file locks are shared; further ones
    wait. No limit unless given."""


class RunOptions(Options):
    """How the stages are run; nothing here can change a result."""

    engine: Literal["prefect", "local"] = "prefect"
    """prefect: as a flow run, on the configured API or an embedded server; local: in this process alone."""
    part_bytes: int = Field(default=64 << 20, ge=1)
    """With ready probabilities, consecutive files are read together, as a part with a cache of its own, until they
    hold so many bytes; 1 makes every file a part."""
    workers: int | None = Field(default=None, ge=1)
    """Calls of a stage side by side, such as parts or folds; as many as there are cores for this process unless
    given. With a cluster of its own, `dask` starts so many worker processes."""
    runner: Literal["threads", "dask"] = "threads"
    """What carries out calls side by side in a flow: threads of its process, or workers of a Dask cluster."""
    timeout: float | None = Field(default=None, gt=0)
    """Seconds after which an audit is ended; it then works in a process of its own. No limit unless given."""
    dask_address: str | None = None
    """Scheduler of a running Dask cluster, such as tcp://host:8786, whose workers see the same paths; a temporary
    cluster of processes on this machine unless given."""

    @model_validator(mode="after")
    def _check_runner(self) -> Self:
        if self.runner == "dask" and self.engine == "local":
            msg = "run.runner must be threads with run.engine local: only a Prefect flow runs on Dask"
            raise ValueError(msg)
        if self.runner == "dask" and self.timeout is not None:
            msg = "run.timeout must be left out with run.runner dask: its workers cannot be ended from here"
            raise ValueError(msg)
        if self.dask_address is not None and self.runner != "dask":
            msg = "run.dask_address must stand beside run.runner dask: nothing else asks a scheduler"
            raise ValueError(msg)
        return self


_TARGETS: dict[str, Target] = {"multi_label": "label_sets", "regression": "numbers"}
_SECTIONS: dict[str, Task] = {  # which task each section belongs to
    "votes": "multi_annotator",
    "tokens": "token_classification",
    "regression": "regression",
}
_NEEDED = ("votes", "tokens")


class AuditConfig(Options):
    """Everything about one audit."""

    task: Task = "classification"
    """What the labels are: classification (one class a row); multi_label (a list of classes a row); multi_annotator
    (votes of several annotators, of which the label is made); token_classification (a row a token);
    regression (a number a row)."""
    dataset: DatasetOptions
    input: InputOptions
    votes: GivenVotes | None = None
    tokens: TokenOptions | None = None
    regression: RegressionOptions | None = None
    pred_probs: GivenPredProbs | None = None
    probabilities: ProbabilityOptions = ProbabilityOptions()
    issues: FindIssuesOptions = FindIssuesOptions()
    health: HealthOptions = HealthOptions()
    data_issues: DataIssueStageOptions | None = None
    """Issues beside labels; none are looked for unless this section is there (an empty one will do: `{}`)."""
    canary: CanaryOptions | None = None
    """Errors planted to see whether they are found; none unless this section is there (an empty one will do: `{}`)."""
    guards: GuardOptions = GuardOptions()
    """Guards of ready probabilities that are off unless asked for: `{in_sample: {}}`."""
    gate: GateOptions = GateOptions()
    compare: CompareOptions = CompareOptions()
    """How versions are compared, by the rules of the gate that name a baseline and the command `compare`."""
    reports: ReportOptions = ReportOptions()
    store: StoreOptions = StoreOptions()
    run: RunOptions = RunOptions()

    @model_validator(mode="after")
    def _check_pred_probs(self) -> Self:
        if self.pred_probs is None:
            return self
        if self.input.id is None:
            msg = "input.id must name the id column when pred_probs are given: only ids prove that rows match"
            raise ValueError(msg)
        if self.probabilities != ProbabilityOptions():
            msg = "give either pred_probs or probabilities, not both: ready probabilities need no training"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_scheme(self) -> Self:
        scheme = self.probabilities.folds.scheme
        needed = {"grouped": "group", "time": "time"}.get(scheme)
        if needed is not None and getattr(self.input, needed) is None:
            msg = f"input.{needed} must name the {needed} column when probabilities.folds.scheme is {scheme}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_task(self) -> Self:
        for section, task in _SECTIONS.items():
            if getattr(self, section) is not None and self.task != task:
                msg = f"`{section}` must be left out with task {self.task}; it belongs to {task}"
                raise ValueError(msg)
            if self.task == task and section in _NEEDED and getattr(self, section) is None:
                msg = f"`{section}` must be given with task {task}"
                raise ValueError(msg)
        if self.votes is not None and self.votes.file is not None and self.input.id is None:
            msg = "input.id must name the id column with a file of votes: only ids tell which row a vote is about"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_canary(self) -> Self:
        if self.canary is not None and self.target != "classes":
            msg = f"`canary` must be left out with task {self.task}: only classes are flipped"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_guards(self) -> Self:
        if self.guards.in_sample is not None and self.pred_probs is None:
            msg = (
                "guards.in_sample must be left out unless pred_probs are given:"
                " what is trained here is out of sample by construction"
            )
            raise ValueError(msg)
        if self.guards.in_sample is not None and self.target != "classes":
            msg = f"guards.in_sample must be left out with task {self.task}: only classes are compared"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_independence(self) -> Self:
        if self.pred_probs is not None and self.pred_probs.independent and self.task != "multi_label":
            msg = "pred_probs.independent must be false unless the task is multi_label: a row has one class"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        if self.task != "regression":
            return self
        if self.pred_probs is not None:
            msg = "`pred_probs` must be left out with task regression. Hint: name a column in `regression.predictions`"
            raise ValueError(msg)
        if self.input.classes is not None:
            msg = "`input.classes` must be left out with task regression: numbers have none"
            raise ValueError(msg)
        return self

    @property
    def target(self) -> Target:
        """Return what a value of the label column is."""
        return _TARGETS.get(self.task, "classes")

    @property
    def has_predictions(self) -> bool:
        """Return whether predictions are ready, so that no model is trained for them."""
        ready = self.regression is not None and self.regression.predictions is not None
        return self.pred_probs is not None or ready

    @property
    def reads_features(self) -> bool:
        """Return whether features are read: to train, or for a guard of ready probabilities."""
        return not self.has_predictions or self.guards.in_sample is not None

    @property
    def pred_probs_options(self) -> PredProbsOptions | None:
        """Return what is asked of ready probabilities, if there are any."""
        if self.pred_probs is None:
            return None
        return self.pred_probs.options().model_copy(update={"independent": self.task == "multi_label"})

    @property
    def columns(self) -> InputOptions:
        """Return the role of each column, those that the task names included."""
        roles = self.input
        if self.tokens is not None:
            named = (self.tokens.sentence, *([self.tokens.token] if self.tokens.token else []))
            display = tuple(dict.fromkeys((*roles.display, *named)))
            return roles.model_copy(update={"group": roles.group or self.tokens.sentence, "display": display})
        if self.regression is not None and self.regression.predictions is not None:
            return roles.model_copy(update={"exclude": (*roles.exclude, self.regression.predictions)})
        return roles

    @property
    def not_content(self) -> tuple[str, ...]:
        """Return columns that are no content of a row; a name that ends in * stands for all that begin so."""
        votes = None if self.votes is None else self.votes.columns
        of_votes = (f"{votes}*",) if isinstance(votes, str) else votes or ()
        return (*self.pred_probs_in_dataset, *of_votes)

    @property
    def pred_probs_in_dataset(self) -> tuple[str, ...]:
        """Return the columns of the dataset that hold ready probabilities."""
        given = self.pred_probs
        return given.probability_columns if given is not None and given.file is None else ()

    def recipe(self) -> dict[str, Options | str | None]:
        """Return what decides the result of an audit, apart from the data."""
        given = self.pred_probs
        of_task: dict[str, Options | None] = {
            "votes": None if self.votes is None else self.votes.options(),
            "tokens": self.tokens,
            "regression": self.regression,
            "data_issues": self.data_issues,
            "canary": self.canary,
            "guards": None if self.guards.in_sample is None else self.guards,
        }
        return {
            "input": self.input,
            **({"task": self.task, **of_task} if any(of_task.values()) or self.target != "classes" else {}),
            "pred_probs": self.pred_probs_options,
            "probabilities": self.probabilities if given is None else None,
            "issues": self.issues,
            "health": self.health,
            "gate": self.gate,
            **({"compare": self.compare} if self.gate.baseline.named() else {}),
        }
