"""Versions of one dataset, compared: the story of a dataset that grows, is spoiled and is repaired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from labelhealth.api import audit, compare
from labelhealth.flows.pipeline import STAGES
from labelhealth.tasks import keys
from labelhealth.tasks.changes import HealthScores
from labelhealth.tasks.comparisons import PublishedComparison
from labelhealth.tasks.health_change import health_change
from labelhealth.tasks.history import read_history
from labelhealth.tasks.published import Audit
from labelhealth.tasks.versions import NO_CODE

NAMES = np.array(["ant", "bee", "cat"])
CENTERS = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])


def rows(n_rows: int, source: str, n_wrong: int, seed: int) -> pd.DataFrame:
    """Return examples of one source, the first of them wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n_rows)
    given = np.where(np.arange(n_rows) < n_wrong, (truth + 1) % 3, truth)
    places = CENTERS[truth] + rng.normal(size=(n_rows, 2))
    return pd.DataFrame(
        {
            "id": [f"{source}-{row}" for row in range(n_rows)],
            "x": places[:, 0],
            "y": places[:, 1],
            "label": NAMES[given],
            "source": source,
            "truth": NAMES[truth],
        }
    )


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., Audit]:
    """Return a function that audits a version."""

    def run(frame: pd.DataFrame, version: str, **options: Any) -> Audit:
        path = tmp_path / f"{version}.parquet"
        frame.to_parquet(path)
        document = {
            "dataset": {"name": "data", "version": version},
            "input": {"id": "id", "slices": ["source"], "exclude": ["truth"]},
            "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
            **options,
        }
        return audit(path, "label", root=tmp_path / "audits", options=document)

    return run


def compared(old: Audit, new: Audit, **options: Any) -> PublishedComparison:
    """Compare two audits, without measuring the noise floor unless asked to."""
    return compare(old.directory, new.directory, options={"noise_audits": 0, **options})


def states(found: PublishedComparison) -> dict[str, str]:
    """Return the state of each example that has one."""
    table = found.table("changes").to_pandas().dropna(subset="state")
    return dict(zip(table["example_id"], table["state"], strict=True))


@pytest.fixture(scope="module")
def digits() -> pd.DataFrame:
    """Return handwritten digits in random order; those first that a model knows beyond doubt."""
    pixels, truth = (values[:900] for values in load_digits(return_X_y=True))
    probs = cross_val_predict(LogisticRegression(), pixels / 16, truth, cv=3, method="predict_proba")
    order = np.random.default_rng(0).permutation(900)
    rows = order[np.argsort(probs[order, truth[order]] <= 0.9, kind="stable")]
    frame = pd.DataFrame((pixels / 16)[rows], columns=[f"p{place}" for place in range(64)])
    names = np.array([f"digit {number}" for number in range(10)])
    return frame.assign(id=[f"row{row}" for row in rows], label=names[truth[rows]], truth=names[truth[rows]])


def spoil(frame: pd.DataFrame, places: range) -> list[str]:
    """Give rows labels of other digits; return their ids."""
    where = list(places)
    numbers = [(int(frame["truth"][row][-1]) + 1 + row % 9) % 10 for row in where]
    frame.loc[where, "label"] = [f"digit {number}" for number in numbers]
    return [str(name) for name in frame["id"][where]]


