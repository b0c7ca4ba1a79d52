"""The command `labelhealth reaudit`: many datasets, and those alone that have changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from labelhealth.flows.reaudit import Looked


@click.command()
@click.argument("places", metavar="FOLDER|CONFIG...", nargs=-1, required=True)
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Datasets side by side."
)
@click.option("--engine", default="prefect", show_default=True, help="prefect or local.")
@click.option("--gate", "by_verdict", is_flag=True, help="Exit with the worst verdict, as `gate` does.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--quiet", is_flag=True, help="Print nothing while datasets are audited.")
def reaudit(
    places: tuple[str, ...], workers: int, engine: str, by_verdict: bool, as_json: bool, quiet: bool
) -> None:
    """Audit all datasets of FOLDERs of configs (*.yaml) and CONFIGs that have changed or have a new version.

    Exits with 0 when all were completed; 4 if an audit ended early or unexpectedly, else 2 if a config or its data
    cannot be read. With --gate the worst counts: 4, 2, then 1 (a FAIL), 3 (INCONCLUSIVE), 0.
    """
    from rich.console import Console

    from labelhealth.api import reaudit as reaudit_places
    from labelhealth.tasks.published import plain_json
    from labelhealth.terminal_reaudit import line_of, show_reaudit

    def tell(looked: Looked) -> None:
        if not quiet and looked.outcome != "unchanged":
            click.echo(line_of(looked), err=True)

    found = reaudit_places(list(places), workers=workers, engine=engine, tell=tell)
    code = found.exit_code(by_verdict=by_verdict)
    if as_json:
        rows = [row.row() for row in found.rows]
        click.echo(json.dumps(plain_json({"exit_code": code, "datasets": rows}), allow_nan=False, indent=1))
    else:
        show_reaudit(Console(), found)
    raise SystemExit(code)
