"""The commands `labelhealth cache`, which shows what a store's cache holds, and `labelhealth cache prune`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from labelhealth.tasks.store import Store

_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SIZE_UNITS = {"": 1, "B": 1, **{f"{letter}B": 1000**place for place, letter in enumerate("KMGT", 1)}} | {
    f"{letter}IB": 1024**place for place, letter in enumerate("KMGT", 1)
}
STORE = click.argument("store", default="audits", metavar="[STORE]")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class _Measure(click.ParamType[float]):
    """A number with a unit."""

    def __init__(self, name: str, units: Mapping[str, int], example: str) -> None:
        self.name = name
        self._units, self._example = units, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number in the smallest unit."""
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", str(value).strip())
        unit = None if found is None else self._unit(found.group(2))
        if found is None or unit is None:
            self.fail(f"{value!r} must be a number with a unit, such as {self._example}", param, ctx)
        return float(found.group(1)) * unit

    def _unit(self, text: str) -> int | None:
        by_case = {name.upper(): size for name, size in self._units.items()}
        return by_case.get(text.upper())


class _ShowUnlessAsked(click.Group):
    """A group whose command `show` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` in front unless a command is named, or help is asked for."""
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["show", *args])


@click.group(cls=_ShowUnlessAsked)
def cache() -> None:
    """Show what the cache of a store holds (`labelhealth cache [STORE]`), or make room in it.

    Published audits are copies: nothing in the cache is needed to read them.
    """


@cache.command()
@STORE
@JSON
def show(store: str, as_json: bool) -> None:
    """Show what the cache of STORE holds: results, files, bytes and age, by stage."""
    from rich.console import Console

    from labelhealth.tasks.cache_content import read_cache
    from labelhealth.terminal_cache import describe, show_cache

    found = describe(read_cache(_store_at(store)))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    show_cache(Console(), found)


@cache.command()
@STORE
@click.option(
    "--older-than", type=_Measure("AGE", _AGE_UNITS, "30d"), help="Remove what was not used for so long."
)
@click.option(
    "--max-size",
    type=_Measure("SIZE", _SIZE_UNITS, "20GB"),
    help="Then what was used longest ago, down to this.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@JSON
def prune(store: str, older_than: float | None, max_size: float | None, dry_run: bool, as_json: bool) -> None:
    """Remove cached results of STORE by age and size, and what killed runs left behind.

    What a running audit uses stays, and whatever was used within the last hour. A result that went is computed anew.
    """
    from dataclasses import asdict

    from labelhealth.tasks.prune import PruneOptions
    from labelhealth.tasks.prune import prune as prune_store
    from labelhealth.terminal_cache import sentences

    max_bytes = None if max_size is None else int(max_size)
    done = prune_store(_store_at(store), PruneOptions(older_than, max_bytes, dry_run))
    lines = [json.dumps(asdict(done), indent=1)] if as_json else sentences(done, dry_run=dry_run)
    for line in lines:
        click.echo(line)


def _store_at(place: str) -> Store:
    from labelhealth.places import place_at
    from labelhealth.tasks.errors import StoreError
    from labelhealth.tasks.store import Store

    found = Store(root=str(place_at(place, "STORE")))
    if not found.cache.is_dir():
        msg = f"`STORE` must be the root of a store; {found.root} has no cache. Hint: labelhealth cache ROOT"
        raise StoreError(msg)
    return found
