"""Running an audit: from a config or a DataFrame to a published audit, by the cheapest way that is right."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from labelhealth.configs.audit import AuditConfig, RunOptions
from labelhealth.configs.compare import CompareOptions
from labelhealth.configs.load import ConfigFileError, absolute_path, parse_config
from labelhealth.embedded import configured_api
from labelhealth.flow_runs import run_flow
from labelhealth.flows.compare import compare_audits
from labelhealth.flows.pipeline import Published, run_audit
from labelhealth.flows.processes import run_within_limits
from labelhealth.flows.runners import check_runner, n_workers
from labelhealth.places import place_at
from labelhealth.reaudits import reaudit as reaudit
from labelhealth.tasks.comparisons import PublishedComparison, read_comparison
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit, newest_audit, read_audit
from labelhealth.tasks.remote import local_place
from labelhealth.tasks.side_by_side import call_side_by_side
from labelhealth.tasks.stage import NotInStoreError, answering_from_store, calling, listening, recomputing
from labelhealth.tasks.store import Store, writing
from labelhealth.tasks.versions import config_of_audit

if TYPE_CHECKING:
    import pandas as pd
    from prefect import Flow

    from labelhealth.configs.review_tables import Purpose
    from labelhealth.tasks.review_design import Export
    from labelhealth.tasks.review_import import Imported
    from labelhealth.tasks.review_status import ReviewStatus

_SECTIONS_OF_ARGUMENTS = ("dataset", "input", "store", "run")


def audit(
    data: pd.DataFrame | str | Path,
    label: str,
    *,
    root: str | Path = "audits",
    options: Mapping[str, Any] | None = None,
    engine: str = "local",
) -> Audit:
    """Audit the labels of a table and return what was found.

    Parameters
    ----------
    data : DataFrame, str or Path
        The dataset, or the Parquet file or directory that holds it.
    label : str
        Name of the label column.
    root : str or Path
        Folder of the store: cache, audits and history.
    options : mapping, optional
        The rest of the config, nested as in a YAML file, such as ``{"input": {"id": "id"}}``.
    engine : {"local", "prefect"}
        Run the stages in this process, or as a Prefect flow run.

    Returns
    -------
    Audit
        Tables as DataFrames, the summary as a mapping, verdict and manifest.

    Raises
    ------
    LabelHealthError
        If an option or the data is not what it must be; nothing is published then.

    Notes
    -----
    A DataFrame is written to the store as Parquet first, under its content, so that the same table is recognised
    again. Its index is not kept: add it as a column if it identifies the rows.
    """
    given = _check_options(options)
    frame_path = (
        None
        if isinstance(data, (str, Path))
        else _keep_frame(Store(root=str(local_place(str(root), "root"))), data)
    )
    document = {
        **given,
        "dataset": {"name": "dataframe" if frame_path else None, **given.get("dataset", {})}
        | {"path": str(frame_path or absolute_path(str(data), Path.cwd(), "data"))},
        "input": {**given.get("input", {}), "label": label},
        "store": {**given.get("store", {}), "root": absolute_path(str(root), Path.cwd(), "root")},
        "run": {**given.get("run", {}), "engine": engine},
    }
    return run(parse_config(document, base=Path.cwd(), source="`options`"))


def compare(
    old: str | Path,
    new: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    engine: str | None = None,
    notes: RunNotes | None = None,
) -> PublishedComparison:
    """Compare two audits of one dataset and return what changed.

    Parameters
    ----------
    old, new : str or Path
        Folder of an audit, or of a version, whose newest audit counts.
    options : mapping, optional
        Fields of `CompareOptions`, such as ``{"noise_audits": 0}``.
    engine : {"local", "prefect"}, optional
        Run the stages in this process, or as a Prefect flow run; as the new version was audited unless given.
    notes : RunNotes, optional
        Hears what happens.

    Returns
    -------
    PublishedComparison
        States of examples, changes by class, pair and slice, tests, and the finding.

    Raises
    ------
    LabelHealthError
        If there is no audit in a place, or the two are not of one dataset.

    Notes
    -----
    Where the recipes differ the old version is audited again with the new one, if its files are still there.
    """
    before, after = (newest_audit(place_at(str(place), name)) for place, name in ((old, "old"), (new, "new")))
    try:
        chosen = CompareOptions(**(options or {}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        msg = f"`options` are not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ConfigFileError(msg) from None
    return _run_comparison(before, after, chosen, _engine(after, engine), notes or RunNotes())


def _engine(new: Audit, engine: str | None) -> RunOptions:
    """Return how the stages of a comparison are run: like those of the new audit, unless another engine is named."""
    own = config_of_audit(new).run
    if engine is None or engine == own.engine:
        return own
    if engine not in ("local", "prefect"):
        msg = f"`engine` must be 'local' or 'prefect'; got {engine!r:.200}."
        raise ConfigFileError(msg)
    return RunOptions(engine="local" if engine == "local" else "prefect", workers=own.workers)


def _run_comparison(
    old: Audit, new: Audit, options: CompareOptions, how: RunOptions, notes: RunNotes
) -> PublishedComparison:
    """Compare, or answer from the store when both audits and what they need were compared before."""
    check_runner(how)
    local = how.engine == "local"
    if local or configured_api() is None:
        notes.answered_by = "store"
        with contextlib.suppress(NotInStoreError), answering_from_store(), listening(notes):
            return read_comparison(compare_audits(old, new, options))
        notes.outcomes.clear()
    with listening(notes):
        if local:
            notes.answered_by = "this process"
            with calling(call_side_by_side(n_workers(how))):
                return read_comparison(compare_audits(old, new, options))
        root = str(local_place(config_of_audit(new).store.root, "store.root"))
        name = f"compare {new.manifest['dataset']}"
        before, after = str(old.directory), str(new.directory)
        place = run_flow(root, notes, name, _compare_flow, before, after, options, how)
        return read_comparison(Path(place))


def _compare_flow() -> Flow[[str, str, CompareOptions, RunOptions], str]:
    from labelhealth.flows.compare_flow import compare_flow

    return compare_flow


def export_review(
    place: str | Path,
    output: str | Path,
    *,
    purpose: Purpose = "queue",
    n_rows: int = 100,
    seed: int = 0,
    estimator: Literal["stratified", "predictions"] = "stratified",
) -> Export:
    """Give rows of an audited dataset out for review.

    Parameters
    ----------
    place : str or Path
        Folder of an audit, a version, a dataset or a store; the newest audit in it counts.
    output : str or Path
        File to write: .csv or .parquet for a sheet, .json for Label Studio.
    purpose : {"queue", "sample", "rest"}
        queue: flagged rows without a verdict, worst first. sample: judged rows drawn at random, more where labels are
        doubtful; its verdicts, and no others, give an error rate with an interval. rest: rows without a verdict, each
        drawn as likely as any other; they bound what is left among these.
    n_rows : int
        Rows at most.
    seed : int
        Of a random sample.
    estimator : {"stratified", "predictions"}
        What will be made of a sample's verdicts: decided before there are any.

    Returns
    -------
    Export
        What was given out.

    Raises
    ------
    LabelHealthError
        If there is no such audit, nothing to give out, or the dataset has changed since.
    """
    from labelhealth.flows.review import export_review as export
    from labelhealth.tasks.review_export import ReviewRequest

    if n_rows < 1:
        msg = f"`n_rows` must be 1 or more; got {n_rows}."
        raise ConfigFileError(msg)
    request = ReviewRequest(purpose, n_rows, seed, estimator)
    with calling(call_side_by_side(n_workers(RunOptions()))):
        return export(_audit_in(place), request, Path(absolute_path(str(output), Path.cwd(), "output")))[0]


def import_review(place: str | Path, file: str | Path, *, reviewer: str | None = None) -> Imported:
    """Take the verdicts of a reviewer into the store.

    Parameters
    ----------
    place : str or Path
        Folder of the dataset, or of an audit of it.
    file : str or Path
        The sheet that was exported, filled in, or Label Studio's export of its tasks.
    reviewer : str, optional
        Who reviewed, where the file does not tell.

    Returns
    -------
    Imported
        How many verdicts were new.

    Raises
    ------
    LabelHealthError
        If a verdict is none, contradicts itself, or is about a row that was never given out; nothing is stored then.
    """
    from labelhealth.flows.review import import_review as take_in

    return take_in(_audit_in(place), Path(absolute_path(str(file), Path.cwd(), "file")), reviewer)


def review_status(place: str | Path) -> ReviewStatus:
    """Return what reviews have come to: verdicts, what is left of the queue, and the error rate if one is known.

    Parameters
    ----------
    place : str or Path
        Folder of an audit, a version, a dataset or a store; the newest audit in it counts.

    Returns
    -------
    ReviewStatus
        Its `rates` are empty without verdicts on a random sample: there is no interval then.

    Raises
    ------
    LabelHealthError
        If there is no such audit, or its dataset has changed since.
    """
    from labelhealth.flows.review import review_status as status

    with calling(call_side_by_side(n_workers(RunOptions()))):
        return status(_audit_in(place))


def apply_review(place: str | Path, output: str | Path) -> Path:
    """Write a corrected copy of the audited dataset; the dataset itself is not touched.

    Parameters
    ----------
    place : str or Path
        Folder of an audit of the dataset as it is.
    output : str or Path
        File or folder to write; nothing may be there.

    Returns
    -------
    Path
        The patch beside it, by which `revert_review` leads back.

    Raises
    ------
    LabelHealthError
        If no verdict in force says what a wrong label should be, or one does not fit the label column.
    """
    from labelhealth.flows.review import apply_review as correct

    with calling(call_side_by_side(n_workers(RunOptions()))):
        return correct(_audit_in(place), Path(absolute_path(str(output), Path.cwd(), "output")))[1]


def revert_review(data: str | Path, patch: str | Path, output: str | Path) -> None:
    """Write a copy of a corrected dataset with the labels that it had before.

    Parameters
    ----------
    data : str or Path
        The corrected dataset.
    patch : str or Path
        The patch that was written beside it.
    output : str or Path
        File or folder to write; nothing may be there.

    Raises
    ------
    LabelHealthError
        If the patch is of another dataset, or something is at `output`.
    """
    from labelhealth.tasks.file_list import list_files
    from labelhealth.tasks.review_apply import apply_patch, read_patch

    given = {"data": data, "patch": patch, "output": output}
    source, lines, target = (absolute_path(str(path), Path.cwd(), name) for name, path in given.items())
    apply_patch(list_files(source), read_patch(Path(lines)).reversed(), Path(target))


def _audit_in(place: str | Path) -> Audit:
    """Return the newest audit in a place."""
    return newest_audit(place_at(str(place), "place"))


def _check_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options as a dictionary whose sections that get values from arguments are mappings."""
    given = {} if options is None else options
    if not isinstance(given, Mapping):
        msg = f"`options` must be a mapping; got {type(given).__name__}. Hint: options={{'input': {{'id': 'id'}}}}"
        raise ConfigFileError(msg)
    for name in _SECTIONS_OF_ARGUMENTS:
        section = given.get(name, {})
        if not isinstance(section, Mapping):
            msg = f"`options[{name!r}]` must be a mapping; got {section!r}. Hint: leave it out for its defaults."
            raise ConfigFileError(msg)
    return dict(given)


