"""Reading: every accepted input becomes one clean dataset, every other is refused in one sentence."""

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
from labelhealth.configs.tables import CLASSES, COLUMNS, INPUT
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.reading import list_files, read_dataset

N = 12
LABELS = ["cat", "dog", "eel"] * 4


def table(**columns):
    """Return a small table with labels `y` and a feature `x`, changed by `columns`; None drops one."""
    parts = {"y": LABELS, "x": [i / 4 for i in range(N)], **columns}
    return pa.table({name: values for name, values in parts.items() if values is not None})


def write(path, data):
    """Write a table and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(data, path)
    return path


def read(path, **options):
    """Read a dataset whose labels stand in `y`."""
    return read_dataset(list_files(str(path)), InputOptions(**{"label": "y", **options}))


def read_table(tmp_path, data, **options):
    """Write and read a table."""
    return read(write(tmp_path / "data.parquet", data), **options)


# labels


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (pa.array(["b", "a", None, "é"]), ("a", "b", "é")),
        (pa.array(["b", "a", None, "é"], pa.large_string()), ("a", "b", "é")),
        (pa.array(["b", "a", None, "é"]).dictionary_encode(), ("a", "b", "é")),
        (pa.array([10, 9, None, -1], pa.int8()), ("-1", "9", "10")),
        (pa.array([10, 9, None, 2**64 - 1], pa.uint64()), ("9", "10", "18446744073709551615")),
        (pa.array([10, 9, None, 2]).dictionary_encode(), ("2", "9", "10")),
        (pa.array([True, False, None, True]), ("false", "true")),
        (pa.array([10.0, 9.0, float("nan"), -0.0]), ("0", "9", "10")),
        (pa.array([10, 9, None, 2], pa.float32()), ("2", "9", "10")),
        (pa.array([Decimal("1.0"), Decimal("2.0"), None, Decimal("10.0")]), ("1", "2", "10")),
    ],
)
def test_labels_of_any_storage_type_become_sorted_classes(tmp_path, values, names):
    """Numbers sort by value, booleans false first, strings by code point; null and NaN are no label."""
    dataset = read_table(tmp_path, pa.table({"y": values, "x": [1.0, 2.0, 3.0, 4.0]}))
    given = [None if code < 0 else dataset.class_names[code] for code in dataset.labels]
    plain = pd.Series(values.to_pylist(), dtype=object).map(
        lambda v: v if isinstance(v, str | bool) or pd.isna(v) else str(int(v))
    )

    assert dataset.class_names == names
    assert given == [None if pd.isna(v) else str(v).lower() for v in plain]
    assert dataset.labels.dtype == np.int32
    assert dataset.metrics["input"]["null_labels"].item() == 1


def test_unused_categories_are_no_classes(tmp_path):
    """A pandas category that no row has does not count."""
    labels = pd.Categorical(LABELS, categories=["zebra", "eel", "dog", "cat"])

    assert read_table(tmp_path, table(y=pa.array(labels))).class_names == ("cat", "dog", "eel")


def test_configured_classes_give_order_and_absent_classes(tmp_path):
    """Classes that no row has are kept, with zero examples."""
    dataset = read_table(tmp_path, table(), classes=["eel", "newt", "dog", "cat"])

    assert dataset.class_names == ("eel", "newt", "dog", "cat")
    assert dataset.metrics["classes"]["num_examples"].tolist() == [4, 0, 4, 4]
    assert dataset.metrics["input"]["smallest_class_count"].item() == 0


def test_labels_outside_the_configured_classes_are_counted_and_named(tmp_path):
    """They are not audited, and the input checkpoint can see them."""
    dataset = read_table(tmp_path, table(), classes=["dog", "cat"])
    row = dataset.metrics["input"].iloc[0]

    assert (row["unknown_labels"], row["null_labels"], row["labelled_rows"]) == (4, 0, 12)
    assert dataset.unknown_labels.tolist() == [label == "eel" for label in LABELS]
    assert (dataset.labels[dataset.unknown_labels] == -1).all()
    assert "`y` holds labels outside `classes`: 'eel' (4 rows, not audited)." in dataset.warnings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            pa.array([1.5, 2.0, 1.5, 2.0]),
            r"`y` must hold classes, so whole numbers; got 1.5 at row 0 \(2 of 4 rows\)",
        ),
        (pa.array([1.0, 2.0, float("inf"), 2.0]), r"whole numbers; got inf at row 2 \(1 of 4 rows\)"),
        (pa.array([Decimal("1.5"), Decimal("2.0"), None, None]), r"whole numbers; got 1.5 at row 0"),
        (pa.array(["a", "a", None, "a"]), r"labels must hold at least two classes in `y`; got only 'a'"),
        (pa.nulls(4), r"`y` must hold labels .*; got no value in any row"),
        (pa.nulls(4, pa.string()), r"at least two classes in `y`; got no label in any row"),
        (pa.array([b"a", b"b", b"a", b"b"]), r"`y` must hold labels .*; got type binary. Hint: decode"),
        (pa.array([["a"], ["b"], ["a"], ["b"]]), r"got type list.*Hint: give each row one class"),
        (pa.array([[1, 2], [1], [2], [3]]), r"got type list.*choose task multi_label for lists of classes"),
        (pa.array([dt.date(2024, 1, 1)] * 4), r"got type date32.*Hint: make classes of it first"),
        (pa.array([dt.timedelta(1)] * 4), r"got type duration"),
        (pa.array([{"a": 1}] * 4), r"got type struct"),
    ],
)
def test_labels_that_are_no_classes_are_refused(tmp_path, values, message):
    """The message says what was found and what to do."""
    with pytest.raises(InputError, match=message):
        read_table(tmp_path, pa.table({"y": values, "x": [1.0, 2.0, 3.0, 4.0]}))


def test_classes_that_no_label_has_are_refused_with_a_hint(tmp_path):
    """YAML's `no` and `yes` are booleans unless quoted."""
    with pytest.raises(
        InputError, match=r"at least two classes in `y`; got 'no', 'yes', of which 0 .*quote names"
    ):
        read_table(tmp_path, table(y=["no", "yes"] * 6), classes=[False, True])


