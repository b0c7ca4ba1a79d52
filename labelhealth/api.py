"""Running an audit: from a config or a DataFrame to a published audit, by the cheapest way that is right."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from labelhealth.configs.audit import AuditConfig, RunOptions
from labelhealth.configs.compare import CompareOptions
from labelhealth.configs.load import ConfigFileError, absolute_path, parse_config
from labelhealth.embedded import check_api, configured_api, starting_server
from labelhealth.flows.pipeline import run_audit
from labelhealth.flows.runners import check_runner, n_workers
from labelhealth.tasks.comparisons import PublishedComparison, read_comparison
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit, newest_audit, read_audit
from labelhealth.tasks.side_by_side import call_side_by_side
from labelhealth.tasks.stage import NotInStoreError, answering_from_store, calling, listening, recomputing
from labelhealth.tasks.store import Store, writing

if TYPE_CHECKING:
    import pandas as pd

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
    frame_path = None if isinstance(data, (str, Path)) else _keep_frame(Store(root=str(root)), data)
    document = {
        **given,
        "dataset": {"name": "dataframe" if frame_path else None, **given.get("dataset", {})}
        | {"path": str(frame_path or Path(str(data)).absolute())},
        "input": {**given.get("input", {}), "label": label},
        "store": {**given.get("store", {}), "root": str(Path(root).absolute())},
        "run": {**given.get("run", {}), "engine": engine},
    }
    return run(parse_config(document, base=Path.cwd(), source="`options`"))


def compare(
    old: str | Path, new: str | Path, *, options: Mapping[str, Any] | None = None
) -> PublishedComparison:
    """Compare two audits of one dataset and return what changed.

    Parameters
    ----------
    old, new : str or Path
        Folder of an audit, or of a version, whose newest audit counts.
    options : mapping, optional
        Fields of `CompareOptions`, such as ``{"noise_audits": 0}``.

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
    from labelhealth.flows.compare import compare_audits

    before, after = (
        newest_audit(Path(absolute_path(str(place), Path.cwd(), name)))
        for place, name in ((old, "old"), (new, "new"))
    )
    try:
        chosen = CompareOptions(**(options or {}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        msg = f"`options` are not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ConfigFileError(msg) from None
    with calling(call_side_by_side(n_workers(RunOptions()))):
        return read_comparison(compare_audits(before, after, chosen))


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
    _prepare(config.store.root)
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
                return read_audit(Path(run_audit(config, notes).directory))
        return _run_flow(config, notes)


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
        with_features=not config.has_predictions,
        votes=None if config.votes is None else config.votes.options(),
    )


def _run_flow(config: AuditConfig, notes: RunNotes) -> Audit:
    """Run the flow on the configured API, or on a server of our own."""
    api = configured_api()
    if api is not None:
        check_api(api)
        notes.answered_by = "the configured API"
        return _call_flow(config)
    notes.answered_by = "embedded server"
    home = Path(config.store.root) / ".prefect"
    with starting_server(home) as server:
        import labelhealth.flows.audit  # noqa: F401 - imported while the server boots

        server.wait_until_ready()
        with server.recording(lambda: len(notes.outcomes)), _no_credentials():
            return _call_flow(config)


def _call_flow(config: AuditConfig) -> Audit:
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from labelhealth.flows.audit import audit_flow

    # the heartbeat thread is joined at the end of a flow run, and sleeps in steps of a second
    settings = {PREFECT_API_URL: configured_api(), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(settings), _errors_told_once():
        name = f"audit {config.dataset.name or Path(config.dataset.path).name}"
        published = audit_flow.with_options(flow_run_name=name)(config)
    return read_audit(Path(published.directory))


@contextlib.contextmanager
def _no_credentials() -> Iterator[None]:
    """Send nothing of what the user configured for another API, in files or before Prefect was imported."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_KEY,
        PREFECT_CLIENT_CUSTOM_HEADERS,
        temporary_settings,
    )

    nothing = {PREFECT_API_AUTH_STRING: None, PREFECT_API_KEY: None}
    with temporary_settings({**nothing, PREFECT_CLIENT_CUSTOM_HEADERS: {}}):
        yield


@contextlib.contextmanager
def _errors_told_once() -> Iterator[None]:
    """Keep Prefect and Dask from printing a run's log, and the traceback of an error that is raised anyway.

    The log goes to the API as ever. A filter is used because Prefect sets levels anew when a run starts.
    """
    from prefect.logging.handlers import PrefectConsoleHandler

    def hide(record: logging.LogRecord) -> bool:
        return not record.name.startswith(("prefect", "distributed"))

    names = [None, *(name for name in logging.root.manager.loggerDict if name.startswith("prefect"))]
    handlers = {handler for name in names for handler in logging.getLogger(name).handlers}
    console = [handler for handler in handlers if isinstance(handler, PrefectConsoleHandler)]
    for handler in console:
        handler.addFilter(hide)
    try:
        yield
    finally:
        for handler in console:
            handler.removeFilter(hide)


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
