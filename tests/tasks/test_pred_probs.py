"""Ready probabilities: matched by id and class name, and refused unless they are probabilities."""

from __future__ import annotations

import tempfile
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelhealth.configs.input import PredProbsOptions
from labelhealth.configs.tables import NOT_JUDGED_REASONS
from labelhealth.tasks.dataset import Part
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.file_list import SourceFile
from labelhealth.tasks.match_given import match_given
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import open_array, put_array, put_arrow, put_names
from labelhealth.tasks.take_part import take_part

CLASSES = ("ant", "bee", "cow")
IDS = [f"id{i}" for i in range(6)]
LABELS = np.array([0, 1, 2, -1, 1, 0], dtype=np.int32)
LABELLED = LABELS >= 0


def probabilities(dtype=np.float64):
    """Return probabilities of six rows."""
    raw = np.random.default_rng(0).random((6, 3))
    return (raw / raw.sum(axis=1, keepdims=True)).astype(dtype)


def save(path, array):
    """Write an array and return the file."""
    np.save(path, array)
    return SourceFile(str(path), path.name)


def write(path, data):
    """Write a table and return the file."""
    pq.write_table(data, path)
    return SourceFile(str(path), path.name)


def lists(values, dtype=None):
    """Return a table of ids and a list column `p`."""
    return pa.table({"id": IDS[: len(values)], "p": pa.array(list(values), dtype)})


def put_part(store, ids, labels):
    """Store some rows of a dataset."""
    rows = put_arrow(store, pa.table({"example_id": pa.array(ids, pa.string())}))
    return Part(n_rows=len(ids), n_files=1, rows=rows, labels=put_array(store, labels))


def read(
    file,
    example_ids=IDS,
    labels=LABELS,
    ids_file=None,
    in_dataset=False,
    classes=CLASSES,
    cuts=(2,),
    **options,
):
    """Read probabilities for the dataset above, which comes in parts."""
    options = PredProbsOptions(**{"class_names": CLASSES, **options})
    with tempfile.TemporaryDirectory() as root:
        store = Store(root=root)
        names = put_names(store, classes)
        if in_dataset:
            types = put_arrow(store, pq.read_schema(file.path).empty_table())
            taken = [take_part(store, [file], put_array(store, labels), names, types, options)]
        else:
            edges = [0, *cuts, len(example_ids)]
            parts = [
                put_part(store, example_ids[low:high], labels[low:high]) for low, high in pairwise(edges)
            ]
            taken = match_given(store, parts, names, [file], ids_file, options).parts
        check_parts(store, taken, [labels] if in_dataset else np.split(labels, cuts))
        return np.concatenate([np.array(open_array(store, part.pred_probs)) for part in taken])


def check_parts(store, taken, labels):
    """Hold what stands beside the probabilities against the labels of each part."""
    for part, codes in zip(taken, labels, strict=True):
        assert np.array_equal(open_array(store, part.rows), np.flatnonzero(codes >= 0))
        assert np.array_equal(open_array(store, part.labels), codes[codes >= 0])
        assert part.n_judged == len(open_array(store, part.pred_probs)) == (codes >= 0).sum()
        reasons = [NOT_JUDGED_REASONS[code] for code in open_array(store, part.reasons)]
        assert reasons == [{-1: "no_label", -2: "unknown_class"}.get(code, "") for code in codes.tolist()]


def sources(tmp_path, values, ids=IDS):
    """Return every way to hand over the same probabilities, as file and options."""
    keys = pa.array(ids)
    flat = {f"p_{name}": values[:, i] for i, name in enumerate(CLASSES)}
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), 3)
    return {
        "list": (
            write(tmp_path / "1.parquet", pa.table({"k": keys, "p": pa.array(list(values))})),
            {"column": "p"},
        ),
        "fixed": (write(tmp_path / "2.parquet", pa.table({"k": keys, "p": fixed})), {"column": "p"}),
        "prefix": (write(tmp_path / "3.parquet", pa.table({"k": keys, **flat})), {"columns": "p_"}),
        "names": (write(tmp_path / "4.parquet", pa.table({"k": keys, **flat})), {"columns": [*flat]}),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["list", "fixed", "prefix", "names"])