def test_classes_that_differ_in_case_or_blanks_are_pointed_out(tmp_path):
    """They stay two classes, but a person is told."""
    dataset = read_table(tmp_path, table(y=["cat", "Cat ", "dog"] * 4))

    assert "`y` holds classes that differ in case or blanks only: 'Cat ', 'cat'." in dataset.warnings


def test_long_and_foreign_class_names_are_kept(tmp_path):
    """A name is a name, whatever its length and script."""
    names = ("z" * 10_000, "Жук", "犬")
    dataset = read_table(tmp_path, table(y=list(names) * 4))

    assert dataset.class_names == names


# identity


def test_id_column_is_the_identity(tmp_path):
    """Ids become strings; each row is the only one of its id."""
    dataset = read_table(tmp_path, table(k=list(range(100, 100 + N))), id="k")

    assert dataset.example_ids.to_pylist() == [str(i) for i in range(100, 100 + N)]
    assert dataset.occurrence.tolist() == [0] * N
    assert "k" not in dataset.features.column_names


@pytest.mark.parametrize(
    "dtype", [pa.int32(), pa.uint64(), pa.float64(), pa.string(), pa.large_string(), pa.decimal128(9, 0)]
)
def test_ids_do_not_depend_on_their_type(tmp_path, dtype):
    """The same ids in another type are the same identities."""
    ids = pa.array([str(i) for i in range(N)]).cast(dtype)

    assert read_table(tmp_path, table(k=ids), id="k").example_ids.to_pylist() == [str(i) for i in range(N)]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([None, *range(N - 1)], r"`k` must hold an id in every row; got null at row 0 \(1 of 12 rows\)"),
        ([0, *range(N - 1)], r"`k` must hold unique ids; got '0' again at row 1 \(1 of 12 rows\)"),
        ([i + 0.5 for i in range(N)], r"`k` must hold whole numbers to be an id"),
        ([[i] for i in range(N)], r"`k` must hold strings or integers to be an id; got type list"),
        ([float("nan"), *map(float, range(N - 1))], r"`k` must hold an id in every row; got null at row 0"),
    ],
)
def test_ids_that_identify_nothing_are_refused(tmp_path, ids, message):
    """Null and repeated ids cannot be matched across versions."""
    with pytest.raises(InputError, match=message):
        read_table(tmp_path, table(k=ids), id="k")


def test_without_id_equal_features_are_one_identity(tmp_path):
    """Rows of equal features share an id and a fold, numbered by label, then by row."""
    dataset = read_table(
        tmp_path, pa.table({"y": ["b", "a", "a", "b"], "x": [1, 1, 2, 1], "z": ["p", "p", "p", "p"]})
    )
    ids = dataset.example_ids.to_pylist()

    assert [len(i) for i in ids] == [32] * 4
    assert ids[0] == ids[1] == ids[3] != ids[2]
    assert dataset.occurrence.tolist() == [1, 0, 0, 2]
    assert len(set(dataset.fold_keys.tolist())) == 2
    assert dataset.metrics["input"]["duplicate_rows"].item() == 2


