"""A dataset read in parts is the dataset read at once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelhealth.configs.input import InputOptions
from labelhealth.configs.tables import NO_LABEL, TABLES, UNKNOWN_CLASS
from labelhealth.tasks.combine import combine
from labelhealth.tasks.dataset import ReadColumns
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.file_list import list_files
from labelhealth.tasks.read import read
from labelhealth.tasks.reading import read_dataset
from labelhealth.tasks.schema import find_schema
from labelhealth.tasks.source import digest_files
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import open_array, open_arrow, put_frame, read_names

ONE_PART = 1 << 40
FEATURE = "f"


def load_parts(folder, root, options, part_bytes=1):
    """Read a dataset in parts; return it and the store."""
    store = Store(root=str(root))
    source = digest_files([(file.path, file.name) for file in list_files(str(folder))], store)
    schema = find_schema.fn(store, source, options, None)
    columns = ReadColumns.of(options)
    parts = tuple(read.fn(store, part, schema.read, columns) for part in source.parts(part_bytes))
    loaded = combine.fn(store, source, schema, parts, options.label, options.id, options.classes)
    return store, loaded


def load_whole(folder, options):
    """Read a dataset at once, as for training on its feature."""
    return read_dataset(list_files(str(folder)), options.model_copy(update={"features": (FEATURE,)}))


def without_feature(metrics):
    """Return the tables of a dataset as if its feature had not been read."""
    columns = metrics["columns"].set_index("name", drop=False)
    columns.loc[FEATURE, ["role", "kind"]] = ["unused", ""]
    columns.loc[FEATURE, ["min_value", "max_value", "leak_accuracy"]] = np.nan
    columns.loc[FEATURE, ["null_count", "null_share"]] = np.nan  # footers do not count NaN
    return {
        "input": metrics["input"].assign(n_features=0, duplicate_rows=pd.array([None], "Int64")),
        "columns": columns.reset_index(drop=True),
        "classes": metrics["classes"],
    }


def outcome(function, *arguments):
    """Return what a function returns, or what it complains about."""
    try:
        return function(*arguments), None
    except InputError as error:
        return None, str(error)


def assert_same(store, loaded, dataset):
    """Compare everything that is said of a dataset."""
    labels = np.concatenate([open_array(store, part.labels) for part in loaded.parts])
    rows = [open_arrow(store, part.rows) for part in loaded.parts]
    first_files = np.cumsum([0, *(part.n_files for part in loaded.parts)])
    file_index = [table["file_index"].to_numpy() + n for table, n in zip(rows, first_files, strict=False)]
    table = pa.concat_tables(rows)

    assert tuple(read_names(store, loaded.classes)) == dataset.class_names
    assert np.array_equal(np.maximum(labels, NO_LABEL), dataset.labels)
    assert np.array_equal(labels == UNKNOWN_CLASS, dataset.unknown_labels)
    assert table["example_id"].to_pylist() == dataset.example_ids.to_pylist()
    assert np.array_equal(table["occurrence"], dataset.occurrence)
    assert np.array_equal(np.concatenate(file_index), dataset.file_index)
    assert np.array_equal(table["row_number"], dataset.row_number)
    for name in dataset.display.column_names:
        assert table[f"display.{name}"].type == dataset.display[name].type
        assert table[f"display.{name}"].to_pylist() == dataset.display[name].to_pylist()
    for name, frame in without_feature(dataset.metrics).items():
        assert loaded.metrics[name] == put_frame(store, TABLES[name], frame)
    of_training = (f"`{FEATURE}`", "them is a group")
    assert loaded.warnings == tuple(
        text for text in dataset.warnings if not any(words in text for words in of_training)
    )
    assert (loaded.n_rows, loaded.n_labelled) == (len(dataset.labels), (dataset.labels >= 0).sum())


LABELS = {
    "text": (pa.string(), st.sampled_from(["b", "a", "A ", "é", "no"])),
    "category": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["10", "9", "x"])),
    "small integer": (pa.int8(), st.integers(-3, 12)),
    "integer": (pa.int64(), st.integers(-3, 12)),
    "float": (pa.float64(), st.sampled_from([3.0, 10.0, -0.0, 0.0, float("nan"), 2.5])),
    "boolean": (pa.bool_(), st.booleans()),
    "decimal": (pa.decimal128(5, 1), st.sampled_from([Decimal("1.0"), Decimal("12.0"), Decimal("2.0")])),
}
MIXES = [
    ["text", "category"],
    ["small integer", "integer"],
    ["small integer", "float"],
    ["decimal"],
    ["boolean"],
]


@st.composite
def datasets(draw):
    """Return the tables of some files, each with its folder."""
    kinds = draw(st.sampled_from(MIXES))
    files = []
    for number in range(draw(st.integers(1, 4))):
        n_rows = draw(st.integers(0, 6))
        kind, values = LABELS[draw(st.sampled_from(kinds))]
        ids = [f"{number}-{row}" for row in range(n_rows)]
        if n_rows and draw(st.integers(0, 9)) == 0:
            ids[-1] = draw(st.sampled_from([None, "0-0", "1-1"]))
        label = draw(st.lists(st.none() | values, min_size=n_rows, max_size=n_rows))
        shown = draw(st.lists(st.none() | st.integers(0, 99), min_size=n_rows, max_size=n_rows))
        when = draw(st.sampled_from([pa.timestamp("ms"), pa.timestamp("us")]))
        table = pa.table(
            {
                "k": pa.array(ids, pa.string()),
                "y": pa.array(label, kind),
                "s": pa.array(shown, draw(st.sampled_from([pa.int16(), pa.float32()]))),
                "t": pa.array([dt.datetime(2024, 1, 1)] * n_rows, when),
                "unused": pa.array([None] * n_rows, pa.int32()),
                FEATURE: pa.array([(row * row * 7919 + number) % 101 / 8 for row in range(n_rows)]),
            }
        )
        files.append((f"site={draw(st.sampled_from(['1', '02', 'x']))}/{number}.parquet", table))
    return files


@given(
    files=datasets(),
    classes=st.none() | st.sampled_from([("a", "b", "x"), ("3", "10", "0"), ("true", "false", "maybe")]),
    part_bytes=st.sampled_from([1, 3000, ONE_PART]),
)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parts_tell_what_the_whole_tells(tmp_path_factory, files, classes, part_bytes):
    """Labels, identity, display columns, metrics, warnings and errors do not depend on parts."""
    folder = tmp_path_factory.mktemp("data")
    for name, table in files:
        (folder / name).parent.mkdir(exist_ok=True)
        pq.write_table(table, folder / name)
    options = InputOptions(
        label="y", id="k", group="s", time="t", display=("s", "site", "k"), slices=("t",), classes=classes
    )

    dataset, refused = outcome(load_whole, folder, options)
    found, also_refused = outcome(load_parts, folder, tmp_path_factory.mktemp("root"), options, part_bytes)

    assert also_refused == refused
    if dataset is not None:
        assert_same(*found, dataset)


def test_sign_of_zero_does_not_depend_on_parts(tmp_path):
    """Of -0.0 in one file and 0.0 in another the range of the column is told the same way."""
    pq.write_table(
        pa.table({"k": ["a", "b"], "y": [-0.0, -0.0], FEATURE: [1.5, 2.5]}), tmp_path / "0.parquet"
    )
    pq.write_table(pa.table({"k": ["c", "d"], "y": [0.0, 1.0], FEATURE: [3.5, 4.5]}), tmp_path / "1.parquet")
    options = InputOptions(label="y", id="k")

    dataset, _ = outcome(load_whole, tmp_path, options)
    found, _ = outcome(load_parts, tmp_path, tmp_path / "root", options, 1)

    assert_same(*found, dataset)
    assert str(dataset.metrics["columns"].set_index("name").loc["y", "min_value"]) == "0.0"


def test_ids_must_be_named(tmp_path):
    """Without features rows are known by their id alone."""
    pq.write_table(pa.table({"y": ["a", "b"]}), tmp_path / "data.parquet")

    with pytest.raises(InputError, match="`id` must name a column when features are not read"):
        load_parts(tmp_path, tmp_path / "root", InputOptions(label="y"))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            [["a", "b"], ["c", "a"], ["a", "d"]],
            r"unique ids; got 'a' again at row 1 of '1.parquet' \(2 of 6 rows\)",
        ),
        ([["a", None], ["c", None]], r"an id in every row; got null at row 1 of '0.parquet' \(2 of 4 rows\)"),
        ([["a", "b", "b", "b"]], r"unique ids; got 'b' again at row 2 \(2 of 4 rows\)"),
    ],
)
def test_ids_are_unique_across_parts(tmp_path, monkeypatch, ids, message):
    """The first repeated row is named, all are counted, in however many ranges of hashes they are found."""
    for number, values in enumerate(ids):
        table = pa.table({"k": values, "y": ["a", "b"] * (len(values) // 2)})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    for at_once in (1, 2, 100):
        monkeypatch.setattr("labelhealth.tasks._unique_ids.HASHES_AT_ONCE", at_once)

        with pytest.raises(InputError, match=message):
            load_parts(tmp_path, tmp_path / "root", InputOptions(label="y", id="k"))


def test_equal_hashes_of_different_ids_are_no_repeat(tmp_path, monkeypatch):
    """Strings decide, not hashes."""
    for number in range(2):
        table = pa.table({"k": [f"{number}a", f"{number}b"], "y": ["a", "b"]})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    for module in ("read_part", "_unique_ids"):
        monkeypatch.setattr(
            f"labelhealth.tasks.{module}.hash_texts", lambda texts: np.zeros(len(texts.lengths), np.uint64)
        )

    _, loaded = load_parts(tmp_path, tmp_path / "root", InputOptions(label="y", id="k"))

    assert loaded.n_rows == 4