def test_parquet_columns_are_matched_by_id(tmp_path, kind, dtype):
    """Rows may come in any order; rows without a label are left out; types and bits are kept."""
    values = probabilities(dtype)
    order = np.array([3, 1, 5, 0, 4, 2])
    file, options = sources(tmp_path, values[order], [IDS[i] for i in order])[kind]
    result = read(file, ids="k", **options)

    assert result.dtype == dtype
    assert np.array_equal(result, values[LABELLED])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
def test_npy_is_matched_by_ids_beside_it(tmp_path, dtype, order):
    """Any byte and memory order, with ids as .npy of strings."""
    values = probabilities(dtype)
    file = save(tmp_path / "p.npy", np.asarray(values[::-1], order=order))
    result = read(file, ids_file=save(tmp_path / "i.npy", np.array(IDS[::-1])))

    assert np.array_equal(result, values[LABELLED])
    assert result.dtype.isnative


def test_npy_ids_may_be_integers_or_a_parquet_column(tmp_path):
    """Ids match by their text, whatever holds them."""
    values = probabilities()
    file = save(tmp_path / "p.npy", values[::-1])
    numbers = [str(i) for i in range(6)]
    by_integer = read(file, example_ids=numbers, ids_file=save(tmp_path / "i.npy", np.arange(6)[::-1]))
    ids = write(
        tmp_path / "i.parquet", pa.table({"a": np.zeros(6), "k": pa.array(range(5, -1, -1), pa.int16())})
    )
    by_column = read(file, example_ids=numbers, ids_file=ids, ids="k")

    assert np.array_equal(by_integer, values[LABELLED])
    assert np.array_equal(by_column, values[LABELLED])


def test_aligned_rows_need_no_ids(tmp_path):
    """Who says so is trusted, but for the number of rows."""
    values = probabilities()

    assert np.array_equal(read(save(tmp_path / "p.npy", values), aligned=True), values[LABELLED])
    with pytest.raises(InputError, match="must have one row per row of the dataset; got 5 rows for 6"):
        read(save(tmp_path / "q.npy", values[:5]), aligned=True)


def test_columns_of_the_dataset_need_no_ids(tmp_path):
    """They stand in the dataset's rows."""
    values = probabilities()
    file, options = sources(tmp_path, values)["prefix"]

    assert np.array_equal(read(file, in_dataset=True, **options), values[LABELLED])


def test_columns_are_put_in_the_order_of_the_classes(tmp_path):
    """The names decide, not the places."""
    values = probabilities()
    file = save(tmp_path / "p.npy", values[:, [2, 0, 1]])

    result = read(file, aligned=True, class_names=("cow", "ant", "bee"))

    assert np.array_equal(result, values[LABELLED])


def test_float16_becomes_float32_and_small_rounding_is_normalised(tmp_path):
    """Sums off by up to 1e-3 are rounding."""
    values = probabilities(np.float16)
    result = read(save(tmp_path / "p.npy", values), aligned=True)

    assert result.dtype == np.float32
    assert np.abs(result.sum(axis=1) - 1).max() < 1e-6


def test_rows_that_sum_to_one_keep_their_bits(tmp_path):
    """Only rows that need it are normalised."""
    values = probabilities()
    values[0] *= 1 + 5e-7
    values[1] *= 1 + 5e-4
    result = read(save(tmp_path / "p.npy", values), aligned=True)

    assert np.array_equal(result[0], values[0])
    assert result[1].sum() == pytest.approx(1.0, abs=1e-12)