def run(
    config: AuditConfig, *, notes: RunNotes | None = None, from_store: bool = True, refresh: bool = False
) -> Audit:
    """Run an audit, or answer it from the store when nothing has changed.

    Parameters
    ----------
    config : AuditConfig
        What to audit and how.
    notes : RunNotes, optional
        Hears what happens.
    from_store : bool
        Whether an unchanged audit may be answered without a flow run; never done when a Prefect API is
        configured, because a run on that server is expected then.
    refresh : bool
        Whether to compute everything again and replace what the store holds.

    Returns
    -------
    Audit
        As published.
    """
    notes = notes or RunNotes()
    check_runner(config.run)
    root = str(local_place(config.store.root, "store.root"))
    _prepare(root)
    local = config.run.engine == "local"
    if from_store and not refresh and (local or configured_api() is None):
        with contextlib.suppress(NotInStoreError):
            return _answer(config, notes)
        notes.outcomes.clear()
    _check_columns(config)
    with recomputing() if refresh else contextlib.nullcontext(), listening(notes):
        if local:
            notes.answered_by = "this process"
            with calling(call_side_by_side(n_workers(config.run))):
                return read_audit(Path(run_within_limits(config, notes).directory))
        return read_audit(Path(run_flow(root, notes, None, _audit_flow, config).directory))