def test_story_of_five_versions(audited: Callable[..., Audit], digits: pd.DataFrame) -> None:
    """Growing, shuffled and relabelled, spoiled by one source, repaired: each planted example has its state.

    The gate passes what grows, fails the bad batch, names its source, and passes again after the repair.
    """
    frame = digits.assign(source=np.where(np.arange(len(digits)) % 3, "lab", "street"))
    planted, arriving = spoil(frame, range(8)), spoil(frame, range(300, 303))
    batch = frame[100:220].reset_index(drop=True).assign(source="vendor")
    bad = spoil(batch, range(40))
    frame = frame.drop(index=range(100, 220))
    first = frame.drop(index=range(300, 360))
    second = frame[frame["id"] != planted[5]]
    third = second.sample(frac=1, random_state=2, ignore_index=True)
    relabelled = third["id"].isin(planted[:2])
    third.loc[relabelled, "label"] = third["truth"]
    fourth = pd.concat([third, batch], ignore_index=True)
    fifth = fourth.copy()
    fifth.loc[fifth["source"] == "vendor", "label"] = fifth["truth"]
    back = fifth["id"] == planted[0]
    fifth.loc[back, "label"] = frame["label"][0]
    gate = {**RISE, "max_flagged_share": None, "min_health_score": None}
    one, two, three, four, five = (
        audited(version, f"v{number}", **{**QUICK, "gate": gate})
        for number, version in enumerate([first, second, third, fourth, fifth], 1)
    )

    grown, changed, spoiled, repaired = (
        compared(*pair) for pair in ((one, two), (two, three), (three, four), (four, five))
    )

    of = states(grown)
    assert {of[name] for name in planted[:5] + planted[6:]} == {"persisting"}
    assert of[planted[5]] == "vanished"
    assert {of[name] for name in arriving} == {"arrived_flagged"}
    of = states(changed)
    assert {of[name] for name in planted[:2]} == {"fixed_relabelled"}
    assert {of[name] for name in planted[2:5]} == {"persisting"}
    assert changed.comparison["n_kept"] == len(third)  # shuffled, and every row found
    assert changed.comparison["match_rate"] == 1
    of = states(spoiled)
    assert {of[name] for name in bad} == {"arrived_flagged"}
    assert spoiled.finding == "flag rate rose"
    slices = spoiled.table("slice_changes").to_pylist()
    assert (slices[0]["column"], slices[0]["value"]) == ("source", "vendor")
    assert slices[0]["p_adjusted"] < 0.001
    of = states(repaired)
    assert {of[name] for name in bad} == {"fixed_relabelled"}
    assert of[planted[0]] == "reopened"
    assert repaired.finding == "flag rate fell"
    row = spoiled.comparison
    parts = ("auditor", "removed", "relabelled", "unchanged", "added")
    assert sum(row[f"change_{part}"] for part in parts) == pytest.approx(row["change_total"], abs=1e-12)
    assert row["change_added"] > 0.02
    assert [audit.verdict.verdict for audit in (two, three, four, five)] == ["PASS", "PASS", "FAIL", "PASS"]
    assert "most where source is 'vendor'" in four.verdict.reasons[0]
    history = read_history(one.directory.parents[2])
    assert [row["dataset_version"] for row in history] == ["v1", "v2", "v3", "v4", "v5"]


def test_same_version_has_not_changed(audited: Callable[..., Audit]) -> None:
    """An audit held against itself: nothing is new, fixed or gone, and p is 1."""
    version = audited(rows(200, "a", 4, seed=0), "v1")

    found = compared(version, version)

    assert found.finding == "no change beyond chance"
    assert found.comparison["p_value"] == 1
    assert set(states(found).values()) == {"persisting"}


def test_other_recipe_is_told_from_other_rows(audited: Callable[..., Audit]) -> None:
    """With another filter the old version is audited again: what the filter changed is the auditor's part."""
    first = rows(300, "a", 10, seed=0)
    old = audited(first, "v1")
    new = audited(
        pd.concat([first, rows(30, "b", 0, seed=1)]), "v2", issues={"filter_by": "predicted_neq_given"}
    )

    found = compared(old, new)

    again = audited(first, "v1", issues={"filter_by": "predicted_neq_given"})
    row = found.comparison
    assert row["change_auditor"] == pytest.approx(again.health["flagged_share"] - old.health["flagged_share"])
    assert row["old_flagged_share"] == old.health["flagged_share"]
    assert row["change_auditor"] != 0