def test_rows_of_unlabelled_examples_are_not_looked_at(tmp_path):
    """Nobody needs a prediction for a row without a label, so it may be missing or NaN."""
    values = probabilities()
    values[3] = np.nan
    some = values[LABELLED]
    ids = save(tmp_path / "i.npy", np.array(IDS)[LABELLED])

    assert np.array_equal(read(save(tmp_path / "p.npy", values), aligned=True), some)
    assert np.array_equal(read(save(tmp_path / "q.npy", some), ids_file=ids), some)


@pytest.mark.parametrize("cuts", [(), (0,), (1, 1, 4), (2, 6)])
@pytest.mark.parametrize("n_values", [2, 8, 1000])
def test_blocks_and_parts_do_not_show(tmp_path, monkeypatch, n_values, cuts):
    """However many values are read together, and however the dataset is cut, the rows are the same."""
    values = probabilities()
    values[4] *= 1 + 5e-4
    expected = values.copy()
    expected[4] /= expected[4].sum()
    file, ids = save(tmp_path / "p.npy", values[::-1]), save(tmp_path / "i.npy", np.array(IDS[::-1]))
    straight = save(tmp_path / "q.npy", values)
    for name in ("BLOCK_VALUES", "READ_VALUES"):
        monkeypatch.setattr(f"labelhealth.tasks._pred_probs_blocks.{name}", n_values)
    monkeypatch.setattr("labelhealth.tasks.match_given.BLOCK_VALUES", n_values)

    assert np.array_equal(read(file, ids_file=ids, cuts=cuts), expected[LABELLED])
    assert np.array_equal(read(straight, aligned=True, cuts=cuts), expected[LABELLED])
    for kind, (table, options) in sources(tmp_path, values).items():
        assert np.array_equal(read(table, ids="k", cuts=cuts, **options), expected[LABELLED]), kind
        assert np.array_equal(read(table, in_dataset=True, **options), expected[LABELLED]), kind


def test_ids_of_equal_hash_are_told_apart(tmp_path, monkeypatch):
    """Strings decide, not hashes."""
    values = probabilities()
    for module in ("_id_index", "_unique_ids"):
        monkeypatch.setattr(
            f"labelhealth.tasks.{module}.hash_texts", lambda texts: np.zeros(len(texts.lengths), np.uint64)
        )
    ids = save(tmp_path / "i.npy", np.array(IDS[::-1]))

    assert np.array_equal(read(save(tmp_path / "p.npy", values[::-1]), ids_file=ids), values[LABELLED])
    with pytest.raises(InputError, match="got 'other' at row 0, which the dataset lacks"):
        read(
            save(tmp_path / "p.npy", values),
            ids_file=save(tmp_path / "i.npy", np.array(["other", *IDS[1:]])),
        )


def test_unknown_labels_are_not_judged(tmp_path):
    """A label outside the configured classes takes no probabilities."""
    labels = LABELS.copy()
    labels[0] = -2

    assert np.array_equal(
        read(save(tmp_path / "p.npy", probabilities()), labels=labels, aligned=True),
        probabilities()[labels >= 0],
    )


def changed(row, values):
    """Return probabilities with one row replaced."""
    result = probabilities()
    result[row] = values
    return result


