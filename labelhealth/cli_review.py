"""The commands by which people review labels: `labelhealth review export`, `import`, `status`, `apply`, `revert`."""

from __future__ import annotations

import json
from typing import Any

import click

PLACE = click.argument("place", default="audits", metavar="[PLACE]")


@click.group()
def review() -> None:
    """Give labels out for review, take verdicts in, estimate the error rate, and correct the dataset."""


@review.command("export")
@PLACE
@click.option("--output", required=True, help="File to write: .csv, .parquet, or .json for Label Studio.")
@click.option("--queue", "queue", type=click.IntRange(min=1), help="So many flagged rows, worst first.")
@click.option(
    "--sample", type=click.IntRange(min=1), help="So many judged rows at random: for an error rate."
)
@click.option("--rest", type=click.IntRange(min=1), help="So many rows without a verdict, at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of a random sample.")
@click.option(
    "--estimator",
    type=click.Choice(["stratified", "predictions"]),
    default="stratified",
    show_default=True,
    help="What will be made of a sample; choose before there are verdicts.",
)
def export_rows(
    place: str,
    output: str,
    queue: int | None,
    sample: int | None,
    rest: int | None,
    seed: int,
    estimator: Any,
) -> None:
    """Give rows of the newest audit in PLACE out for review: 100 of the queue unless asked otherwise."""
    from labelhealth.api import export_review

    wanted: dict[Any, int | None] = {"queue": queue, "sample": sample, "rest": rest}
    asked = [name for name, n_rows in wanted.items() if n_rows is not None]
    if len(asked) > 1:
        msg = "give one of --queue, --sample and --rest"
        raise click.UsageError(msg)
    purpose: Any = asked[0] if asked else "queue"
    n_rows = wanted[purpose] or 100
    done = export_review(place, output, purpose=purpose, n_rows=n_rows, seed=seed, estimator=estimator)
    design = done.design
    click.echo(f"wrote {output}: {done.rows.num_rows:,} of {design.n_population:,} {design.population}")
    click.echo("next: fill in `verdict` (correct, wrong or unsure), and `corrected_label` where you know it;")
    click.echo("      then labelhealth review import FILE")


@review.command("import")
@click.argument("file", metavar="FILE")
@PLACE
@click.option("--reviewer", help="Who reviewed, where the file does not tell.")
def import_verdicts(file: str, place: str, reviewer: str | None) -> None:
    """Take the verdicts in FILE (.csv, .parquet, Label Studio's .json) into the store at PLACE."""
    from labelhealth.api import import_review

    done = import_review(place, file, reviewer=reviewer)
    known = f", {done.n_known:,} known already" if done.n_known else ""
    waiting = f", {done.n_open:,} rows without a verdict" if done.n_open else ""
    click.echo(f"{done.n_new:,} new verdicts{known}{waiting}")
    click.echo("next: audit again, and they count; labelhealth review status tells the error rate")


@review.command()
@PLACE
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of sentences.")
def status(place: str, as_json: bool) -> None:
    """Print what verdicts say about the newest audit in PLACE: what is left, and the error rate if one is known."""
    from labelhealth.api import review_status
    from labelhealth.tasks.published import plain_json

    found = review_status(place)
    if as_json:
        click.echo(json.dumps(plain_json(found.to_json()), allow_nan=False, indent=1))
        return
    for line in found.sentences():
        click.echo("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line))


@review.command()
@PLACE
@click.option("--output", required=True, help="File or folder to write; nothing may be there.")
def apply(place: str, output: str) -> None:
    """Write a copy of the dataset with the labels that reviewers asked for, and a patch that leads back."""
    from labelhealth.api import apply_review

    patch = apply_review(place, output)
    click.echo(f"wrote {output}, and {patch} by which `labelhealth review revert` leads back")


@review.command()
@click.argument("data", metavar="DATA")
@click.option("--patch", required=True, help="The .patch.parquet that was written beside the corrected copy.")
@click.option("--output", required=True, help="File or folder to write; nothing may be there.")
def revert(data: str, patch: str, output: str) -> None:
    """Write a copy of the corrected DATA with the labels that it had before."""
    from labelhealth.api import revert_review

    revert_review(data, patch, output)
    click.echo(f"wrote {output}")