def test_old_files_that_are_gone_are_told(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """Where the old version cannot be audited again nothing is concluded, and the reason is a warning."""
    first = rows(200, "a", 4, seed=0)
    old = audited(first, "v1")
    (tmp_path / "v1.parquet").unlink()
    new = audited(first, "v2", issues={"filter_by": "predicted_neq_given"})

    found = compared(old, new)

    assert found.finding == "not comparable"
    assert found.comparison["change_auditor"] is None
    assert found.manifest["warnings"][0].startswith("version v1 could not be audited with the new recipe")


def test_rows_that_are_not_found_again_conclude_nothing(audited: Callable[..., Audit]) -> None:
    """Below the configured match rate there is no finding, however different the shares."""
    old = audited(rows(200, "a", 2, seed=0), "v1")
    new = audited(rows(200, "b", 60, seed=1), "v2")

    found = compared(old, new)

    assert found.comparison["match_rate"] == 0
    assert found.finding == "not comparable"
    assert found.comparison["p_value"] is None
    assert compared(old, new, min_match_rate=0.0).finding == "not comparable"


def test_noise_floor_is_what_other_seeds_change(audited: Callable[..., Audit]) -> None:
    """Audits with other seeds are not published, and their spread is the floor."""
    version = audited(rows(200, "a", 6, seed=0), "v1")

    found = compare(version.directory, version.directory, options={"noise_audits": 2})

    assert found.comparison["noise_floor"] >= 0
    assert len(read_history(version.directory.parents[2])) == 1
    assert len(list(version.directory.parent.iterdir())) == 1


def test_history_of_an_older_schema_stays_readable(audited: Callable[..., Audit]) -> None:
    """A row that lacks today's columns is shown with what it has; a damaged file is passed over."""
    version = audited(rows(150, "a", 3, seed=0), "v1")
    folder = version.directory.parents[1] / "history"
    (path,) = folder.glob("*/*.parquet")
    older = folder / "version=v0"
    older.mkdir()
    pq.write_table(
        pq.ParquetFile(path).read().drop_columns(["worst_overlap", "reasons"]), older / "old.parquet"
    )
    (older / "torn.parquet").write_bytes(path.read_bytes()[:100])

    found = read_history(version.directory.parents[2])

    assert len(found) == 2
    assert {row["worst_overlap"] is None for row in found} == {True, False}


def test_audits_of_two_datasets_are_not_compared(audited: Callable[..., Audit]) -> None:
    """The message names both."""
    one = audited(rows(150, "a", 3, seed=0), "v1")
    other = audited(rows(150, "a", 3, seed=0), "v2", dataset={"name": "other", "version": "v2"})

    with pytest.raises(ValueError, match=r"must be audits of one dataset; got 'data' and 'other'"):
        compared(one, other)


RISE = {"max_flagged_rise": {"max": 0.02, "baseline": "previous"}}
QUICK = {"gate": RISE, "compare": {"noise_audits": 0}, "issues": {"filter_by": "predicted_neq_given"}}


def rule_of(version: Audit) -> dict[str, Any]:
    """Return what the check against the baseline says."""
    (row,) = version.checks[version.checks["rule"] == "max_flagged_rise"].to_dict("records")
    return dict(row)


def test_gate_fails_on_a_bad_batch_and_names_its_source(audited: Callable[..., Audit]) -> None:
    """The first version has nothing to be held against, the spoiled one fails with its source, the repaired passes."""
    first = rows(300, "a", 6, seed=0)
    spoiled = pd.concat([first, rows(120, "c", 40, seed=3)], ignore_index=True)
    repaired = spoiled.assign(label=spoiled["truth"].where(spoiled["source"] == "c", spoiled["label"]))

    one, two, three = (
        audited(frame, f"v{n}", **QUICK) for n, frame in enumerate([first, spoiled, repaired], 1)
    )

    assert one.verdict.verdict == "PASS"
    assert rule_of(one)["verdict"] == "skipped"
    assert two.verdict.verdict == "FAIL"
    assert "against version v1, most where source is 'c'" in rule_of(two)["reason"]
    assert two.table("changes").num_rows > 0
    assert three.verdict.verdict == "PASS"
    assert three.table("comparison").to_pylist()[0]["finding"] == "flag rate fell"


def test_audit_again_is_held_against_the_same_baseline(audited: Callable[..., Audit]) -> None:
    """A repeat of an old version is not compared with what came after it, and lands in the same folder."""
    first, second = rows(200, "a", 4, seed=0), rows(220, "a", 4, seed=0)
    audited(first, "v1", **QUICK)
    two = audited(second, "v2", **QUICK)
    audited(rows(240, "a", 4, seed=0), "v3", **QUICK)

    again = audited(second, "v2", **QUICK)

    assert again.directory == two.directory
    assert "against version v1" in rule_of(again)["reason"]


def test_named_baseline_must_exist(audited: Callable[..., Audit]) -> None:
    """A version that was never audited leaves the check unmade, which is inconclusive; an audited one is used."""
    first = rows(200, "a", 4, seed=0)
    audited(first, "v1", **QUICK)
    audited(rows(220, "a", 4, seed=0), "v2", **QUICK)
    third = rows(240, "a", 4, seed=0)

    lost = audited(third, "v3", **{**QUICK, "gate": {"max_flagged_rise": {"max": 0.02, "baseline": "v9"}}})
    found = audited(third, "v3", **{**QUICK, "gate": {"max_flagged_rise": {"max": 0.02, "baseline": "v1"}}})

    assert lost.verdict.verdict == "INCONCLUSIVE"
    assert rule_of(lost)["reason"] == "there is no audit of version 'v9' to compare with"
    assert found.verdict.verdict == "PASS"
    assert "against version v1" in rule_of(found)["reason"]


def test_versions_that_do_not_match_are_inconclusive(audited: Callable[..., Audit]) -> None:
    """Below the match rate the rule cannot be checked, and the gate does not pass."""
    audited(rows(200, "a", 4, seed=0), "v1", **QUICK)

    other = audited(rows(200, "b", 4, seed=1), "v2", **QUICK)

    assert other.verdict.verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("module", "n_warnings"),
    [
        ("labelhealth.tasks.guard_tables", 0),
        ("labelhealth.tasks.expectations", 0),
        ("labelhealth.core.parts", 1),
    ],
)
def test_code_that_changes_no_row_is_no_other_auditor(
    audited: Callable[..., Audit],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    module: str,
    n_warnings: int,
) -> None:
    """After an edit of a guard, a check or a canary the old version is not audited again; of a pass, it is."""
    beside: dict[str, Any] = {**QUICK, "canary": {"n_seeds": 1}, "data_issues": {}}
    first = rows(150, "a", 4, seed=0)
    old = audited(first, "v1", **beside)
    digest = keys._source_digest
    monkeypatch.setattr(keys, "_source_digest", lambda name: digest(name) + "x" * (name == module))
    keys.fingerprint.cache_clear()
    new = audited(rows(160, "a", 4, seed=0), "v2", **beside)
    (tmp_path / "v1.parquet").unlink()  # to audit it again would be told

    found = compared(old, new)

    keys.fingerprint.cache_clear()
    assert new.manifest["code"] != old.manifest["code"]
    assert len(found.manifest["warnings"]) == n_warnings


