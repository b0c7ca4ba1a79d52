"""People look at labels: what they say counts in the next audit, expires with what it was said about, and is kept."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelhealth.api import (
    apply_review,
    audit,
    compare,
    export_review,
    import_review,
    revert_review,
    review_status,
)
from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.published import Audit

NAMES = np.array(["ant", "bee", "cat"])
CENTERS = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
Verdicts = Mapping[str, tuple[str, str]]  # example -> verdict and corrected label


def examples(n_rows: int = 240, n_wrong: int = 12) -> pd.DataFrame:
    """Return examples of which the first are wrong."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 3, n_rows)
    given = np.where(np.arange(n_rows) < n_wrong, (truth + 1) % 3, truth)
    places = CENTERS[truth] + rng.normal(size=(n_rows, 2))
    return pd.DataFrame(
        {
            "id": [f"00{row}" for row in range(n_rows)],
            "x": places[:, 0],
            "y": places[:, 1],
            "label": NAMES[given],
            "truth": NAMES[truth],
        }
    )


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., Audit]:
    """Return a function that audits a table as a version of one dataset."""

    def run(frame: pd.DataFrame, version: str = "v1", **options: Any) -> Audit:
        path = tmp_path / f"{version}.parquet"
        frame.to_parquet(path)
        document = {
            "dataset": {"name": "data", "version": version},
            "input": {"id": "id", "exclude": ["truth"], **options.pop("input", {})},
            "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
            "issues": {"filter_by": "predicted_neq_given"},
            **options,
        }
        return audit(path, "label", root=tmp_path / "audits", options=document)

    return run


