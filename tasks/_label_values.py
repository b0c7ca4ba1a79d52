"""Labels that are no single class: lists of classes, and numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from labelhealth.configs.tables import NO_LABEL, UNKNOWN_CLASS
from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._labels import Classes, LabelEncoder, Labels, check_label_type, name_classes
from labelhealth.tasks._types import family_of
from labelhealth.tasks._values import floats_of
from labelhealth.tasks.errors import input_error


def read_label_sets(source: ParquetSource, column: str, classes: tuple[str, ...] | None) -> Labels:
    """Read a column of lists of classes.

    Parameters
    ----------
    source : ParquetSource
        The dataset.
    column : str
        Name of the label column: lists of strings, integers or booleans.
    classes : tuple of str, optional
        All classes in order; those that occur, sorted, unless given.

    Returns
    -------
    Labels
        A null is no label; an empty list is a label, of no class. `values` has shape (N, K).

    Raises
    ------
    InputError
        If the column holds no lists, a list holds a null, or fewer than two classes occur.
    """
    declared = source.type_of(column)
    if not (pat.is_list(declared) or pat.is_fixed_size_list(declared)):
        rule = f"`{column}` must hold lists of classes with task multi_label"
        raise input_error(rule, f"type {declared}", "split it into lists, or choose task classification")
    check_label_type(column, declared.value_type)
    encoder = LabelEncoder()
    codes, lengths, is_null = [], [], []
    first = 0
    for block in source.blocks(column):
        _check_entries(source, column, block, first)
        codes.append(encoder.encode(block.flatten()))
        lengths.append(pc.list_value_length(block).fill_null(0).to_numpy(zero_copy_only=False))
        is_null.append(block.is_null().to_numpy(zero_copy_only=False))
        first += len(block)
    flat, rows = np.concatenate(codes), np.repeat(np.arange(source.n_rows), np.concatenate(lengths))

    def first_of(wanted: list[int]) -> tuple[int, str]:
        place = int(np.isin(flat, wanted).argmax())
        return int(flat[place]), source.where(int(rows[place]))

    found = name_classes(column, encoder, len(flat), classes, first_of)
    return _sets(found, found.of_value[flat], rows, np.concatenate(is_null))


def _check_entries(source: ParquetSource, column: str, block: pa.Array, first: int) -> None:
    """Refuse lists that hold a null."""
    entries = block.flatten()
    if entries.null_count == 0:
        return
    lengths = pc.list_value_length(block).fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(block)), lengths)
    row = int(rows[entries.is_null().to_numpy(zero_copy_only=False)][0])
    rule = f"`{column}` must hold lists of classes, none of them null"
    raise input_error(rule, f"null at {source.where(first + row)}", "leave nulls out of the lists")


def _sets(
    found: Classes,
    classes: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int64],
    is_null: npt.NDArray[np.bool_],
) -> Labels:
    is_known = classes >= 0
    values = np.zeros((len(is_null), len(found.names)), dtype=np.uint8)
    values[rows[is_known], classes[is_known]] = 1
    codes = np.where(is_null, NO_LABEL, 0).astype(np.int32)
    codes[rows[~is_known]] = UNKNOWN_CLASS
    counted = dataclasses.replace(
        found,
        counts=values.sum(axis=0, dtype=np.int64),
        n_unlabelled=int(is_null.sum()),
        n_unknown=int((codes == UNKNOWN_CLASS).sum()),
    )
    return Labels(counted, codes, values)


def read_numbers(source: ParquetSource, column: str, _classes: tuple[str, ...] | None = None) -> Labels:
    """Read a column of numbers, the target of a regression.

    Parameters
    ----------
    source : ParquetSource
        The dataset.
    column : str
        Name of the label column: integers, floats or decimals.

    Returns
    -------
    Labels
        A null or NaN is no label. `values` has shape (N,), NaN where there is none.

    Raises
    ------
    InputError
        If the column holds no numbers, an infinite one, or none at all.
    """
    values = read_floats(source, column, "task regression")
    missing = np.isnan(values)
    if missing.all():
        rule = f"`{column}` must hold a number in some row"
        raise input_error(rule, "none in any", "check that `label` names the right column")
    codes = np.where(missing, NO_LABEL, 0).astype(np.int32)
    return Labels(_no_classes(int(missing.sum())), codes, values)


def read_floats(source: ParquetSource, column: str, what_for: str) -> npt.NDArray[np.float64]:
    """Return a column of finite numbers as float64, NaN where missing; raise for others."""
    declared = source.type_of(column)
    if family_of(declared) != "number" or pat.is_duration(declared):
        rule = f"`{column}` must hold numbers for {what_for}"
        raise input_error(rule, f"type {declared}", "cast it, or choose another task")
    values = np.concatenate([floats_of(block, np.float64) for block in source.blocks(column)])
    is_infinite = np.isinf(values)
    if is_infinite.any():
        got = f"infinity at {source.where(int(is_infinite.argmax()))} ({is_infinite.sum()} of {len(values)} rows)"
        raise input_error(f"`{column}` must hold finite numbers or none", got, "replace it by null")
    return values


def _no_classes(n_unlabelled: int) -> Classes:
    return Classes(
        names=(),
        of_value=np.array([NO_LABEL], dtype=np.int32),
        counts=np.zeros(0, dtype=np.int64),
        n_unlabelled=n_unlabelled,
        n_unknown=0,
        warnings=(),
    )