def test_sections_that_change_no_row_are_no_other_recipe(
    audited: Callable[..., Audit], tmp_path: Path
) -> None:
    """Canaries, issues beside labels and the gate may be asked for, or not, from one version to the next."""
    old = audited(rows(150, "a", 4, seed=0), "v1")
    new = audited(
        rows(160, "a", 4, seed=0), "v2", canary={"n_seeds": 1}, data_issues={}, gate={"min_rows": 5}
    )
    (tmp_path / "v1.parquet").unlink()

    assert compared(old, new).manifest["warnings"] == []


def test_stages_that_change_no_row_are_stages() -> None:
    """No name in the list is misspelt, and every stage whose rows go to the report is missing in it."""
    names = {stage.name for stage in STAGES}

    assert len(names) == len(STAGES)  # the manifest knows the code of a stage by its name
    assert set(NO_CODE) <= names
    assert {"load", "train", "judge", "select", "settle", "issues", "report", "health"} <= names - set(
        NO_CODE
    )


def drop_of(version: Audit) -> dict[str, Any]:
    """Return what the check of the health score says."""
    (row,) = version.checks[version.checks["rule"] == "max_health_drop"].to_dict("records")
    return dict(row)


def with_gate(**gate: Any) -> dict[str, Any]:
    """Return quick options with rules of the gate."""
    return {**QUICK, "gate": gate}