def _audit_flow() -> Flow[[AuditConfig], Published]:
    from labelhealth.flows.audit import audit_flow

    return audit_flow


def _answer(config: AuditConfig, notes: RunNotes) -> Audit:
    """Answer from the store, or raise `NotInStoreError`."""
    notes.answered_by = "store"
    with answering_from_store(), listening(notes):
        return read_audit(Path(run_audit(config, notes).directory))


def _check_columns(config: AuditConfig) -> None:
    """Find mistakes in names and files before anything is started."""
    from labelhealth.tasks.input_files import dataset_files
    from labelhealth.tasks.preflight import check_columns

    check_columns(
        dataset_files(config),
        config.columns,
        config.pred_probs_in_dataset,
        with_features=config.reads_features,
        votes=None if config.votes is None else config.votes.options(),
    )


def _prepare(root: str) -> None:
    """Make the store's folders, so that a root that cannot be written is refused before any work."""
    with writing(root), Store(root=root).scratch() as path:
        path.write_bytes(b"labelhealth")


def _keep_frame(store: Store, frame: pd.DataFrame) -> Path:
    """Write a DataFrame into the store as Parquet and return where it lies."""
    import pyarrow as pa

    from labelhealth.tasks.errors import InputError
    from labelhealth.tasks.tables import put_parquet

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        msg = f"`data` must be a DataFrame that Parquet can hold; {error}. Hint: give every column one type."
        raise InputError(msg) from error
    return store.path(put_parquet(store, table))