def test_content_hash_never_changes(tmp_path):
    """Stored audits are matched by it."""
    data = pa.table({"y": ["a", "b"], "n": [1, 2], "s": ["x", None], "v": pa.array([[1.0, 0.5], [0.0, 2.0]])})
    expected = ["ae18de5fe68e3bfdecd691d2077264fd", "43db6466b04fba8f64e68aafcd53d4a6"]

    assert read_table(tmp_path, data).example_ids.to_pylist() == expected


ENCODINGS = [
    lambda t: t,
    lambda t: t.set_column(1, "n", t["n"].cast(pa.int32())),
    lambda t: t.set_column(1, "n", t["n"].cast(pa.float64())),
    lambda t: t.set_column(1, "n", t["n"].cast(pa.decimal128(25, 2))),
    lambda t: t.set_column(2, "s", t["s"].dictionary_encode()),
    lambda t: t.set_column(2, "s", t["s"].cast(pa.large_string())),
    lambda t: t.set_column(3, "t", t["t"].cast(pa.timestamp("ns"))),
    lambda t: t.select(["t", "s", "n", "y"]),
    lambda t: t.append_column("empty", pa.nulls(len(t), pa.float64())),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_identity_survives_reencoding_and_reordering(tmp_path, data):
    """Types, dictionaries, column order, empty columns, row order and row groups change no hash."""
    n_rows = data.draw(st.integers(4, 25))
    columns = {
        "y": st.sampled_from(["a", "b"]),
        "n": st.none() | st.integers(0, 5),
        "s": st.none() | st.sampled_from(["", "x", "Ж"]),
        "t": st.none()
        | st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1)).map(
            lambda t: t.replace(microsecond=0)
        ),
    }
    drawn = {
        name: data.draw(st.lists(values, min_size=n_rows, max_size=n_rows))
        for name, values in columns.items()
    }
    drawn["y"][:2], drawn["n"][:2] = ["a", "b"], [0, 1]
    types = {"y": pa.string(), "n": pa.int64(), "s": pa.string(), "t": pa.timestamp("s")}
    base = pa.table({name: pa.array(values, types[name]) for name, values in drawn.items()})
    order = data.draw(st.permutations(range(n_rows)))
    other = data.draw(st.sampled_from(ENCODINGS))(base.take(pa.array(order)))
    pq.write_table(other, tmp_path / "other.parquet", row_group_size=data.draw(st.integers(1, 30)))
    one, two = read_table(tmp_path, base), read(tmp_path / "other.parquet")

    ids = one.example_ids.to_pylist()
    assert two.example_ids.to_pylist() == [ids[row] for row in order]
    assert np.array_equal(two.fold_keys, one.fold_keys[np.array(order)])
    assert sorted(zip(ids, one.occurrence, one.labels, strict=True)) == sorted(
        zip(two.example_ids.to_pylist(), two.occurrence, two.labels, strict=True)
    )


def test_columns_that_are_no_features_do_not_change_identity(tmp_path):
    """Display, slice, excluded and unusable columns may come and go."""
    plain = read_table(tmp_path, table())
    more = table(d=["shown"] * N, e=list(range(N)), b=[b"raw"] * N)
    other = read_table(tmp_path, more, display=["d"], exclude=["e"])

    assert other.example_ids.equals(plain.example_ids)


def test_groups_stay_in_one_fold(tmp_path):
    """Fold keys are those of the group; a row without one stands alone."""
    groups = ["p", "q", None, None] * 3
    dataset = read_table(tmp_path, table(g=groups), group="g")
    by_group = pd.Series(dataset.fold_keys).groupby(pd.Series(groups)).nunique()

    assert by_group.tolist() == [1, 1]
    assert len(set(dataset.fold_keys.tolist())) == 2 + 6
    assert any("`g` is missing in 6 of 12 rows" in warning for warning in dataset.warnings)


# features


