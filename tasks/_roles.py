"""Which column of the files plays which role."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labelhealth.configs.input import InputOptions
from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._types import family_of, plain_type
from labelhealth.tasks.errors import input_error, list_names


@dataclass(frozen=True)
class Roles:
    """The role of every column, and what to say about those left out."""

    of: Mapping[str, str]
    """Role of each column, in the order of the files."""
    features: tuple[str, ...]
    """Columns to use as features, sorted by name, so that the order of columns changes nothing."""
    display: tuple[str, ...]
    """Display and slice columns."""
    warnings: tuple[str, ...]


def assign_roles(
    source: ParquetSource, options: InputOptions, pred_probs: Sequence[str], *, with_features: bool
) -> Roles:
    """Give every column a role.

    Parameters
    ----------
    source : ParquetSource
        The dataset.
    options : InputOptions
        The configured roles.
    pred_probs : sequence of str
        Columns that hold ready probabilities.
    with_features : bool
        Whether features are used at all.

    Returns
    -------
    Roles
        A feature stays one whatever other role it has; else the first of label, id, group, time, slice and
        display counts.

    Raises
    ------
    InputError
        If a configured column is missing, a listed feature cannot be one, or no feature is left.
    """
    _check_present(source, options)
    roles = dict.fromkeys(source.column_types, "unused")
    roles.update(dict.fromkeys(pred_probs, "pred_probs"))
    roles.update(dict.fromkeys(options.display, "display"))
    roles.update(dict.fromkeys(options.slices, "slice"))
    for role in ("time", "group", "id", "label"):
        name = getattr(options, role)
        if name is not None:
            roles[name] = role
    display = tuple(dict.fromkeys((*options.display, *options.slices)))
    if not with_features:
        return Roles(roles, (), display, ())
    features, warnings = _choose_features(source, options, roles)
    roles.update(dict.fromkeys(features, "feature"))
    return Roles(roles, tuple(sorted(features)), display, tuple(warnings))


def _check_present(source: ParquetSource, options: InputOptions) -> None:
    """Refuse names that are no column, and say which column may be meant."""
    columns = list(source.column_types)
    configured: dict[str, Sequence[str | None]] = {
        "label": (options.label,),
        "id": (options.id,),
        "group": (options.group,),
        "time": (options.time,),
        "slices": options.slices,
        "display": options.display,
        "features": options.features or (),
        "exclude": options.exclude,
        "kinds": tuple(options.kinds),
    }
    for role, names in configured.items():
        for name in names:
            if name is not None and name not in source.column_types:
                folded = {column.casefold(): column for column in reversed(columns)}
                close = difflib.get_close_matches(name.casefold(), folded, n=1)
                guess = f"did you mean {folded[close[0]]!r}? " if close else ""
                hint = f"{guess}the columns are {list_names(columns)}"
                raise input_error(f"`{role}` must name a column of the dataset", repr(name), hint)


def _choose_features(
    source: ParquetSource, options: InputOptions, roles: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return the columns to use as features, and what to say about those that cannot be used."""
    taken = {*options.exclude, *(name for name in roles if is_index(name))}
    wanted = options.features or [
        name for name, role in roles.items() if role == "unused" and name not in taken
    ]
    features, warnings = [], []
    for name in wanted:
        if _can_be_feature(source, name):
            features.append(name)
        elif options.features is not None:
            rule = "`features` must name columns of numbers, booleans, strings, instants or vectors"
            hint = "turn it into such a column, or leave it out"
            raise input_error(rule, f"{name!r} of type {source.column_types[name]}", hint)
        else:
            warnings.append(
                f"`{name}` is not used: a column of type {source.column_types[name]} is no feature."
            )
    if not features:
        got = f"none among {list_names(list(roles))}"
        hint = "add feature columns, an embedding for instance, or give ready probabilities"
        raise input_error("the dataset must hold a feature besides the columns with other roles", got, hint)
    return features, warnings


def is_index(name: str) -> bool:
    """Return whether pandas gave this name to an index without one: it says how rows were shuffled, and no more."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None


def _can_be_feature(source: ParquetSource, name: str) -> bool:
    if family_of(plain_type(source.column_types[name])) == "other":
        return False
    return family_of(source.type_of(name)) != "other"
