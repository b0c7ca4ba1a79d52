"""The command line. Everything heavy is imported inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from labelhealth._signals import ending_in_time
from labelhealth.cli_cache import cache
from labelhealth.cli_reaudit import reaudit
from labelhealth.cli_review import review
from labelhealth.cli_serve import serve

if TYPE_CHECKING:
    from labelhealth.configs.audit import AuditConfig, ReportOptions
    from labelhealth.tasks.published import Audit

USAGE, UNEXPECTED, INTERRUPTED = 2, 4, 130
_INTERRUPT = "interrupted; what was finished stays in the cache"
_YAML = {".yaml", ".yml"}
Command = TypeVar("Command", bound=Callable[..., Any])


class _ColumnList(click.ParamType[list[str]]):
    """Names separated by commas."""

    name = "NAME[,NAME...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Return the names."""
        del param, ctx  # click passes them
        names = value if isinstance(value, list) else [name.strip() for name in value.split(",")]
        return [name for name in names if name]


NAMES = _ColumnList()

# option -> place in the config
_PLACES = {
    "task": "task",
    "label": "input.label",
    "id_column": "input.id",
    "group": "input.group",
    "time": "input.time",
    "features": "input.features",
    "exclude": "input.exclude",
    "display": "input.display",
    "pred_probs": "pred_probs.file",
    "pred_probs_columns": "pred_probs.columns",
    "class_names": "pred_probs.class_names",
    "ids": "pred_probs.ids",
    "ids_file": "pred_probs.ids_file",
    "aligned": "pred_probs.aligned",
    "estimator": "probabilities.estimator.name",
    "folds": "probabilities.folds.n_folds",
    "seed": "probabilities.folds.seed",
    "filter_by": "issues.filter_by",
    "score": "issues.score",
    "name": "dataset.name",
    "dataset_version": "dataset.version",
    "root": "store.root",
    "engine": "run.engine",
    "workers": "run.workers",
}
_PATHS = {"dataset.path", "pred_probs.file", "pred_probs.ids_file", "votes.file", "store.root"}