def test_features_get_canonical_types(tmp_path):
    """One type per kind, whatever the file holds."""
    stamps = pa.array([dt.datetime(2024, 1, 1, h) for h in range(N)])
    values = {
        "i": pa.array(range(N), pa.int16()),
        "f": pa.array([None, *range(1, N)], pa.float32()),
        "h": pa.array(np.arange(N, dtype=np.float16)),
        "m": pa.array([Decimal(i) / 2 for i in range(N)]),
        "b": pa.array([None, *[True, False] * 5, True]),
        "c": pa.array(["u", None, "v"] * 4).dictionary_encode(),
        "t": pa.array([f"text {i}" for i in range(N)], pa.large_string()),
        "d": pa.array([dt.date(2024, 1, 1 + i) for i in range(N)]),
        "s": stamps.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("ns", "Europe/Vienna")),
        "k": pa.array([dt.time(i) for i in range(N)]),
        "e": pa.array([None, *[[1.0, 2.0]] * (N - 1)], pa.list_(pa.float64())),
        "g": pa.array([[i, i] for i in range(N)], pa.list_(pa.uint8(), 2)),
    }
    dataset = read_table(tmp_path, table(**values), max_categories=5)
    types = {field.name: str(field.type) for field in dataset.features.schema}

    assert types == {
        "b": "bool",
        "c": "string",
        "d": "timestamp[us]",
        "e": "fixed_size_list<item: double>[2]",
        "f": "float",
        "g": "fixed_size_list<item: float>[2]",
        "h": "float",
        "i": "double",
        "k": "timestamp[us]",
        "m": "double",
        "s": "timestamp[us]",
        "t": "string",
        "x": "double",
    }
    assert dataset.feature_kinds["c"] == "categorical"
    assert dataset.feature_kinds["t"] == "text"
    assert dataset.features["s"].to_pylist() == stamps.to_pylist()
    assert dataset.features["f"].null_count == 0
    assert np.isnan(dataset.features["f"][0].as_py())
    assert dataset.features["b"][0].as_py() is None
    assert dataset.features["e"][0].as_py() is None
    assert dataset.features["e"][1].as_py() == [1.0, 2.0]


def test_feature_order_does_not_depend_on_the_file(tmp_path):
    """Features are sorted by name."""
    assert read_table(tmp_path, table(a=list(range(N)))).features.column_names == ["a", "x"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([7, 8, None] * 4), "categorical", ["7", "8", None]),
        (pa.array([7.0, 8.5, None] * 4), "categorical", ["7", "8.5", None]),
        (pa.array([0, 1, None] * 4), "boolean", [False, True, None]),
        (pa.array([True, False, None] * 4), "categorical", ["true", "false", None]),
        (pa.array([True, False, True] * 4), "numeric", [1.0, 0.0, 1.0]),
        (pa.array(["1", " 2.5 ", "-3"] * 4), "numeric", [1.0, 2.5, -3.0]),
        (pa.array(["u", "v", None] * 4), "text", ["u", "v", None]),
    ],
)
def test_configured_kinds_are_obeyed(tmp_path, values, kind, expected):
    """A kind that the type allows replaces the inferred one and changes no identity."""
    plain = read_table(tmp_path, table(f=values))
    dataset = read_table(tmp_path, table(f=values), kinds={"f": kind})

    assert dataset.feature_kinds["f"] == kind
    assert dataset.features["f"].to_pylist()[:3] == expected
    assert dataset.example_ids.equals(plain.example_ids)


def test_names_with_dots_and_extension_types_are_read(tmp_path):
    """A dot is no path into a struct, and an extension is what it stores."""
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(float(N * 4)).reshape(N, 2, 2))
    keys = pa.array([bytes([i] * 16) for i in range(N)], pa.uuid())
    values = {"a": range(N), "a.b": range(1, N + 1), "t": tensors, "k": keys}
    dataset = read_table(tmp_path, table(**values), id="k")

    assert dataset.features["a"][0].as_py() == 0
    assert dataset.features["a.b"][0].as_py() == 1
    assert dataset.features["t"][1].as_py() == [4.0, 5.0, 6.0, 7.0]
    assert dataset.example_ids[1].as_py() == "01" * 16


def test_label_may_be_a_folder_name(tmp_path):
    """Classes in folders, with an empty file among them."""
    for label in ("ant", "bee"):
        write(tmp_path / "d" / f"y={label}" / "p.parquet", pa.table({"x": [0.5, 1.0, 2.0]}))
    write(tmp_path / "d" / "y=bee" / "q.parquet", pa.table({"x": pa.array([], pa.float64())}))

    assert read(tmp_path / "d").labels.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("kept", [0, 1])
