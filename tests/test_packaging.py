"""The wheel holds one import package, and all of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = ("core", "configs", "tasks", "flows")


def test_links_lead_to_the_folders() -> None:
    """The package's folders are relative links to the top-level ones."""
    for folder in FOLDERS:
        link = ROOT / "labelhealth" / folder
        if not link.is_symlink():
            pytest.skip(
                "a checkout without symbolic links: the installed package finds the folders by its own map"
            )
        assert link.readlink() == Path("..") / folder


def test_package_list_equals_the_tree() -> None:
    """Every folder with Python files is listed, and mapped to where it lies."""
    tool = PROJECT["tool"]["setuptools"]
    on_disk = {"labelhealth"}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            on_disk.add(".".join(("labelhealth", *path.parent.relative_to(ROOT).parts)))

    assert set(tool["packages"]) == on_disk
    assert set(tool["package-dir"]) == on_disk


@pytest.mark.parametrize("with_links", [True, False])
def test_wheel_holds_one_package_and_all_of_it(tmp_path: Path, with_links: bool) -> None:
    """The wheel's files equal the tree's, and nothing lands beside `labelhealth`; without symbolic links too.

    Git writes a link as a small text file where a system has none.
    """
    tree = tmp_path / "tree"
    for name in (*FOLDERS, "labelhealth"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tree / name)
    if not with_links:
        for folder in FOLDERS:
            (tree / "labelhealth" / folder).unlink()
            (tree / "labelhealth" / folder).write_text(f"../{folder}")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*build, "-w", str(tmp_path), str(tree)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    expected = {
        f"labelhealth/{path.relative_to(ROOT).as_posix()}"
        for f in FOLDERS
        for path in (ROOT / f).rglob("*.py")
    }
    expected |= {f"labelhealth/{path.name}" for path in (ROOT / "labelhealth").glob("*.py")}
    expected |= {f"labelhealth/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    expected |= {"labelhealth/py.typed"}

    assert set(names) == expected


def test_every_dependency_is_bounded() -> None:
    """Each runtime dependency has an upper bound and a reason on its line."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for requirement in PROJECT["project"]["dependencies"]:
        (line,) = [line for line in lines if f'"{requirement}"' in line]
        assert "<" in requirement, requirement
        assert "#" in line, f"{requirement}: no reason"


@pytest.mark.parametrize(
    ("distribution", "below"), [("fastapi", (0, 151)), ("sqlalchemy", (2, 1)), ("marshmallow", (4, 0))]
)
def test_combinations_known_to_break_are_not_installed(distribution: str, below: tuple[int, int]) -> None:
    """What breaks Prefect's server, its scheduler, or Great Expectations is kept out by the bounds."""
    major, minor = (int(part) for part in metadata.version(distribution).split(".")[:2])

    assert (major, minor) < below


def test_constraints_pin_everything_and_name_no_place() -> None:
    """The constraints are plain `name==version` lines."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]

    assert len(pins) > 50
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin)] == []
