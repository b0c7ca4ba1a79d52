"""Where an audit belongs, and what its dataset is called."""

from __future__ import annotations

import pytest

from labelhealth.tasks.input_files import name_from
from labelhealth.tasks.process import _from_proc, _from_ps, process_started_at


@pytest.mark.parametrize(
    ("path", "name"),
    [("/data/train.parquet", "train"), ("/data/train/", "train"), ("train-v2.1.parquet", "train-v2.1")],
)
def test_plain_names_are_kept(path: str, name: str) -> None:
    """A dataset is called like its file or folder."""
    assert name_from(path) == name


def test_other_names_stay_apart() -> None:
    """Names that no file system is sure to hold are replaced, and never by the same one."""
    names = {
        name_from(path)
        for path in ("данные.parquet", "数据.parquet", "a b.parquet", "a_b.parquet", "x" * 300)
    }

    assert len(names) == 5
    assert all(name.isascii() and len(name) <= 100 and name[0].isalnum() for name in names)


def test_ways_to_learn_the_start_of_the_process_agree() -> None:
    """Two sources tell the same time, to the seconds in which one of them counts."""
    found = []
    for source in (_from_proc, _from_ps):
        try:
            found.append(source())
        except OSError:
            continue
    if len(found) < 2:
        pytest.skip("only one source on this system")

    assert abs(found[0] - found[1]) < 3.0
    assert process_started_at() <= found[0] + 0.2