def test_files_beyond_the_open_ones_are_read_as_well(tmp_path, monkeypatch, kept):
    """Not every file of a dataset is kept open."""
    monkeypatch.setattr("labelhealth.tasks._files.MAX_OPEN_FILES", kept)
    write(tmp_path / "d" / "1.parquet", table())
    write(tmp_path / "d" / "2.parquet", table())

    assert read(tmp_path / "d").features["x"].to_pylist() == table()["x"].to_pylist() * 2


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([0, 1, 2] * 4, "boolean", r"`f` must hold 0 and 1 to be boolean; got 2 at row 2 \(4 of 12 rows\)"),
        (["1", "b"] * 6, "numeric", r"`f` must hold numbers to be numeric; .*'b'"),
        ([1, 2] * 6, "embedding", r"`f` can be numeric or categorical or boolean; got 'embedding'"),
        ([dt.date(2024, 1, 1)] * 12, "text", r"`f` can be datetime; got 'text'"),
    ],
)
def test_kinds_that_do_not_fit_are_refused(tmp_path, values, kind, message):
    """Nothing is converted in silence."""
    with pytest.raises(InputError, match=message):
        read_table(tmp_path, table(f=values), kinds={"f": kind})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [0.0, float("inf")] * 6,
            r"`f` must hold finite numbers or none; got infinity at row 1 \(6 of 12 rows\)",
        ),
        (
            [[1.0, -float("inf")]] * 12,
            r"`f` must hold finite numbers or none; got infinity at row 0 \(12 of 12",
        ),
        (
            [[1.0, 2.0], [1.0]] * 6,
            r"`f` must hold vectors of one length; got 1 numbers at row 1, 2 before \(6 of 12",
        ),
        (
            pa.array([[]] * 12, pa.list_(pa.float64())),
            r"`f` must hold vectors of one length; got 0 numbers at row 0",
        ),
    ],
)
def test_feature_values_that_no_model_takes_are_refused(tmp_path, values, message):
    """Missing is data, infinity and ragged vectors are not."""
    with pytest.raises(InputError, match=message):
        read_table(tmp_path, table(f=pa.array(values)))


def test_columns_that_cannot_be_features_are_left_out(tmp_path):
    """Unusable, constant and empty columns stay unused, each with a sentence."""
    values = {
        "raw": [b"1"] * N,
        "same": [5] * N,
        "void": pa.nulls(N),
        "words": [["a"]] * N,
        "gap": [None, 5] * 6,
    }
    dataset = read_table(tmp_path, table(**values))
    roles = dataset.metrics["columns"].set_index("name")["role"]

    assert dataset.features.column_names == ["gap", "x"]
    assert roles[["raw", "same", "void", "words"]].tolist() == ["unused"] * 4
    for name in ("raw", "same", "void", "words"):
        assert any(f"`{name}` is not used" in warning for warning in dataset.warnings)


def test_listed_feature_that_cannot_be_one_is_refused(tmp_path):
    """What was asked for is not dropped with a warning."""
    with pytest.raises(
        InputError, match=r"`features` must name columns of numbers.*; got 'raw' of type binary"
    ):
        read_table(tmp_path, table(raw=[b"1"] * N), features=["raw", "x"])


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"x": None}, {}, "must hold a feature besides .*; got none among 'y'"),
        ({}, {"exclude": ["x"]}, "must hold a feature besides"),
        ({"x": [1] * N}, {}, "features must differ between rows; got only constant"),
    ],
)
def test_dataset_without_features_is_refused(tmp_path, columns, options, message):
    """There must be something to learn from."""
    with pytest.raises(InputError, match=message):
        read_table(tmp_path, table(**columns), **options)


def test_column_with_a_role_is_a_feature_only_when_listed(tmp_path):
    """A slice is no feature unless the config says so."""
    data = table(s=["u", "v"] * 6)

    assert read_table(tmp_path, data, slices=["s"]).features.column_names == ["x"]
    assert read_table(tmp_path, data, slices=["s"], features=["s"]).features.column_names == ["s"]


def test_leaks_are_named(tmp_path):
    """A copy and a code of the label are reported, an ordinary feature is not."""
    n = 300
    labels = [f"class {i % 3}" for i in range(n)]
    values = {"y": labels, "copy": labels, "code": [i % 3 * 10 for i in range(n)], "x": np.arange(n) % 7}
    dataset = read_table(tmp_path, pa.table(values))
    accuracy = dataset.metrics["columns"].set_index("name")["leak_accuracy"]

    assert dataset.leaks == ("code", "copy")
    assert accuracy["copy"] == 1.0
    assert accuracy["x"] < 0.6
    assert sum("a leak?" in warning for warning in dataset.warnings) == 2