def _audit_options(command: Command) -> Command:
    """Add the arguments that `audit` and `gate` share."""
    options = [
        click.argument("target", metavar="CONFIG|DATA"),
        click.option("--label", help="Label column (with DATA)."),
        click.option(
            "--task", help="What labels are: classification (default), multi_label, regression, ..."
        ),
        click.option(
            "--id", "id_column", help="Column that identifies an example; default: a hash of its features."
        ),
        click.option("--group", help="Column whose equal values stay in one fold."),
        click.option("--time", help="Column of times; folds then learn from the past only."),
        click.option("--features", type=NAMES, help="Feature columns; default: all that have no other role."),
        click.option("--exclude", type=NAMES, help="Columns that are no features."),
        click.option("--display", type=NAMES, help="Columns to show beside each label."),
        click.option(
            "--pred-probs", help="Ready probabilities (.parquet or .npy) instead of training; needs --id."
        ),
        click.option("--pred-probs-columns", type=NAMES, help="Their columns, one a class."),
        click.option("--class-names", type=NAMES, help="Classes in the order of the probabilities' columns."),
        click.option("--ids", help="Id column of the probabilities' Parquet file."),
        click.option("--ids-file", help="File with the ids of a .npy's rows (.npy or .parquet)."),
        click.option(
            "--aligned", is_flag=True, default=None, help="A .npy has the rows of DATA in their order."
        ),
        click.option("--estimator", help="A scikit-learn classifier, by class name or dotted path."),
        click.option("--folds", type=int, help="Folds of cross-validation."),
        click.option("--seed", type=int, help="Seed of folds and estimator."),
        click.option("--filter-by", help="Rule that flags, such as prune_by_noise_rate."),
        click.option("--score", help="Score that ranks, such as self_confidence."),
        click.option("--name", help="Name of the dataset in the store."),
        click.option(
            "--dataset-version", help="Name of the dataset's state; default: its digest, shortened."
        ),
        click.option("--root", help="Folder of the store; default: audits."),
        click.option("--engine", help="prefect (default) or local."),
        click.option("--workers", type=int, help="Folds trained side by side."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any config key, dotted."),
        click.option("--flow-run", is_flag=True, help="Run the flow even if the store has the answer."),
        click.option("--refresh", is_flag=True, help="Compute everything again."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
        click.option("--quiet", is_flag=True, help="Print the verdict and its reasons only."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="labelhealth", prog_name="labelhealth")
@click.option("-v", "--verbose", is_flag=True, help="Log what is done, with dataset and version, to stderr.")
@click.pass_context
def cli(context: click.Context, verbose: bool) -> None:
    """Audit the labels of a dataset kept in Parquet."""
    if verbose:
        context.with_resource(_logging_to_stderr())


@contextlib.contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Write what the package logs to standard error, for the command."""
    package, handler = logging.getLogger("labelhealth"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)


@cli.command()
@_audit_options
def audit(**arguments: Any) -> None:
    """Audit CONFIG (a YAML file), or DATA (Parquet) with --label.

    Exits with 0 when the audit completed, whatever it found; 2 for a mistake in usage, config or input.
    """
    _run_and_show(arguments)


@cli.command()
@_audit_options
@click.option("--junit", help="Write the checks to this file as JUnit XML.")
@click.option("--summary", help="Append a summary in Markdown to this file, such as $GITHUB_STEP_SUMMARY.")
def gate(junit: str | None, summary: str | None, **arguments: Any) -> None:
    """Audit like `audit`, and exit by the verdict.

    0 PASS, 1 FAIL, 2 wrong usage, config or unreadable input, 3 INCONCLUSIVE, 4 anything unexpected.
    """
    result = _run_and_show(arguments)
    _write_ci_reports(result, junit, summary)
    raise SystemExit(result.exit_code)


@cli.command()
@click.argument("place", default="audits", metavar="[PLACE]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--worst", default=20, show_default=True, help="How many of the worst labels to list.")
def show(place: str, worst: int, as_json: bool) -> None:
    """Print the newest audit in PLACE: an audit's folder, a dataset's, or a whole store."""
    from labelhealth.configs.audit import ReportOptions
    from labelhealth.places import place_at
    from labelhealth.tasks.published import newest_audit

    found = newest_audit(place_at(place, "PLACE"))
    _show(found, ReportOptions(worst_labels=min(max(worst, 0), 100)), as_json=as_json)


@cli.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--min-match-rate", type=float, help="Rows that must be found again to conclude anything (share)."
)
@click.option("--noise-audits", type=int, help="Audits with other seeds, to measure the noise floor.")
@click.option("--engine", help="prefect or local; default: as NEW was audited.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(
    old: str,
    new: str,
    min_match_rate: float | None,
    noise_audits: int | None,
    engine: str | None,
    as_json: bool,
) -> None:
    """Compare two audits of one dataset: OLD and NEW are folders of audits or of versions."""
    from rich.console import Console

    from labelhealth.api import compare as compare_places
    from labelhealth.terminal import TerminalNotes
    from labelhealth.terminal_versions import show_comparison

    given = {"min_match_rate": min_match_rate, "noise_audits": noise_audits}
    options = {name: value for name, value in given.items() if value is not None}
    with TerminalNotes(Console(stderr=True)) as notes:
        found = compare_places(old, new, options=options, engine=engine, notes=notes)
    if as_json:
        _print(json.dumps(found.to_json(), allow_nan=False, indent=1) + "\n")
        return
    console = Console()
    with console.capture() as captured:
        show_comparison(console, found, found.manifest["options"]["significance"])
    _print(captured.get())


@cli.command()
@click.argument("place", default="audits", metavar="[PLACE]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--html", help="Write a page with a picture of the trend to this file, too.")
def history(place: str, as_json: bool, html: str | None) -> None:
    """Print all audits of the dataset in PLACE, oldest first: its folder, or a store that holds one dataset."""
    from rich.console import Console

    from labelhealth.places import place_at
    from labelhealth.tasks.history import read_history
    from labelhealth.tasks.published import plain_json
    from labelhealth.terminal_versions import show_history

    rows = read_history(place_at(place, "PLACE"))
    if html is not None:
        from labelhealth.tasks.history_page import history_page

        _write_file("--html", html, history_page(rows))
    if as_json:
        _print(json.dumps(plain_json(rows), allow_nan=False, indent=1) + "\n")
        return
    console = Console()
    with console.capture() as captured:
        show_history(console, rows)
    _print(captured.get())


@cli.command()
@click.argument("data", metavar="DATA")
@click.option("--label", help="Label column; guessed from its name if not given.")
@click.option("--output", default="labelhealth.yaml", show_default=True, help="Config file to write.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def init(data: str, label: str | None, output: str, force: bool) -> None:
    """Write a commented config for DATA, a Parquet file or a directory of them."""
    from labelhealth.starter import write_starter

    path = write_starter(data, label, output, force=force)
    _print(f"wrote {path}\nnext: labelhealth audit {shlex.quote(str(path))}\n")


@cli.command()
@click.argument("path", default="digits.parquet", metavar="[PATH]")
@click.option("--force", is_flag=True, help="Replace the file if it holds something else.")
def example(path: str, force: bool) -> None:
    """Write a dataset to try: scikit-learn's handwritten digits, as Parquet."""
    from labelhealth.starter import write_digits

    _print(f"wrote {write_digits(path, force=force)}\n")


cli.add_command(cache)
cli.add_command(reaudit)
cli.add_command(review)
cli.add_command(serve)


def main() -> None:
    """Run the command line; every mistake ends in one message and an exit code, never in a traceback."""
    arguments = sys.argv[1:]
    try:
        with ending_in_time(lambda: _fail(_INTERRUPT, INTERRUPTED, arguments)):
            code = cli.main(args=arguments, prog_name="labelhealth", standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code, arguments)
    except (KeyboardInterrupt, click.Abort):
        _fail(_INTERRUPT, INTERRUPTED, arguments)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        _fail(*_explain(error), arguments)
    raise SystemExit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> tuple[str, int]:
    """Return message and exit code for an error."""
    from labelhealth.core.errors import LabelHealthError

    if isinstance(error, LabelHealthError):
        return str(error), USAGE
    from labelhealth.tasks.errors import AuditEndedError

    if isinstance(error, AuditEndedError):
        return str(error), UNEXPECTED
    import traceback
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile("w", prefix="labelhealth-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    return f"unexpected {type(error).__name__}: {error}. The details are in {file.name}.", UNEXPECTED


def _fail(message: str, code: int, arguments: list[str]) -> None:
    """Print an error for a person, or for a machine that asked for JSON; exit."""
    text = "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in message
    )
    if "--json" in arguments:
        _print(json.dumps({"error": text, "exit_code": code}) + "\n")
    else:
        _print(f"labelhealth: {text}\n", sys.stderr)
    raise SystemExit(code)


def _print(text: str, stream: TextIO | None = None) -> None:
    """Print to standard output or another stream; a reader that has gone away changes no exit code.

    What the stream's encoding lacks is written as an escape.
    """
    stream = stream or sys.stdout
    if stream is None:  # closed by whoever started us
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:  # what is still buffered must go somewhere when Python exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run_and_show(arguments: dict[str, Any]) -> Audit:
    """Audit as the arguments say, print the outcome and return it."""
    from rich.console import Console

    from labelhealth.api import run
    from labelhealth.terminal import TerminalNotes

    flags = {name: arguments.pop(name) for name in ("as_json", "quiet", "flow_run", "refresh")}
    config = config_of(arguments)
    with TerminalNotes(Console(stderr=True)) as notes:
        result = run(config, notes=notes, from_store=not flags["flow_run"], refresh=flags["refresh"])
    if flags["quiet"] and not flags["as_json"]:
        _show_verdict(result)
    else:
        _show(result, config.reports, as_json=flags["as_json"])
    return result


def _write_ci_reports(result: Audit, junit: str | None, summary: str | None) -> None:
    """Write what a build server reads; a file that cannot be written is a mistake of usage."""
    from labelhealth.tasks.ci_reports import junit_xml, markdown_summary

    if junit is not None:
        _write_file("--junit", junit, junit_xml(result))
    if summary is not None:
        _write_file("--summary", summary, markdown_summary(result), append=True)


def _write_file(option: str, path: str, text: str, *, append: bool = False) -> None:
    """Write text to the file that an option names; one that cannot be written is a mistake of usage."""
    from labelhealth.configs.load import at_home
    from labelhealth.tasks.store import write_atomically

    try:
        if append:
            with at_home(path).open("a", encoding="utf-8") as file:
                file.write(text)
        else:
            write_atomically(at_home(path), text.encode())
    except OSError as error:
        msg = f"`{option}` must be a file that can be written; got {path!r:.200} ({error.strerror})."
        raise click.UsageError(msg) from None


def _show(result: Audit, options: ReportOptions, *, as_json: bool) -> None:
    if as_json:
        document = result.to_json(options.worst_labels, options.worst_pairs)
        _print(json.dumps(document, allow_nan=False, indent=1) + "\n")
        return
    from rich.console import Console

    from labelhealth.terminal import show_audit

    console = Console()
    with console.capture() as captured:  # printed by us: rich exits with 1 when the reader has gone away
        show_audit(console, result, options)
    _print(captured.get())


def _show_verdict(result: Audit) -> None:
    from labelhealth.terminal import plain

    reasons = (f"  {plain(reason).plain}" for reason in result.verdict.reasons)
    _print("\n".join([result.verdict.verdict, *reasons, ""]))


def config_of(arguments: Mapping[str, Any]) -> AuditConfig:
    """Return the config that the command line asks for: a file's, or one made of options."""
    from labelhealth.configs.load import ConfigFileError, at_home, parse_config, parse_yaml, read_yaml

    target = str(arguments["target"])
    is_config = Path(target).suffix.lower() in _YAML
    document: dict[str, Any] = {"dataset": {"path": target}}
    base = Path.cwd()
    if is_config:
        document, base = dict(read_yaml(at_home(target))), at_home(target).absolute().parent
    elif arguments.get("label") is None:
        msg = "`--label` must name the label column when DATA is audited. Hint: or write a config: labelhealth init"
        raise ConfigFileError(msg)
    for name, place in _PLACES.items():
        if arguments.get(name) is not None:
            _put(document, place, _from_here(place, arguments[name]))
    if arguments.get("time") is not None and arguments.get("pred_probs") is None:
        _put(document, "probabilities.folds.scheme", "time")  # what else would a time column be for
    for setting in arguments.get("settings", ()):
        key, equals, value = setting.partition("=")
        if not equals:
            msg = f"`--set` must be KEY=VALUE; got {setting!r}. Hint: --set gate.min_health_score=0.9"
            raise ConfigFileError(msg)
        _put(document, key, _from_here(key, parse_yaml(value, f"`--set {key}`", f"{value!r:.200}")))
    return parse_config(document, base=base, source=target if is_config else "command line")


def _from_here(place: str, value: Any) -> Any:
    """Return the value, a path on the command line taken from the current folder."""
    from labelhealth.configs.load import absolute_path

    if place in _PATHS and isinstance(value, str):
        return absolute_path(value, Path.cwd(), place)
    return value


def _put(document: dict[str, Any], place: str, value: Any) -> None:
    """Set a dotted place of a nested mapping."""
    *folders, name = place.split(".")
    for folder in folders:
        inner = document.get(folder)
        document[folder] = inner = dict(inner) if isinstance(inner, Mapping) else {}
        document = inner
    document[name] = value


if __name__ == "__main__":
    main()
