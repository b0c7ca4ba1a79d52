"""Strings as bytes: equal strings have equal hashes, and comparing them is comparing them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.tasks._id_index import in_same_order
from labelhealth.tasks._texts import are_equal, hash_texts, texts_of_strings

WORDS = st.text(max_size=30) | st.sampled_from(["", "\0", "\0\0", "a" * 8, "a" * 9, "a" * 16, "ab" * 40])
STRINGS = st.lists(WORDS, max_size=12)


@given(one=STRINGS, offset=st.integers(0, 3))
def test_hash_depends_on_the_string_alone(one: list[str], offset: int) -> None:
    """Equal strings hash equally wherever they stand; these few different ones differently."""
    hashes = hash_texts(texts_of_strings(pa.array(one, pa.string())))
    sliced = hash_texts(texts_of_strings(pa.array(["xyz"] * offset + one, pa.string())[offset:]))

    assert np.array_equal(hashes, sliced)
    assert len(set(hashes.tolist())) == len(set(one))


@given(one=STRINGS, other=STRINGS)
def test_equality_is_that_of_strings(one: list[str], other: list[str]) -> None:
    """Pair by pair, as Python compares them."""
    pairs = [(left, right) for left in one for right in (*other, left)]
    left, right = (texts_of_strings(pa.array([pair[side] for pair in pairs], pa.string())) for side in (0, 1))

    assert are_equal(left, right).tolist() == [here == there for here, there in pairs]


@given(one=STRINGS, cuts=st.lists(st.integers(0, 12), max_size=3), changed=st.booleans())
def test_order_is_seen_through_any_blocks(one: list[str], cuts: list[int], changed: bool) -> None:
    """Blocks of any size, empty ones too."""
    other = [*one, "more"] if changed else one
    edges = [0, *sorted(cuts), None]
    blocks = [pa.array(other[low:high], pa.string()) for low, high in pairwise(edges)]

    assert in_same_order([pa.array(one, pa.string())], blocks) == (not changed)
    assert in_same_order(blocks, [pa.array(one, pa.string())]) == (not changed)