def test_row_number_among_the_features_is_pointed_out(tmp_path):
    """A forgotten id column makes every row unique."""
    n = 40
    dataset = read_table(
        tmp_path, pa.table({"y": ["a", "b"] * 20, "n": range(5, n + 5), "x": [0.5, 1.0] * 20})
    )

    assert any("`n` looks like a row number" in warning for warning in dataset.warnings)


# other roles


def test_times_are_nanoseconds(tmp_path):
    """Any unit and zone; missing times are marked."""
    stamps = pa.array([None, dt.datetime(1970, 1, 2)] * 6, pa.timestamp("s"))
    dataset = read_table(tmp_path, table(t=stamps), time="t")

    assert dataset.times[:2].tolist() == [np.iinfo(np.int64).min, 86_400 * 10**9]
    assert dataset.has_time[:2].tolist() == [False, True]
    assert "t" not in dataset.features.column_names


def test_integers_and_dates_are_times(tmp_path):
    """Integers keep their values, dates are midnight in UTC."""
    years = read_table(tmp_path, table(t=pa.array(range(2000, 2000 + N), pa.int16())), time="t")
    dates = read_table(tmp_path, table(t=[dt.date(1970, 1, 2)] * N), time="t")

    assert years.times[0] == 2000
    assert dates.times[0] == 86_400 * 10**9


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["2024-01-01"] * N, "`t` must hold timestamps, dates or integers to be the time; got type string"),
        (
            pa.array([dt.datetime(9999, 1, 1)] * N, pa.timestamp("s")),
            "`t` must hold times that int64 can count",
        ),
    ],
)
def test_times_that_cannot_be_ordered_are_refused(tmp_path, values, message):
    """Strings are not parsed by guesswork, and no instant wraps around."""
    with pytest.raises(InputError, match=message):
        read_table(tmp_path, table(t=values), time="t")


def test_display_columns_are_kept_as_they_are(tmp_path):
    """Display and slice columns stand beside the rows, dictionaries decoded."""
    data = table(d=pa.array(["p", "q"] * 6).dictionary_encode(), s=[[1, 2]] * N)
    dataset = read_table(tmp_path, data, display=["d"], slices=["s"])

    assert dataset.display.to_pydict() == {"d": ["p", "q"] * 6, "s": [[1, 2]] * N}


# metrics


def test_metrics_have_the_documented_columns(tmp_path):
    """Names, order and types are those of the schemas."""
    metrics = read_table(tmp_path, table(z=["u", None] * 6)).metrics
    text = str(pd.Series(["a"]).dtype)  # str from pandas 3 on, object before
    dtypes = {"int64": "int64", "double": "float64", "string": text}

    for schema in (INPUT, COLUMNS, CLASSES):
        frame = metrics[schema.name]
        assert tuple(frame.columns) == schema.column_names
        assert [str(dtype) for dtype in frame.dtypes] == [dtypes[column.type] for column in schema.columns]


def test_columns_table_describes_every_column(tmp_path):
    """Counts, ranges, roles and kinds, also of columns that are not used."""
    values = {"x": [float("nan"), None, *range(10)], "e": [None, 3] * 6, "k": range(N), "c": ["u", "v"] * 6}
    frame = read_table(tmp_path, table(**values), id="k", exclude=["e"]).metrics["columns"].set_index("name")

    assert frame.loc["x", ["role", "kind", "null_count", "min_value", "max_value"]].tolist() == [
        "feature",
        "numeric",
        2,
        0,
        9,
    ]
    assert frame.loc["k", ["role", "kind", "null_count", "max_value"]].tolist() == ["id", "", 0, 11]
    assert frame.loc["e", ["role", "null_count", "null_share"]].tolist() == ["unused", 6, 0.5]
    assert frame.loc["y", "role"] == "label"
    assert np.isnan(frame.loc["c", "min_value"])


# files