def test_gate_fails_on_a_drop_of_health_and_names_the_classes(audited: Callable[..., Audit]) -> None:
    """A batch whose ants are called bees: the drop is told with the class whose labels became worse."""
    quick = with_gate(max_health_drop={"max": 0.02})
    first = rows(300, "a", 6, seed=0)
    batch = rows(150, "c", 0, seed=3)
    batch.loc[batch["truth"] == "ant", "label"] = "bee"

    one = audited(first, "v1", **quick)
    two = audited(pd.concat([first, batch], ignore_index=True), "v2", **quick)
    three = audited(pd.concat([first, rows(150, "c", 0, seed=3)], ignore_index=True), "v3", **quick)

    assert drop_of(one)["verdict"] == "skipped"
    assert two.verdict.verdict == "FAIL"
    assert "against version v1, label quality fell most in 'bee' (" in drop_of(two)["reason"]
    row = two.table("comparison").to_pylist()[0]
    assert row["old_health_score"] == one.health["overall_label_health_score"]
    assert row["new_health_score"] == two.health["overall_label_health_score"]
    assert row["proven_drop"] == pytest.approx(row["old_health_score"] - row["new_health_score"])
    assert row["p_health"] < 0.05
    assert three.verdict.verdict == "PASS"
    assert three.table("comparison").to_pylist()[0]["proven_drop"] == 0


def test_drop_within_the_noise_floor_is_none() -> None:
    """What other seeds change as much as the new version is no drop, however many rows there are."""
    scores = HealthScores(old=0.95, new=0.90)
    sizes = (100_000, 100_000)

    alone = health_change(scores, sizes, 0.05, is_comparable=True)
    floored = [
        health_change(scores.model_copy(update={"noise_floor": floor}), sizes, 0.05, is_comparable=True)
        for floor in (0.06, 0.01)
    ]
    few = health_change(scores, (100, 100), 0.05, is_comparable=True)
    apart = health_change(scores, sizes, 0.05, is_comparable=False)

    assert alone["proven_drop"] == pytest.approx(0.05)
    assert [found["proven_drop"] for found in floored] == [0, pytest.approx(0.05)]
    assert few["proven_drop"] == 0
    assert np.isnan(apart["proven_drop"])


def test_noise_floor_of_health_is_measured(audited: Callable[..., Audit]) -> None:
    """The same audits with other seeds give both floors."""
    quick = {**with_gate(max_health_drop=0.02), "compare": {"noise_audits": 2}}
    audited(rows(200, "a", 8, seed=0), "v1", **quick)

    row = audited(rows(230, "a", 8, seed=0), "v2", **quick).table("comparison").to_pylist()[0]

    assert row["noise_floor"] >= 0
    assert row["health_noise_floor"] >= 0


@pytest.mark.parametrize(("baseline", "n_comparisons"), [("v2", 1), ("v1", 2)])
def test_rules_of_one_baseline_share_its_comparison(
    audited: Callable[..., Audit], ran: Counter[str], baseline: str, n_comparisons: int
) -> None:
    """Whatever it is called; with two baselines each is compared with, and the rise has the tables."""
    rules = {"max_flagged_rise": {"max": 0.02}, "max_health_drop": {"max": 0.02, "baseline": baseline}}
    audited(rows(200, "a", 4, seed=0), "v1", **with_gate())
    audited(rows(220, "a", 4, seed=0), "v2", **with_gate())
    ran.clear()

    found = audited(rows(240, "a", 4, seed=0), "v3", **with_gate(**rules))

    assert ran["compare_versions"] == ran["check_baseline"] == n_comparisons
    assert found.verdict.verdict == "PASS"
    checks = found.checks[found.checks["checkpoint"] == "baseline"]
    assert checks["rule"].tolist() == ["max_flagged_rise", "max_health_drop"]
    assert "against version v2" in rule_of(found)["reason"]
    assert f"against version {'v1' if n_comparisons == 2 else 'v2'}" in drop_of(found)["reason"]
    assert found.table("comparison").to_pylist()[0]["n_old"] == 220


def test_each_rule_without_its_baseline_says_so(audited: Callable[..., Audit]) -> None:
    """One rule waits for a first version, the other for one that was never audited."""
    rules = {"max_flagged_rise": {"max": 0.02}, "max_health_drop": {"max": 0.02, "baseline": "v9"}}

    found = audited(rows(200, "a", 4, seed=0), "v1", **with_gate(**rules))

    assert rule_of(found)["verdict"] == "skipped"
    assert drop_of(found)["reason"] == "there is no audit of version 'v9' to compare with"
    assert found.verdict.verdict == "INCONCLUSIVE"
