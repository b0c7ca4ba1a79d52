"""Identity of rows: equal content has equal hashes, whatever holds it, and the hashes never change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.core.identity import (
    count_occurrences,
    embedding_lanes,
    finish_lanes,
    hex_ids,
    instant_lanes,
    number_lanes,
    row_keys,
    text_lanes,
)

small_integers = st.lists(st.integers(-(2**23), 2**23), min_size=1, max_size=30)
doubles = st.lists(st.floats(allow_infinity=False), min_size=1, max_size=30)


def ids(*lanes):
    """Return the hexadecimal ids of rows whose columns contribute `lanes`."""
    return hex_ids(finish_lanes(sum(lanes[1:], start=lanes[0]))).tolist()


def test_hashes_of_numbers_never_change():
    """Stored audits are matched by these hashes: another value here needs another IDENTITY_VERSION."""
    integers = number_lanes("age", np.array([0, 1, -1, 2**53 + 1, -(2**63)]))
    unsigned = number_lanes("age", np.array([2**64 - 1], dtype=np.uint64))
    floats = number_lanes("age", np.array([0.5, 1e300, 2.0**63]))

    assert ids(integers) == [
        b"4cbe7c4517581985c3a5260b06143e36",
        b"1028d2393beaf281eb14043c70beb870",
        b"0c630c3d09a2f01d473f8df90c1c8214",
        b"1c99e2e97a9461b10c3824f3fc977a3c",
        b"a6f789cbc1cdc839ceede5aeeceaeac8",
    ]
    assert ids(unsigned) == [b"5514e6c8d46528d691482d598aa00583"]
    assert ids(floats) == [
        b"d8f587dc0af1bb6ee054f7ebcff9b633",
        b"b44d8c11a34cfd175f241d4138c54f1c",
        b"d8d46c78fc295f116fe39baad29458b7",
    ]


def test_hashes_of_other_kinds_never_change():
    """Texts, instants and vectors keep their hashes too."""
    texts = text_lanes("city", np.array([0, 1]), ["Graz", "Ж"])
    instants = instant_lanes("t", np.array([0, 1]), np.array([0, 5]))
    vectors = embedding_lanes("e", np.array([[1.0, 0.25]], dtype=np.float32))

    assert ids(texts) == [b"ad69c15eb1823418192155c6a19bcbf1", b"b8fe6b0d56c7da7b254ec2251f0a9b43"]
    assert ids(instants) == [b"6b155a535e9f804db1a257445a2858b9", b"ed119b55532126096f74cd87c781ab83"]
    assert ids(vectors) == [b"d48c9740133aff9bade64bee504cd16f"]


@given(small_integers)
def test_numbers_hash_by_value_not_by_type(values):
    """Integers of any width and floats that hold the same numbers have the same hash."""
    expected = number_lanes("a", np.array(values, dtype=np.int64))

    for dtype in (np.int32, np.float32, np.float64):
        assert np.array_equal(number_lanes("a", np.array(values, dtype=dtype)), expected)


@given(doubles)
def test_negative_zero_is_zero_and_every_nan_is_missing(values):
    """The sign of zero and the bits of NaN are no content."""
    floats = np.array(values)
    lanes = number_lanes("a", np.where(floats == 0, -0.0, floats))

    assert np.array_equal(lanes, number_lanes("a", np.where(floats == 0, 0.0, floats)))
    assert np.array_equal((lanes == 0).all(axis=0), np.isnan(floats))


@given(st.lists(st.integers(-(2**63), 2**64 - 1), min_size=2, max_size=30, unique=True))
def test_integers_keep_all_bits(values):
    """Different integers of 64 bits, signed and unsigned, have different hashes."""
    low = np.array([value for value in values if value < 2**63], dtype=np.int64)
    high = np.array([value for value in values if value >= 2**63], dtype=np.uint64)
    hashes = [*ids(number_lanes("a", low)), *ids(number_lanes("a", high))]

    assert len(set(hashes)) == len(values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30, unique=True))
def test_different_floats_have_different_hashes(values):
    """A float is hashed with all its bits."""
    hashes = ids(number_lanes("a", np.array(values)))

    assert len(set(hashes)) == len(values)


@given(st.data())
def test_hash_ignores_order_of_rows_and_columns(data):
    """Rows carry their hashes along when they move, and columns add up in any order."""
    n_rows = data.draw(st.integers(1, 20))
    columns = {
        name: np.array(data.draw(st.lists(st.integers(0, 3), min_size=n_rows, max_size=n_rows)))
        for name in "abc"
    }
    order = np.array(data.draw(st.permutations(range(n_rows))))
    expected = np.array(ids(*(number_lanes(name, values) for name, values in columns.items())))
    moved = ids(*(number_lanes(name, columns[name][order]) for name in reversed(columns)))

    assert moved == expected[order].tolist()


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_texts_hash_by_content_not_by_code(texts):
    """A dictionary in another order, with unused entries, gives the same hashes."""
    distinct = sorted(set(texts))
    other = ["unused", *reversed(distinct)] if "unused" not in distinct else distinct[::-1]
    one = text_lanes("a", np.array([distinct.index(text) for text in texts]), distinct)
    two = text_lanes("a", np.array([other.index(text) for text in texts]), other)

    assert np.array_equal(one, two)


def test_missing_values_contribute_nothing():
    """A column without values changes no hash, so it may be added at any time."""
    base = number_lanes("a", np.arange(3))
    empty = number_lanes("b", np.zeros(3), np.ones(3, dtype=bool))
    no_text = text_lanes("c", np.full(3, -1), [])
    no_vector = embedding_lanes("d", np.full((3, 2), np.nan))

    assert ids(base, empty, no_text, no_vector) == ids(base)


def test_column_name_enters_the_hash():
    """Values that swap columns make another row."""
    one = ids(number_lanes("a", np.array([1])), number_lanes("b", np.array([2])))
    other = ids(number_lanes("a", np.array([2])), number_lanes("b", np.array([1])))

    assert one != other


def test_vector_hash_depends_on_positions_and_not_on_float_width():
    """Dimensions count as columns: order matters, storage does not, and blocks do not show."""
    vectors = np.random.default_rng(0).integers(0, 9, size=(70, 5000)) / 8
    lanes = embedding_lanes("e", vectors)

    assert np.array_equal(lanes, embedding_lanes("e", vectors.astype(np.float32)))
    assert np.array_equal(lanes[:, 7:9], embedding_lanes("e", vectors[7:9]))
    assert not np.array_equal(lanes, embedding_lanes("e", vectors[:, ::-1]))


def test_instants_with_and_without_nanoseconds_agree():
    """Whole microseconds have one hash, whatever unit the file counts in."""
    micros = np.array([0, -5, 10**15])

    assert np.array_equal(instant_lanes("t", micros), instant_lanes("t", micros, np.zeros(3, dtype=np.int64)))


def test_large_table_has_no_collision():
    """A million distinct rows of small numbers have a million hashes, in either lane."""
    a, b = np.divmod(np.arange(1_000_000), 1000)
    lanes = finish_lanes(number_lanes("a", a) + number_lanes("b", b))

    assert all(len(np.unique(lane)) == 1_000_000 for lane in lanes)


def test_every_bit_of_a_hash_is_fair():
    """Consecutive integers set each bit of both lanes in about half of the rows."""
    lanes = finish_lanes(number_lanes("a", np.arange(20_000)))
    bits = np.unpackbits(lanes.view(np.uint8).reshape(2, -1, 8), axis=2)

    assert np.abs(bits.mean(axis=1) - 0.5).max() < 0.02


@pytest.mark.parametrize(
    ("labels", "expected"),
    [([0, 0, 0, 0], [0, 0, 1, 2]), ([2, 5, 1, 0], [2, 0, 1, 0]), ([-1, 0, 3, -1], [0, 0, 2, 1])],
)
def test_occurrences_count_by_label_then_row(labels, expected):
    """Rows of equal content are numbered from the smallest label on, equal labels in the order of rows."""
    lanes = np.array([[7, 8, 7, 7], [1, 1, 1, 1]], dtype=np.uint64)

    assert count_occurrences(lanes, np.array(labels)).tolist() == expected


def test_row_keys_tell_duplicates_apart():
    """Rows of equal content get keys of their own."""
    lanes = np.full((2, 1000), 3, dtype=np.uint64)

    assert len(np.unique(row_keys(lanes, np.arange(1000)))) == 1000
