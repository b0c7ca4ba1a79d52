"""The names under which display columns are published."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.configs.tables import LABEL_ISSUES
from labelhealth.tasks.label_issues import FILE_INDEX, display_names


@pytest.mark.parametrize(
    ("names", "published"),
    [
        (["note", "color"], ["note", "color"]),
        (["rank"], ["data.rank"]),
        (["Rank"], ["data.Rank"]),
        (["rank", "data.rank"], ["data.data.rank", "data.rank"]),
        (["data.rank", "rank"], ["data.rank", "data.data.rank"]),
        (["rank", "Rank"], ["data.rank", "data.data.Rank"]),
        (["color", "Color"], ["color", "data.Color"]),
        ([FILE_INDEX, "source_file"], ["data.file_index", "data.source_file"]),
    ],
)
def test_taken_names_get_a_prefix(names: list[str], published: list[str]) -> None:
    """A column keeps its name unless the report or another column has it."""
    assert display_names(names) == published


@given(
    st.lists(
        st.sampled_from([*LABEL_ISSUES.column_names, FILE_INDEX, "x", "ß"]).flatmap(
            lambda name: st.sampled_from([name, name.upper(), name.title(), f"data.{name}", f"Data.{name}"])
        ),
        unique=True,
        max_size=12,
    )
)
def test_published_names_are_free_in_any_case(names: list[str]) -> None:
    """No two columns of the report have names that differ in case alone, whatever the display columns are."""
    folded = [name.casefold() for name in (*LABEL_ISSUES.column_names, FILE_INDEX, *display_names(names))]

    assert len(set(folded)) == len(folded)