def test_all_files_of_a_directory_are_one_dataset(tmp_path):
    """Sorted by name, hidden names passed over, rows traceable to their files."""
    data = table()
    write(tmp_path / "d" / "b.parquet", data.slice(5))
    write(tmp_path / "d" / "a" / "one.parquet", data.slice(0, 5))
    write(tmp_path / "d" / "_old" / "c.parquet", data)
    write(tmp_path / "d" / ".hidden.parquet", data)
    (tmp_path / "d" / "README.md").write_text("no data")
    files = list_files(str(tmp_path / "d"))
    dataset = read(tmp_path / "d")

    assert [file.name for file in files] == ["a/one.parquet", "b.parquet"]
    assert dataset.features["x"].to_pylist() == data["x"].to_pylist()
    assert dataset.file_index.tolist() == [0] * 5 + [1] * 7
    assert dataset.row_number.tolist() == [*range(5), *range(7)]
    assert dataset.example_ids.equals(read_table(tmp_path, data).example_ids)


def test_parquet_without_the_suffix_is_found(tmp_path):
    """No file of the dataset is lost in silence."""
    write(tmp_path / "d" / "part-0", table())

    assert [file.name for file in list_files(str(tmp_path / "d"))] == ["part-0"]


def test_partition_folders_are_columns(tmp_path):
    """`key=value` folders count as columns: integers when all values are, null where Hive says so."""
    for site, year in (("Graz%20Ost", "2023"), ("__HIVE_DEFAULT_PARTITION__", "2024")):
        write(tmp_path / "d" / f"site={site}" / f"year={year}" / "p.parquet", table())
    dataset = read(tmp_path / "d", display=["site"])

    assert dataset.display["site"].to_pylist() == [*["Graz Ost"] * N, *[None] * N]
    assert dataset.feature_kinds == {"x": "numeric", "year": "numeric"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(range(N), pa.int32()), pa.array(range(N), pa.int64())),
        (pa.array(range(N), pa.int64()), pa.array(range(N), pa.float64())),
        (pa.array(range(N), pa.uint8()), pa.array(range(N), pa.uint64())),
        (pa.array(range(N), pa.float32()), pa.array(range(N), pa.float64())),
        (pa.array(["u", "v"] * 6), pa.array(["u", "v"] * 6).dictionary_encode()),
        (pa.array(["u", "v"] * 6), pa.array(["u", "v"] * 6, pa.large_string())),
        (pa.array(range(N)), pa.nulls(N)),
        (pa.nulls(N), pa.array(["u", "v"] * 6)),
        (pa.array([[1.0]] * N), pa.array([[1.0]] * N, pa.list_(pa.float32(), 1))),
        (
            pa.array([dt.datetime(2024, 1, 1)] * N, pa.timestamp("s")),
            pa.array([dt.datetime(2024, 1, 1)] * N, pa.timestamp("ns")),
        ),
        (pa.array([Decimal("1.5")] * N), pa.array([Decimal("1.50")] * N)),
    ],
)
def test_types_that_hold_the_same_values_meet(tmp_path, one, other):
    """Files may differ in width, dictionary and null type; identity does not see it."""
    write(tmp_path / "d" / "1.parquet", table(f=one))
    write(tmp_path / "d" / "2.parquet", table(f=other))
    dataset = read(tmp_path / "d")
    ids = dataset.example_ids.to_pylist()

    if pa.types.is_null(one.type) or pa.types.is_null(other.type):
        assert not set(ids[:N]) & set(ids[N:])
    else:
        assert ids[:N] == ids[N:]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (
            list(range(N)),
            ["u", "v"] * 6,
            r"`f` must have one type in all files; got string in '2.parquet' after int64 in '1",
        ),
        ([True, False] * 6, [1, 0] * 6, r"`f` must have one type in all files"),
        (
            [2**60 + i for i in range(N)],
            [0.5] * N,
            r"`f` must fit double, the type of all files together; got .*1.parquet",
        ),
        (list(range(N)), None, r"'f' must be a column of all files; got none in '2.parquet'"),
    ],
)
def test_types_that_do_not_meet_are_refused(tmp_path, one, other, message):
    """The message names file and column."""
    write(tmp_path / "d" / "1.parquet", table(f=one))
    write(tmp_path / "d" / "2.parquet", table(f=other))
    with pytest.raises(InputError, match=message):
        read(tmp_path / "d")


def test_columns_not_in_use_may_differ_between_files(tmp_path):
    """A column that only some files have does no harm when it is excluded."""
    write(tmp_path / "d" / "1.parquet", table(f=list(range(N))))
    write(tmp_path / "d" / "2.parquet", table())

    assert read(tmp_path / "d", exclude=["f"]).features.column_names == ["x"]