LOGITS = np.random.default_rng(1).normal(size=(6, 3)) * 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed(4, np.nan), r"`pred_probs` must be not NaN; got nan at row 4 .*\(1 of 5 rows looked at\)"),
        (changed(4, [np.inf, 0, 0]), r"`pred_probs` must be at most 1; got inf at row 4"),
        (changed(4, [-0.1, 0.6, 0.5]), r"`pred_probs` must be not negative; got -0.1 at row 4 of 'p.npy'"),
        (changed(4, [1.1, 0, 0]), r"`pred_probs` must be at most 1; got 1.1 at row 4"),
        (changed(4, [0.5, 0.25, 0.2]), r"`pred_probs` rows must sum to 1; got 0.95 at row 4"),
        (changed(4, [0.5, 0.25, 0.2]), r"independent scores of one-vs-rest models must be normalised"),
        (LOGITS, r"Hint: pass probabilities, not logits: apply softmax"),
        (np.log(probabilities()), r"Hint: these are log-probabilities: take exp"),
        (probabilities() * 100, r"Hint: these are percentages: divide by 100"),
        (np.abs(LOGITS) + 2, r"must be at most 1; .*not logits"),
    ],
)
def test_values_that_are_no_probabilities_are_refused(tmp_path, values, message):
    """The hint says what they probably are."""
    with pytest.raises(InputError, match=message):
        read(save(tmp_path / "p.npy", values), aligned=True, cuts=())


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.ones((6, 2)) / 2,
            r"`pred_probs` must hold 3 probabilities a row, one per class name; got 2 in 'p.npy'",
        ),
        (
            np.ones((6, 3), dtype=int),
            r"`pred_probs` must be an array of floats .*; got int64 of shape \(6, 3\)",
        ),
        (np.ones(18), r"`pred_probs` must be an array of floats .*; got float64 of shape \(18,\)"),
        (np.ones((6, 3), dtype=complex), r"got complex128 of shape"),
        (np.array([["a"] * 3] * 6), r"got <U1 of shape"),
        (np.array([[None] * 3] * 6, dtype=object), r"'p.npy' must be a .npy file without Python objects"),
    ],
)
def test_arrays_of_the_wrong_shape_or_type_are_refused(tmp_path, array, message):
    """Pickled objects are never loaded."""
    with pytest.raises(InputError, match=message):
        read(save(tmp_path / "p.npy", array), aligned=True)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00", b"\x80\x04]\x94."])
def test_files_that_are_no_npy_are_refused(tmp_path, content):
    """Empty, foreign, cut and pickled files."""
    (tmp_path / "p.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"'p.npy' must be a .npy file without Python objects; got"):
        read(SourceFile(str(tmp_path / "p.npy"), "p.npy"), aligned=True)


def test_archive_is_refused(tmp_path):
    """An .npz under the wrong name has several arrays."""
    np.savez(tmp_path / "p.npz", probabilities())
    (tmp_path / "p.npz").rename(tmp_path / "p.npy")
    with pytest.raises(InputError, match=r"got an .npz archive"):
        read(SourceFile(str(tmp_path / "p.npy"), "p.npy"), aligned=True)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            lists(probabilities()[:, :2]),
            {"column": "p"},
            r"must hold 3 probabilities a row.*; got 2 at row 0",
        ),
        (
            lists(probabilities().astype(int)),
            {"column": "p"},
            r"`p` must hold lists of floats .*; got type list<.*int64>",
        ),
        (
            lists(probabilities()),
            {"columns": ["id", "p", "q"]},
            r"`columns` must be columns of the file; got 'q'",
        ),
        (
            lists(probabilities()),
            {"columns": "p_"},
            r"must be columns of the file; got 'p_ant', 'p_bee', 'p_cow'",
        ),
        (
            pa.table({"id": IDS, "p": [1] * 6}),
            {"column": "p"},
            r"`p` must hold lists of floats .*; got type int64",
        ),
        (pa.table({"id": IDS, "p": IDS}), {"columns": ["id", "p", "p2"]}, r"must be columns of the file"),
        (
            lists([*probabilities()[:5], None]),
            {"column": "p"},
            r"`pred_probs` must be not NaN; got nan at row 5",
        ),
        (
            pa.table({"id": ["id5", *IDS[1:5], None], "p": list(probabilities())}),
            {"column": "p"},
            r"`id` must hold an id in every row; got null at row 5 \(1 of 6 rows\)",
        ),
        (lists(probabilities()), {}, r"`column` or `columns` must name the probabilities in Parquet files"),
        (
            lists(probabilities()),
            {"column": "p", "ids": "k"},
            r"`ids` must name a column .*; got 'k'.*'id', 'p'",
        ),
        (
            lists(probabilities()),
            {"column": "p", "ids": None},
            r"`ids` must name the id column .*set `aligned`",
        ),
    ],
)
def test_parquet_columns_that_hold_no_probabilities_are_refused(tmp_path, data, options, message):
    """Missing columns, wrong types, wrong lengths."""
    with pytest.raises(InputError, match=message):
        read(write(tmp_path / "p.parquet", data), **{"ids": "id"} | options)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([*IDS[:5], "other"], r"`ids` must hold ids of the dataset; got 'other' at row 5, .*\(1 of 6 rows\)"),
        (
            [*IDS[:5], "id0"],
            r"`ids` must hold unique ids; got 'id0' again at row 5 of 'i.npy' \(1 of 6 rows\)",
        ),
        (IDS[:5], r"`ids` must hold one id per row of probabilities; got 5 ids for 6 rows"),
    ],
)
def test_rows_that_do_not_match_are_refused(tmp_path, ids, message):
    """Extra, repeated and missing ids."""
    file = save(tmp_path / "p.npy", probabilities())
    with pytest.raises(InputError, match=message):
        read(file, ids_file=save(tmp_path / "i.npy", np.array(ids)))