def fill(path: Path, say: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
    """Fill in a sheet: `say` returns what to write into a row."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [{**row, **say(row)} for row in csv.DictReader(file)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def by_truth(frame: pd.DataFrame) -> Callable[[Mapping[str, str]], Mapping[str, str]]:
    """Return a reviewer who knows the truth."""
    truth = dict(zip(frame["id"], frame["truth"], strict=True))

    def say(row: Mapping[str, str]) -> Mapping[str, str]:
        right = truth[row["example_id"]]
        return (
            {"verdict": "correct"}
            if row["given_label"] == right
            else {"verdict": "Wrong", "corrected_label": right}
        )

    return say


def review(found: Audit, path: Path, say: Any, **request: Any) -> None:
    """Export, fill in and import."""
    export_review(found.directory, path, **request)
    fill(path, say)
    import_review(found.directory, path, reviewer="ann")


def flagged(found: Audit) -> set[str]:
    """Return the flagged examples."""
    table = found.label_issues
    return set(table["example_id"][table["is_label_issue"]])


def test_confirmed_labels_leave_queue_and_gate(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """What a reviewer confirms is flagged no more and turns the gate; what is found wrong stays until corrected."""
    frame = examples()
    gate = {"max_flagged_share": 0.001}
    before = audited(frame, gate=gate)
    suspects = sorted(flagged(before))
    assert before.verdict.verdict == "FAIL"

    kept = suspects[0]
    review(
        before,
        tmp_path / "queue.csv",
        lambda row: {"verdict": "wrong" if row["example_id"] == kept else "correct"},
    )
    after = audited(frame, gate=gate)

    assert flagged(after) == {kept}
    assert after.health["flagged_count"] == 1
    assert after.health["overall_label_health_score"] > before.health["overall_label_health_score"]
    verdicts = after.label_issues.set_index("example_id")["verdict"]
    assert verdicts[kept] == "wrong"
    assert (verdicts[suspects[1:]] == "correct").all()
    assert verdicts.notna().sum() == len(suspects)
    row = after.table("review").to_pylist()[0]
    assert (row["n_correct"], row["n_wrong"], row["n_unflagged"]) == (len(suspects) - 1, 1, len(suspects) - 1)
    assert after.table("joint").to_pandas()["count"].sum() == before.table("joint").to_pandas()["count"].sum()
    assert after.verdict.verdict == "FAIL"  # one known error is more than the gate allows

    review(after, tmp_path / "again.csv", lambda _row: {}, purpose="rest", n_rows=5)
    with pytest.raises(LabelHealthError, match="there must be rows to review; got no flagged rows"):
        export_review(after.directory, tmp_path / "empty.csv")
    assert audited(frame, gate={"max_flagged_share": 0.01}).verdict.verdict == "PASS"


def test_verdict_expires_with_label_and_content(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """A verdict is about one label and one content: it survives another order, and nothing else."""
    frame = examples()
    first = audited(frame)
    one, two, three = sorted(flagged(first))[:3]
    review(first, tmp_path / "queue.csv", lambda _row: {"verdict": "correct"})

    changed = frame.sample(frac=1, random_state=0, ignore_index=True)
    changed.loc[changed["id"] == one, "label"] = "ant" if first_label(frame, one) != "ant" else "bee"
    changed.loc[changed["id"] == two, "x"] += 1e-6
    second = audited(changed, "v2")

    verdicts = second.label_issues.set_index("example_id")["verdict"]
    assert verdicts[[one, two]].isna().all()
    assert verdicts[three] == "correct"
    assert second.table("review").to_pylist()[0]["n_expired"] == 2
    gone = audited(frame[frame["id"] != three], "v3")
    assert gone.table("review").to_pylist()[0]["n_absent"] == 1


def first_label(frame: pd.DataFrame, example: str) -> str:
    """Return the label of an example."""
    return str(frame.set_index("id")["label"][example])


def test_error_rate_is_of_the_random_sample_alone(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """Verdicts on the worst labels give no rate; those on a sample do, and open rows widen the interval."""
    frame = examples()
    found = audited(frame)
    review(found, tmp_path / "queue.csv", by_truth(frame))

    assert review_status(found.directory).rates == []
    assert not audited(frame).has("error_rate")

    path = tmp_path / "sample.csv"
    export = export_review(found.directory, path, purpose="sample", n_rows=120)
    header = path.read_text(encoding="utf-8-sig").splitlines()[0]
    assert not {"predicted_label", "label_quality", "rank"} & set(header.split(","))
    say = by_truth(frame)
    numbers = {f"{export.name}-{number:05d}" for number in range(1, 101)}
    fill(path, lambda row: say(row) if row["review_key"] in numbers else {})
    import_review(found.directory, path)
    (row,) = review_status(found.directory).rates
    assert (row["n_reviewed"], row["n_open"], row["rate"]) == (100, 20, None)
    wide = row["high"] - row["low"]

    fill_again = tmp_path / "all.csv"
    export_review(found.directory, fill_again, purpose="sample", n_rows=120)
    fill(fill_again, say)
    import_review(found.directory, fill_again)
    (row,) = audited(frame).table("error_rate").to_pylist()
    assert row["n_open"] == 0
    assert row["low"] < 0.05 < row["high"]
    assert row["low"] < row["rate"] < row["high"]
    assert row["high"] - row["low"] < wide
    assert row["n_wrong"] == sum(say(each).get("verdict") == "Wrong" for each in read_sheet(fill_again))


def read_sheet(path: Path) -> list[dict[str, str]]:
    """Return the rows of a filled-in sheet."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_rest_gives_a_bound_and_no_rate(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """Rows drawn among those without a verdict bound what is left there; whoever is unsure counts as wrong."""
    frame = examples()
    found = audited(frame)
    review(found, tmp_path / "queue.csv", by_truth(frame))
    export = export_review(found.directory, tmp_path / "rest.csv", purpose="rest", n_rows=60)
    assert export.design.n_population == 240 - len(flagged(found))

    fill(tmp_path / "rest.csv", lambda _row: {"verdict": "correct"})
    import_review(found.directory, tmp_path / "rest.csv")
    (row,) = review_status(found.directory).rates
    assert (row["estimator"], row["rate"], row["low"]) == ("elusion bound", None, None)
    assert row["high"] == pytest.approx(1 - 0.05 ** (1 / 60))
    unsure = tmp_path / "unsure.csv"
    unsure.write_text(f"review_key,verdict\n{export.name}-00001,unsure\n")
    import_review(found.directory, unsure)
    assert review_status(found.directory).rates[0]["high"] > row["high"]


def test_new_verdicts_run_no_training(
    audited: Callable[..., Audit], tmp_path: Path, ran: Counter[str]
) -> None:
    """The verdict store is an input of the stages that read it, and of no other."""
    frame = examples()
    found = audited(frame)
    review(found, tmp_path / "queue.csv", lambda _row: {"verdict": "correct"}, n_rows=5)
    ran.clear()

    audited(frame)
    audited(frame)

    assert {"recall", "heed", "health", "report"} <= set(ran)
    assert not {"load", "train", "judge", "issues", "contents"} & set(ran)
    assert ran["recall"] == 1


def test_verdicts_change_no_comparison_by_themselves(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """Two versions with the same rows are compared with the same verdicts, whenever these came."""
    frame = examples()
    before = audited(frame)
    review(before, tmp_path / "queue.csv", lambda _row: {"verdict": "correct"})
    after = audited(frame.sample(frac=1, random_state=1, ignore_index=True), "v2")

    found = compare(before.directory, after.directory, options={"noise_audits": 0})

    assert found.finding == "no change beyond chance"
    assert found.comparison["change_unchanged"] == pytest.approx(0)
    assert found.comparison["change_auditor"] < 0


def test_verdicts_need_no_features(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """With ready probabilities the content of rows is hashed all the same: a changed row asks for a new verdict."""
    frame = examples().assign(blob=[f"{row}".encode() for row in range(240)])
    probs = np.full((240, 3), 0.05)
    probs[np.arange(240), np.searchsorted(NAMES, frame["truth"])] = 0.9
    np.save(tmp_path / "probs.npy", probs)
    given = {
        "pred_probs": {"file": str(tmp_path / "probs.npy"), "aligned": True, "class_names": NAMES.tolist()}
    }
    first = audited(frame, probabilities={}, **given)
    review(first, tmp_path / "queue.csv", lambda _row: {"verdict": "correct"})
    assert flagged(audited(frame, probabilities={}, **given)) == set()

    changed = frame.copy()
    changed.at[0, "blob"] = b"another picture"

    assert flagged(audited(changed, "v2", probabilities={}, **given)) == {"000"}


@pytest.mark.parametrize("kind", ["string", "int64", "dictionary", "bool"])
def test_corrected_copy_and_the_way_back(audited: Callable[..., Audit], tmp_path: Path, kind: str) -> None:
    """The copy has the labels that were asked for, the input is untouched, and the patch gives the input back."""
    frame = examples()
    if kind == "bool":
        frame = frame[(frame[["label", "truth"]] != "cat").all(axis=1)].reset_index(drop=True)
    values = {
        "int64": {"ant": 3, "bee": 5, "cat": 8},
        "bool": {"ant": True, "bee": False},
    }.get(kind, {name: name for name in NAMES})
    for name in ("label", "truth"):
        frame[name] = frame[name].map(values)
    if kind == "dictionary":
        frame["label"] = pd.Categorical(frame["label"], NAMES)
    found = audited(frame)
    source = tmp_path / "v1.parquet"
    before = source.read_bytes()
    said = frame.assign(
        truth=frame["truth"].map(lambda value: str(value).lower() if kind == "bool" else str(value))
    )
    review(found, tmp_path / "queue.csv", by_truth(said))

    patch = apply_review(found.directory, tmp_path / "fixed.parquet")

    assert source.read_bytes() == before
    fixed = pq.ParquetFile(tmp_path / "fixed.parquet").read()
    old = pq.ParquetFile(source).read()
    assert fixed.schema.equals(old.schema, check_metadata=True)
    wrong = frame["id"].isin(flagged(found)) & (frame["label"].astype(object) != frame["truth"])
    expected = np.where(wrong, frame["truth"], frame["label"])
    assert fixed["label"].to_pylist() == expected.tolist()
    assert fixed.drop_columns(["label"]).equals(old.drop_columns(["label"]))
    assert pq.read_table(patch).num_rows == wrong.sum() > 0
    revert_review(tmp_path / "fixed.parquet", patch, tmp_path / "back.parquet")
    back = pq.ParquetFile(tmp_path / "back.parquet").read()
    assert back.schema.equals(old.schema, check_metadata=True)
    assert back.to_pylist() == old.to_pylist()
    again = audited(pd.read_parquet(tmp_path / "fixed.parquet"), "v2")
    assert not flagged(again) & set(frame["id"][wrong])


def test_directory_becomes_a_directory(tmp_path: Path) -> None:
    """Files that nothing is wrong with are copied byte by byte; partitions keep their folders."""
    frame = examples()
    data = tmp_path / "data"
    for name, rows in (("part=a", frame[:120]), ("part=b", frame[120:])):
        (data / name).mkdir(parents=True)
        rows.to_parquet(data / name / "rows.parquet")
    options = {
        "input": {"id": "id", "exclude": ["truth", "part"]},
        "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
    }
    found = audit(data, "label", root=tmp_path / "audits", options=options)
    review(found, tmp_path / "queue.csv", by_truth(frame))

    patch = apply_review(found.directory, tmp_path / "fixed")

    second = Path("part=b") / "rows.parquet"
    assert (tmp_path / "fixed" / second).read_bytes() == (data / second).read_bytes()
    fixed = pd.read_parquet(tmp_path / "fixed" / "part=a" / "rows.parquet")
    assert (fixed["label"] == fixed["truth"]).sum() > (frame[:120]["label"] == frame[:120]["truth"]).sum()
    with pytest.raises(LabelHealthError, match="`output` must be a new file or folder"):
        apply_review(found.directory, tmp_path / "fixed")
    with pytest.raises(
        LabelHealthError, match=r"`label` must hold '(ant|bee|cat)' where the patch changes it"
    ):
        revert_review(data, patch, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_label_studio_and_back(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """Tasks go out with a page to show them; annotations come back in either of the two forms."""
    frame = examples()
    found = audited(frame, input={"display": ["x"]})
    path = tmp_path / "tasks.json"
    export_review(found.directory, path, n_rows=4)
    tasks = json.loads(path.read_text())
    assert '<Choice value="bee"/>' in path.with_suffix(".labelling.xml").read_text()
    assert "x: " in tasks[0]["data"]["shown"]

    def choice(name: str, value: str) -> dict[str, Any]:
        return {"from_name": name, "type": "choices", "value": {"choices": [value]}}

    right = next(name for name in NAMES if name != tasks[1]["data"]["given_label"])
    annotations = [
        [{"result": [choice("verdict", "correct")], "completed_by": 3, "updated_at": "2026-11-01T10:00:00Z"}],
        [{"result": [choice("corrected_label", right)], "completed_by": {"email": "bo@x.org"}}],
        [{"result": [choice("verdict", "wrong")], "was_cancelled": True}],
        [],
    ]
    answers = [{**task, "annotations": said} for task, said in zip(tasks, annotations, strict=True)]
    path.write_text(json.dumps(answers))

    done = import_review(found.directory, path)

    assert (done.n_new, done.n_open) == (2, 2)
    flat = [{"review_key": tasks[2]["data"]["review_key"], "verdict": "unsure", "annotator": 5}]
    path.write_text(json.dumps(flat))
    assert import_review(found.directory, path).n_new == 1
    folder = found.directory.parents[1] / "review" / "verdicts"
    rows = pa.concat_tables(pq.ParquetFile(file).read() for file in sorted(folder.iterdir())).to_pylist()
    assert [row["verdict"] for row in rows] == ["correct", "wrong", "unsure"]
    assert [row["reviewer"] for row in rows] == ["3", "bo@x.org", "5"]
    assert rows[0]["reviewed_at"].isoformat() == "2026-11-01T10:00:00+00:00"
    assert rows[1]["corrected_label"] == right


def test_last_verdict_counts_and_none_is_lost(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """A file imported twice adds nothing; a reviewer who changes their mind is believed; all of it is kept."""
    found = audited(examples())
    path = tmp_path / "queue.csv"
    export = export_review(found.directory, path)
    fill(path, lambda _row: {"verdict": "wrong"})
    n_rows = export.rows.num_rows

    assert import_review(found.directory, path, reviewer="ann").n_new == n_rows
    again = import_review(found.directory, path, reviewer="ann")
    assert (again.n_new, again.n_known) == (0, n_rows)
    assert review_status(found.directory).n_queue == 0
    changed = tmp_path / "changed.csv"
    changed.write_text(f"review_key,verdict\n{export.name}-00001,unsure\n")
    assert import_review(found.directory, changed, reviewer="ann").n_new == 1
    status = review_status(found.directory)
    assert (status.n_verdicts, status.n_queue) == (n_rows, 1)


def test_imports_at_once_store_each_verdict_once(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """Imports of the same sheet at the same time add each verdict once."""
    found = audited(examples())
    path = tmp_path / "queue.csv"
    export = export_review(found.directory, path)
    fill(path, lambda _row: {"verdict": "correct"})

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: import_review(found.directory, path).n_new, range(4)))

    assert sum(done) == export.rows.num_rows
    assert sorted(done)[:3] == [0, 0, 0]


def test_sheet_holds_no_formula(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """What a spreadsheet would compute has an apostrophe in front, and comes back without."""
    frame = examples().assign(verdict="=1+1")
    found = audited(frame, input={"display": ["verdict"], "exclude": ["truth", "verdict"]})
    path = tmp_path / "queue.csv"
    export_review(found.directory, path)

    text = path.read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].startswith("review_key,verdict,corrected_label,reviewer,note,given_label,")
    assert "data.verdict" in text.splitlines()[0]
    assert ",'=1+1" in text
    assert ",=1+1" not in text
    fill(path, lambda _row: {"verdict": "wrong", "corrected_label": "'=new class"})
    import_review(found.directory, path)
    patch = apply_review(found.directory, tmp_path / "fixed.parquet")
    assert set(pq.read_table(patch)["new_label"].to_pylist()) == {"=new class"}


MISTAKES = [
    (
        "review_key,verdict\n{key},maybe\n",
        "`verdict` must be correct, wrong or unsure; got 'maybe' in row 1",
    ),
    (
        "review_key,verdict\n{export}-99999,correct\n",
        "`review_key` must be one of an export; got .*-99999'",
    ),
    (
        "review_key,verdict\nq000-00001,correct\n",
        "`review_key` must be one of an export; got 'q000-00001'",
    ),
    ("review_key,verdict\n../x-1,correct\n", "`review_key` must be one of an export"),
    ("review_key,verdict\n,correct\n", "`review_key` must stand beside every verdict; got none in row 1"),
    ("key,verdict\nx,correct\n", "'answers.csv' must have a column `review_key`; got key, verdict"),
    (
        "review_key,verdict,corrected_label\n{key},correct,dog\n",
        "`verdict` must agree with `corrected_label`; got correct with 'dog' for the given",
    ),
    (
        "review_key,verdict,reviewed_at\n{key},correct,yesterday\n",
        "`reviewed_at` must be a time; got 'yesterday' in row 1",
    ),
    ("", "'answers.csv' must have a column `review_key`; got none"),
    ("\udcff", "'answers.csv' must be a file that can be read"),
]


def test_mistakes_in_a_sheet_store_nothing(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """A bad row is named, and no other row of the file is stored either."""
    found = audited(examples())
    export = export_review(found.directory, tmp_path / "queue.csv")
    path = tmp_path / "answers.csv"
    for content, message in MISTAKES:
        text = content.format(key=f"{export.name}-00001", export=export.name)
        path.write_bytes(text.encode(errors="surrogateescape"))

        with pytest.raises(LabelHealthError, match=message):
            import_review(found.directory, path)

    assert not list((found.directory.parents[1] / "review" / "verdicts").glob("*"))


def test_places_that_cannot_be_reviewed_are_named(audited: Callable[..., Audit], tmp_path: Path) -> None:
    """A dataset that changed since, an ending nobody knows, a damaged store of verdicts, a patch that is none."""
    frame = examples()
    found = audited(frame)
    with pytest.raises(
        LabelHealthError, match=r"`output` must end in .csv, .parquet or .json; got queue.xlsx"
    ):
        export_review(found.directory, tmp_path / "queue.xlsx")
    with pytest.raises(LabelHealthError, match="`n_rows` must be 1 or more; got 0"):
        export_review(found.directory, tmp_path / "queue.csv", n_rows=0)
    with pytest.raises(LabelHealthError, match="there is no such verdict in force"):
        apply_review(found.directory, tmp_path / "fixed.parquet")
    with pytest.raises(LabelHealthError, match="`patch` must be a patch that can be read"):
        revert_review(tmp_path / "v1.parquet", tmp_path / "v1.parquet", tmp_path / "x.parquet")
    review(found, tmp_path / "queue.csv", by_truth(frame))
    (verdicts,) = (found.directory.parents[1] / "review" / "verdicts").iterdir()
    kept = verdicts.read_bytes()
    verdicts.write_bytes(b"PAR1")
    with pytest.raises(LabelHealthError, match="must be a file of verdicts that can be read"):
        audited(frame)
    verdicts.write_bytes(kept)
    frame.assign(x=0.5).to_parquet(tmp_path / "v1.parquet")
    with pytest.raises(LabelHealthError, match="has changed since"):
        export_review(found.directory, tmp_path / "queue.csv")
