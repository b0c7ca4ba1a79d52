"""The configuration of an audit: one frozen model, filled from YAML or from the command line."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from labelhealth.configs.base import Options
from labelhealth.configs.gate import GateOptions
from labelhealth.configs.input import InputOptions, PredProbsOptions
from labelhealth.configs.issues import FindIssuesOptions, HealthOptions
from labelhealth.configs.probabilities import ProbabilityOptions

# a name that is a folder name on every system, and cannot be taken for the store's own folders
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
Name = Annotated[str, StringConstraints(pattern=_NAME.pattern)]
_RESERVED_VERSIONS = {"history", "runs"}


class DatasetOptions(Options):
    """Which dataset is audited, and what its state is called."""

    path: str
    """Parquet file, or directory of Parquet files; relative to the config file."""
    name: Name | None = None
    """Name of the dataset in the store; the name of the file or directory unless given."""
    version: Name | None = None
    """Name of the dataset's state; the beginning of its content digest unless given."""

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
    dask_address: str | None = None
    """Scheduler of a running Dask cluster, such as tcp://host:8786, whose workers see the same paths; a temporary
    cluster of processes on this machine unless given."""

    @model_validator(mode="after")
    def _check_runner(self) -> Self:
        if self.runner == "dask" and self.engine == "local":
            msg = "run.runner must be threads with run.engine local: only a Prefect flow runs on Dask"
            raise ValueError(msg)
        if self.dask_address is not None and self.runner != "dask":
            msg = "run.dask_address must stand beside run.runner dask: nothing else asks a scheduler"
            raise ValueError(msg)
        return self


class AuditConfig(Options):
    """Everything about one audit."""

    dataset: DatasetOptions
    input: InputOptions
    pred_probs: GivenPredProbs | None = None
    probabilities: ProbabilityOptions = ProbabilityOptions()
    issues: FindIssuesOptions = FindIssuesOptions()
    health: HealthOptions = HealthOptions()
    gate: GateOptions = GateOptions()
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

    @property
    def pred_probs_in_dataset(self) -> tuple[str, ...]:
        """Return the columns of the dataset that hold ready probabilities."""
        given = self.pred_probs
        return given.probability_columns if given is not None and given.file is None else ()

    def recipe(self) -> dict[str, Options | None]:
        """Return what decides the result of an audit, apart from the data."""
        given = self.pred_probs
        return {
            "input": self.input,
            "pred_probs": None if given is None else given.options(),
            "probabilities": self.probabilities if given is None else None,
            "issues": self.issues,
            "health": self.health,
            "gate": self.gate,
        }