def test_labelled_rows_without_probabilities_are_refused(tmp_path):
    """Every labelled row needs its probabilities."""
    file, ids = save(tmp_path / "p.npy", probabilities()[:4]), save(tmp_path / "i.npy", np.array(IDS[:4]))
    with pytest.raises(
        InputError, match=r"must hold every labelled row .*; got none for id 'id4' \(2 of 5 labelled"
    ):
        read(file, ids_file=ids)


def test_npy_without_ids_is_refused(tmp_path):
    """An order that nobody vouches for is not believed."""
    with pytest.raises(
        InputError, match=r"a .npy file must come with a file of ids; got none.*set `aligned`"
    ):
        read(save(tmp_path / "p.npy", probabilities()))


def test_ids_that_nobody_would_read_are_refused(tmp_path):
    """Aligned rows and Parquet files leave no use for a file of ids."""
    ids = save(tmp_path / "i.npy", np.array(IDS))
    with pytest.raises(InputError, match=r"a file of ids must stand beside a .npy file .*; got 'i.npy'"):
        read(save(tmp_path / "p.npy", probabilities()), aligned=True, ids_file=ids)
    with pytest.raises(InputError, match=r"a file of ids must stand beside a .npy file"):
        read(write(tmp_path / "p.parquet", lists(probabilities())), column="p", ids="id", ids_file=ids)


def test_ids_of_the_wrong_type_are_refused(tmp_path):
    """Floats identify nothing."""
    file = save(tmp_path / "p.npy", probabilities())
    with pytest.raises(InputError, match=r"'i.npy' must hold ids: .*; got float64 of shape \(6,\)"):
        read(file, ids_file=save(tmp_path / "i.npy", np.arange(6.0)))


@pytest.mark.parametrize(
    ("class_names", "message"),
    [
        (
            ("ant", "bee", "dog"),
            r"`class_names` must be the classes of the labels; got none called 'dog' among",
        ),
        (
            ("ant", "bee"),
            r"`class_names` must be the classes of the labels; got 'cow', which no label has.*input.classes",
        ),
    ],
)
def test_class_names_must_be_those_of_the_labels(tmp_path, class_names, message):
    """A class too many or too few is no rounding error."""
    labels = np.minimum(LABELS, len(class_names) - 1).astype(np.int32)
    with pytest.raises(InputError, match=message):
        read(save(tmp_path / "p.npy", probabilities()), labels=labels, classes=class_names, aligned=True)


def test_column_options_are_refused_for_npy(tmp_path):
    """They would be ignored."""
    with pytest.raises(InputError, match=r"`column` and `columns` must be left out for a .npy file; got 'p'"):
        read(save(tmp_path / "p.npy", probabilities()), column="p", aligned=True)