def test_errors_name_the_file_when_there_are_several(tmp_path):
    """Row numbers count within the file."""
    write(tmp_path / "d" / "1.parquet", table())
    write(tmp_path / "d" / "2.parquet", table(x=[*range(N - 1), float("inf")]))
    with pytest.raises(InputError, match=r"infinity at row 11 of '2.parquet' \(1 of 24 rows\)"):
        read(tmp_path / "d")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", r"'data.parquet' must be a Parquet file; got an empty file \(0 bytes\)"),
        (lambda content: content[: len(content) // 2], r"must be a Parquet file; got a truncated one"),
        (lambda content: b"PAR1", r"must be a Parquet file; got a truncated one \(4 bytes\)"),
        (
            lambda content: b"a,b\n1,2\n3,4\n",
            r"must be a Parquet file; got a file that begins with b'a,b\\n'",
        ),
        (lambda content: b"PARE" + content[4:], r"must be a Parquet file; got an encrypted one"),
        (lambda content: content[:4] + bytes(len(content) - 12) + content[-8:], r"must be readable; got"),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, damage, message):
    """Whatever the reader raises, a person reads one sentence."""
    path = write(tmp_path / "data.parquet", table())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=message) as caught:
        read(path)

    assert "\n" not in str(caught.value)


def test_damaged_pages_are_refused_in_one_line(tmp_path):
    """A whole footer does not prove whole data."""
    path = write(tmp_path / "data.parquet", table(x=np.random.default_rng(0).normal(size=N)))
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"must be readable; got"):
        read(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "`path` must be a file or a directory; got nothing at"),
        (lambda path: path.mkdir(), "`path` must hold Parquet files; got none in"),
    ],
)
def test_paths_without_data_are_refused(tmp_path, make, message):
    """Missing paths and empty directories."""
    make(tmp_path / "d")
    with pytest.raises(InputError, match=message):
        list_files(str(tmp_path / "d"))


def test_urls_are_refused_for_now():
    """Only local paths can be listed."""
    with pytest.raises(InputError, match="`path` must be a local file or directory; got 's3://bucket/data'"):
        list_files("s3://bucket/data")


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            table(),
            {"label": "lable"},
            r"`label` must name a column of the dataset; got 'lable'. Hint: the columns are 'y', 'x'",
        ),
        (table(label=LABELS), {"label": "lable"}, r"got 'lable'. Hint: did you mean 'label'\?"),
        (table(), {"label": "Y"}, r"got 'Y'. Hint: did you mean 'y'\?"),
        (table(), {"id": "k"}, r"`id` must name a column of the dataset; got 'k'"),
        (table(), {"slices": ["s"]}, r"`slices` must name a column of the dataset; got 's'"),
        (table(X=LABELS), {}, r"column names must differ in more than case; got 'x' and 'X'"),
        (table().slice(0, 0), {}, r"the dataset must hold rows; got 0 rows"),
    ],
)
def test_names_and_shapes_are_checked_before_anything_is_read(tmp_path, data, options, message):
    """What can be said from the footers is said first."""
    path = write(tmp_path / "data.parquet", data)
    with pytest.raises(InputError, match=message):
        read(path, **options)


def test_repeated_column_names_are_refused(tmp_path):
    """Parquet can hold them, a dataset cannot."""
    path = write(tmp_path / "data.parquet", pa.table([pa.array(LABELS)] * 2, names=["y", "y"]))
    with pytest.raises(InputError, match=r"column names of 'data.parquet' must be unique; got 'y' 2 times"):
        read(path)


def test_column_that_is_a_folder_too_is_refused(tmp_path):
    """Which of the two counts would be a guess."""
    write(tmp_path / "d" / "x=1" / "p.parquet", table())
    with pytest.raises(InputError, match="'x' must be a folder name or a column"):
        read(tmp_path / "d")


def test_unnamed_index_of_pandas_is_no_feature(tmp_path):
    """The order in which rows were shuffled is not learned from, and does not change who a row is."""
    plain = write(tmp_path / "a.parquet", table(z=[i % 5 for i in range(N)]))
    shuffled = write(
        tmp_path / "b.parquet", table(z=[i % 5 for i in range(N)], __index_level_0__=list(range(N, 0, -1)))
    )

    with_index = read(shuffled)

    assert set(with_index.feature_kinds) == {"x", "z"}
    assert with_index.example_ids == read(plain).example_ids
    assert "__index_level_0__" in read(shuffled, features=["x", "__index_level_0__"]).feature_kinds
