"""The footers of a dataset's files, held against each other and the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from labelhealth.configs.input import InputOptions, PredProbsOptions
from labelhealth.tasks._files import ParquetSource, SourceFile, open_source
from labelhealth.tasks._ids import check_time_type
from labelhealth.tasks._input_tables import is_scanned, null_count_of_footers, type_name
from labelhealth.tasks._labels import check_label_type
from labelhealth.tasks._pred_probs_blocks import open_parquet
from labelhealth.tasks._roles import assign_roles
from labelhealth.tasks.dataset import ReadColumns, Schema
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import put_arrow


def read_footers(
    store: Store, files: Sequence[SourceFile], options: InputOptions, pred_probs: PredProbsOptions | None
) -> Schema:
    """Store types and roles of the columns.

    Raises
    ------
    InputError
        If a file is no Parquet, a column is missing, its types do not meet, or it cannot have its role.
    """
    source = open_source(files)
    given = () if pred_probs is None else pred_probs.probability_columns
    roles = assign_roles(source, options, given, with_features=False)
    if options.id is None:
        hint = "name the id column, or read features"
        raise input_error("`id` must name a column when features are not read", "none", hint)
    check_label_type(options.label, source.type_of(options.label))
    if options.time is not None:
        check_time_type(options.time, source.type_of(options.time))
    if pred_probs is not None:
        open_parquet(source, pred_probs)
    return Schema(
        read=_put_types(store, source, ReadColumns.of(options).names),
        pred_probs=None if pred_probs is None else _put_types(store, source, given),
        columns=put_arrow(store, _columns(source, roles.of)),
    )


def _put_types(store: Store, source: ParquetSource, columns: Sequence[str]) -> Ref:
    types = pa.schema({name: source.type_of(name) for name in columns})
    return put_arrow(store, types.empty_table())


def _columns(source: ParquetSource, roles: Mapping[str, str]) -> pa.Table:
    counts = [
        None if is_scanned(role) else null_count_of_footers(source, name) for name, role in roles.items()
    ]
    types = [type_name(source.column_types[name]) for name in roles]
    columns = {"name": list(roles), "type": types, "role": list(roles.values())}
    return pa.table({**columns, "null_count": pa.array(counts, pa.int64())})
