"""Every kind of labels goes through the pipeline, and comes to what the library says of the same arrays."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelhealth.api import run
from labelhealth.configs.load import parse_config
from labelhealth.core import multiannotator, multilabel_classification, regression, token_classification
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit

NAMES = np.array(["ant", "bee", "cat"])
SET_NAMES = ["ant", "bee", "big", "cat"]
CENTERS = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
Write = Callable[..., Path]
Document = dict[str, Any]


@pytest.fixture
def audit(tmp_path: Path) -> Callable[..., Audit]:
    """Return a function that audits a file with some sections of a config."""

    def audited(path: Path, label: str, *, notes: RunNotes | None = None, **sections: Any) -> Audit:
        document: Document = {
            "dataset": {"path": str(path), "name": "data"},
            "store": {"root": str(tmp_path / "audits")},
            "run": {"engine": "local"},
            "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
            **sections,
            "input": {"label": label, **sections.get("input", {})},
        }
        if "pred_probs" in sections:
            del document["probabilities"]
        return run(parse_config(document, base=tmp_path, source="test"), notes=notes)

    return audited


def points(n_rows: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the true class of rows, and where they lie: three well separated heaps."""
    truth = np.arange(n_rows) % 3
    return truth, CENTERS[truth] + np.random.default_rng(seed).normal(size=(n_rows, 2))


def noisy_probs(has_label: np.ndarray, seed: int = 1) -> np.ndarray:
    """Return probabilities that mostly agree with 0 and 1."""
    rng = np.random.default_rng(seed)
    return np.clip(np.where(rng.random(has_label.shape) < 0.1, 1 - has_label, has_label) * 0.7
                   + rng.random(has_label.shape) * 0.3, 0, 1)  # fmt: skip


# --- several classes a row


def label_sets(n_rows: int = 150) -> tuple[list[list[str]], np.ndarray, np.ndarray]:
    """Return lists of classes, the same as 0 and 1, and the points that tell them."""
    truth, places = points(n_rows)
    sets = [[str(NAMES[t]), *(["big"] if t == 1 else [])] for t in truth]
    classes = SET_NAMES
    return sets, np.array([[name in row for name in classes] for row in sets], int), places


def test_label_sets_are_judged_as_the_library_judges_them(
    write_parquet: Write, audit: Callable[..., Audit]
) -> None:
    """Ready probabilities: flags, order, scores and summaries are those of `multilabel_classification`."""
    sets, has_label, _ = label_sets()
    probs = noisy_probs(has_label)
    data = {"id": np.arange(len(sets)), "tags": sets}
    data |= {f"p_{name}": probs[:, k] for k, name in enumerate(SET_NAMES)}

    found = audit(
        write_parquet(data),
        "tags",
        task="multi_label",
        input={"id": "id"},
        pred_probs={"class_names": SET_NAMES, "columns": "p_"},
    )

    rows = found.label_issues
    labels = [np.flatnonzero(row).tolist() for row in has_label]
    ranked = multilabel_classification.filter.find_label_issues(
        labels, probs, return_indices_ranked_by="self_confidence"
    )
    assert rows[rows["is_label_issue"]].sort_values("rank").index.tolist() == list(ranked)
    scores = multilabel_classification.rank.get_label_quality_scores(labels, probs)
    np.testing.assert_array_equal(rows["label_quality"], scores)
    common = multilabel_classification.dataset.common_multilabel_issues(labels, probs)
    issues = found.table("class_issues").to_pandas()
    assert issues["num_examples"].tolist() == common["Num Examples"].tolist()
    assert issues["class_index"].tolist() == common["Class Index"].tolist()
    health = multilabel_classification.dataset.overall_multilabel_health_score(labels, probs)
    assert found.health["overall_label_health_score"] == health
    assert found.health["worst_overlap"] is None
    flags = [set(json.loads(row["wrongly_given"])) | set(json.loads(row["wrongly_left_out"]))
             for _, row in rows.iterrows()]  # fmt: skip
    assert sum(map(len, flags)) == common["Num Examples"].sum()


def test_form_of_independent_probabilities_changes_nothing(
    write_parquet: Write, audit: Callable[..., Audit], tmp_path: Path
) -> None:
    """A list column, a .npy in the order of the rows and one with ids give the same report."""
    sets, has_label, _ = label_sets(60)
    probs = noisy_probs(has_label)
    order = np.random.default_rng(3).permutation(60)
    np.save(tmp_path / "p.npy", probs)
    np.save(tmp_path / "mixed.npy", probs[order])
    np.save(tmp_path / "ids.npy", order)
    names = SET_NAMES
    path = write_parquet({"id": np.arange(60), "tags": sets, "p": probs.tolist()})

    reports = [
        audit(path, "tags", task="multi_label", input={"id": "id"}, pred_probs={"class_names": names, **form})
        .table("label_issues")
        .drop_columns(["p"] if "p" in form else [])
        for form in (
            {"column": "p"},
            {"file": "p.npy", "aligned": True},
            {"file": "mixed.npy", "ids_file": "ids.npy"},
        )
    ]

    assert reports[0].equals(reports[1])
    assert reports[0].equals(reports[2])


def test_label_sets_are_learned_class_by_class(
    write_parquet: Write, audit: Callable[..., Audit], ran: Counter[str]
) -> None:
    """Training: planted errors come first, a repeat runs nothing, rows without a list are not judged."""
    sets, _, places = label_sets()
    for row in range(6):
        sets[row] = ["bee"] if "bee" not in sets[row] else []
    column = pa.array([None if row == 10 else tags for row, tags in enumerate(sets)])
    path = write_parquet({"x": places[:, 0], "y": places[:, 1], "tags": column})

    found = audit(path, "tags", task="multi_label")

    rows = found.label_issues
    assert set(range(6)) <= set(
        rows.nsmallest(8, "label_quality").index
    )  # heaps touch: two more stand between
    assert rows["is_label_issue"][:6].all()
    assert rows["not_judged_reason"][10] == "no_label"
    assert pd.isna(rows["given_label"][10])
    assert found.health["n_judged"] == 149
    assert ran["train"] == 3
    ran.clear()
    notes = RunNotes()
    again = audit(path, "tags", task="multi_label", notes=notes)
    assert again.directory == found.directory
    assert notes.answered_by == "store"
    assert not ran


def test_class_that_training_lacks_is_not_judged(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """A row of a class that its model never saw is listed, and is no label issue."""
    sets, _, places = label_sets(90)
    sets[4] = [*sets[4], "rare"]

    rows = audit(
        write_parquet({"x": places[:, 0], "y": places[:, 1], "tags": sets}), "tags", task="multi_label"
    ).label_issues

    assert rows["not_judged_reason"][4] == "class_not_in_training"
    assert not rows["is_label_issue"][4]
    assert rows["judged"].sum() == 89


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", "b"] * 20, r"`tags` must hold lists of classes with task multi_label; got type string"),
        (
            [["a"], ["a", None]] * 20,
            r"`tags` must hold lists of classes, none of them null; got null at row 1\.",
        ),
        ([["a"], []] * 20, r"at least two classes in `tags`; got only 'a'"),
        ([[1.5], [2.0]] * 20, r"`tags` must hold classes, so whole numbers; got 1.5 at row 0"),
    ],
)
def test_bad_label_sets_are_refused(
    write_parquet: Write, audit: Callable[..., Audit], column: Any, message: str
) -> None:
    """What is no list of classes is refused with its place."""
    path = write_parquet({"x": np.arange(40.0), "tags": column})

    with pytest.raises(ValueError, match=message):
        audit(path, "tags", task="multi_label")


def test_independent_probabilities_are_held_to_their_range(
    write_parquet: Write, audit: Callable[..., Audit]
) -> None:
    """Rows need not sum to one; a value above 1 is refused all the same."""
    path = write_parquet({"id": [1, 2, 3], "tags": [["a"], ["b"], []], "p": [[0.9, 0.9], [0.1, 1.2], [0, 0]]})

    with pytest.raises(ValueError, match=r"`pred_probs` must be at most 1; got 1.2 at row 1"):
        audit(
            path,
            "tags",
            task="multi_label",
            input={"id": "id"},
            pred_probs={"class_names": ["a", "b"], "column": "p"},
        )


# --- several annotators


def crowd(n_rows: int = 150, seed: int = 2) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Return the truth, points, and votes of three annotators of different care; None where one did not vote."""
    truth, places = points(n_rows)
    rng = np.random.default_rng(seed)
    votes = np.stack([np.where(rng.random(n_rows) < care, truth, rng.integers(0, 3, n_rows))
                      for care in (0.95, 0.8, 0.6)], axis=1)  # fmt: skip
    table = np.where(rng.random((n_rows, 3)) < 0.2, None, NAMES[votes])
    table[:3] = None
    return truth, places, pd.DataFrame(table, columns=["by_a", "by_b", "by_c"], dtype=object)


def test_consensus_is_that_of_the_library(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """Ready probabilities: labels, qualities and annotators are those of `multiannotator`; the consensus is audited."""
    truth, _, votes = crowd()
    probs = noisy_probs(np.eye(3)[truth])
    probs /= probs.sum(axis=1, keepdims=True)
    data = {"id": np.arange(150), "p": probs.tolist(), **{name: votes[name].tolist() for name in votes}}

    found = audit(
        write_parquet(data),
        "consensus",
        task="multi_annotator",
        input={"id": "id"},
        votes={"columns": "by_"},
        pred_probs={"class_names": NAMES.tolist(), "column": "p"},
    )

    codes = votes.apply(lambda column: column.map({name: code for code, name in enumerate(NAMES)}))
    has = votes.notna().any(axis=1).to_numpy()
    expected = multiannotator.get_label_quality_multiannotator(
        codes[has].astype(float), probs[has], verbose=False
    )
    table = found.table("consensus").to_pandas()
    quality = expected["label_quality"]
    assert table["consensus_label"][has].tolist() == NAMES[quality["consensus_label"]].tolist()
    np.testing.assert_allclose(
        table["consensus_quality"][has], quality["consensus_quality_score"], rtol=1e-12
    )
    assert table["num_annotations"].tolist() == votes.notna().sum(axis=1).tolist()
    people, stats = found.table("annotators").to_pandas(), expected["annotator_stats"]
    assert people["annotator"].tolist() == stats.index.tolist()
    np.testing.assert_allclose(people["annotator_quality"], stats["annotator_quality"], rtol=1e-12)
    rows = found.label_issues
    assert rows["given_label"].equals(table["consensus_label"])
    assert set(rows["not_judged_reason"][~has]) == {"no_label"}
    assert found.health["n_judged"] == has.sum()


def test_votes_in_columns_and_in_a_file_come_to_the_same(
    write_parquet: Write, audit: Callable[..., Audit]
) -> None:
    """One column an annotator, or one row a vote in any order: the same consensus, features alone being learned."""
    truth, places, votes = crowd()
    features = {"id": [f"r{row}" for row in range(150)], "x": places[:, 0], "y": places[:, 1]}
    wide = write_parquet({**features, **{name: votes[name].tolist() for name in votes}}, "wide.parquet")
    long = votes.assign(id=features["id"]).melt(id_vars="id", var_name="who", value_name="class").dropna()
    votes_file = write_parquet(
        pa.Table.from_pandas(long.sample(frac=1, random_state=0), preserve_index=False), "votes.parquet"
    )
    alone = write_parquet(features, "alone.parquet")
    options = {"task": "multi_annotator", "input": {"id": "id"}}

    one = audit(wide, "consensus", votes={"columns": ["by_a", "by_b", "by_c"]}, **options)
    of_file = {"file": str(votes_file), "example": "id", "annotator": "who", "label": "class"}
    other = audit(alone, "consensus", votes=of_file, **options)

    for name in ("consensus", "annotators", "class_health", "health"):
        assert one.table(name).equals(other.table(name)), name
    table = one.table("consensus").to_pandas()
    agreed = table[table["num_annotations"] > 0]
    assert (agreed["consensus_label"].to_numpy() == NAMES[truth[agreed.index]]).mean() > 0.95
    assert (agreed["consensus_label"] != agreed["majority_label"]).any()
    roles = one.table("columns").to_pandas().set_index("name")["role"]
    assert roles[["by_a", "x", "consensus"]].tolist() == ["unused", "feature", "label"]


def test_only_what_depends_on_a_vote_runs_again(
    write_parquet: Write, audit: Callable[..., Audit], ran: Counter[str]
) -> None:
    """Another way to agree runs the consensus and what follows; models stay as they are."""
    _, places, votes = crowd()
    columns = {name: votes[name].tolist() for name in votes}
    path = write_parquet({"x": places[:, 0], "y": places[:, 1], **columns})
    first = audit(path, "consensus", task="multi_annotator", votes={"columns": "by_"})
    assert (ran["vote"], ran["train"], ran["consensus"]) == (1, 3, 1)
    ran.clear()

    votes_options = {"columns": "by_", "quality_method": "agreement", "consensus_method": "majority_vote"}
    second = audit(path, "consensus", task="multi_annotator", votes=votes_options)

    assert ran["consensus"] == 1
    assert ran["vote"] == ran["train"] == ran["load"] == 0
    table = second.table("consensus").to_pandas()
    clear = table[table["annotator_agreement"] > 0.5]
    assert len(clear) > 100
    assert clear["consensus_label"].equals(clear["majority_label"])
    assert first.directory != second.directory


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (
            {"columns": "nobody_"},
            r"`votes.columns` must begin the names of two columns or more; got 'nobody_'",
        ),
        ({"columns": ["by_a", "by_x"]}, r"`votes.columns` must name columns of the dataset; got 'by_x'"),
        ({"columns": ["by_a", "by_b"], "file": "v.parquet"}, r"`votes.file` must stand beside `example`"),
        ({"example": "id", "label": "c"}, r"`votes` must name all of `example`, `annotator` and `label`"),
        ({}, r"`votes` must name either `columns` of the dataset"),
        ({"columns": ["by_a"]}, r"`votes.columns` must name two columns or more"),
    ],
)
def test_bad_votes_are_refused(
    write_parquet: Write, audit: Callable[..., Audit], votes: Document, message: str
) -> None:
    """A mistake in what holds the votes is named."""
    _, places, table = crowd(30)
    path = write_parquet({"x": places[:, 0], **{name: table[name].tolist() for name in table}})

    with pytest.raises(ValueError, match=message):
        audit(path, "consensus", task="multi_annotator", votes=votes)


def test_bad_files_of_votes_are_refused(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """Two votes of one annotator on a row, a vote of nobody, a label that is a column already; strangers are told."""
    _, places, _ = crowd(30)
    data = write_parquet({"id": np.arange(30), "x": places[:, 0], "y": places[:, 1]})

    def audited(votes: Document, label: str = "consensus") -> Audit:
        path = write_parquet(votes, f"votes-{len(list(data.parent.glob('votes-*')))}.parquet")
        of_file = {"file": str(path), "example": "id", "annotator": "who", "label": "class"}
        return audit(data, label, task="multi_annotator", input={"id": "id"}, votes=of_file)

    ids = [*range(30), *range(30)]
    good = {"id": ids, "who": ["a"] * 30 + ["b"] * 30, "class": [str(NAMES[row % 3]) for row in ids]}
    with pytest.raises(
        ValueError, match=r"an annotator must vote once on an example; got another one at row 30"
    ):
        audited({**good, "who": ["a"] * 60})
    with pytest.raises(ValueError, match=r"`who` must say who voted in every row; got null at row 59"):
        audited({**good, "who": [*good["who"][:59], None]})
    with pytest.raises(
        ValueError, match=r"`input.label` must be a new name .* got 'x', a column of the dataset"
    ):
        audited(good, "x")
    warned = audited({**good, "id": [99, *ids[1:]]}).manifest["warnings"]
    assert warned == ["1 of 60 votes are about examples that the dataset lacks; they are not used."]


# --- tokens


def test_tokens_are_summed_up_by_sentence(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """Ready probabilities: flags and scores of sentences are those of `token_classification`."""
    truth, _ = points(140)
    given = truth.copy()
    given[:8] = (given[:8] + 1) % 3
    probs = noisy_probs(np.eye(3)[truth])
    probs /= probs.sum(axis=1, keepdims=True)
    sentences = np.arange(140) // 7
    data = {
        "id": np.arange(140),
        "sentence": [f"s{number:02}" for number in sentences],
        "word": [f"w{row % 5}" for row in range(140)],
        "tag": NAMES[given].tolist(),
        "p": probs.tolist(),
    }

    found = audit(
        write_parquet(data),
        "tag",
        task="token_classification",
        input={"id": "id"},
        tokens={"sentence": "sentence", "token": "word"},
        pred_probs={"class_names": NAMES.tolist(), "column": "p"},
    )

    labels, parts = (np.split(part, 20) for part in (given, probs))
    scores, _ = token_classification.rank.get_label_quality_scores([part.tolist() for part in labels], parts)
    table = found.table("sentences").to_pandas().sort_values("sentence")
    np.testing.assert_array_equal(table["sentence_quality"], scores)
    places = token_classification.filter.find_label_issues([part.tolist() for part in labels], parts)
    rows = found.label_issues
    flagged = rows[rows["is_label_issue"]].sort_values("rank")
    assert flagged.index.tolist() == [7 * sentence + token for sentence, token in places]
    assert table["flagged_count"].sum() == len(places)
    words = found.table("token_issues").to_pandas()
    assert words["num_label_issues"].sum() == len(places)
    assert words["num_label_issues"].is_monotonic_decreasing
    assert {"sentence", "word"} <= set(rows.columns)


def test_tokens_of_a_sentence_stay_together(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """Training: a word that only one sentence has, with a feature that gives it away, is never learned from itself."""
    truth, places = points(140)
    path = write_parquet(
        {
            "sentence": np.arange(140) // 7,
            "x": places[:, 0],
            "y": places[:, 1],
            "tag": NAMES[truth].tolist(),
        }
    )

    found = audit(path, "tag", task="token_classification", tokens={"sentence": "sentence"})

    roles = found.table("columns").to_pandas().set_index("name")["role"]
    assert roles["sentence"] == "group"
    assert not found.has("token_issues")
    assert found.table("sentences").num_rows == 20


# --- numbers


def numbers(n_rows: int = 160) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features and a number that they tell; the first six are far off."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(n_rows, 2))
    y = 3 * x[:, 0] + x[:, 1] + rng.normal(size=n_rows) * 0.1
    y[:6] -= 8 * y[:6] + 20
    return pd.DataFrame({"x": x[:, 0], "y": x[:, 1], "price": y}), y


def test_ready_predictions_are_scored_as_the_library_scores(
    write_parquet: Write, audit: Callable[..., Audit]
) -> None:
    """Scores are those of `regression.rank`; rows below the threshold are flagged, rows without a number not judged."""
    frame, y = numbers()
    frame["predicted"] = 3 * frame["x"] + frame["y"]
    frame["id"] = np.arange(160)
    frame.loc[9, "price"] = np.nan
    path = write_parquet(pa.Table.from_pandas(frame, preserve_index=False))

    found = audit(
        path, "price", task="regression", input={"id": "id"}, regression={"predictions": "predicted"}
    )

    rows, judged = found.label_issues, np.delete(np.arange(160), 9)
    scores = regression.rank.get_label_quality_scores(y[judged], frame["predicted"].to_numpy()[judged])
    np.testing.assert_array_equal(rows["label_quality"][judged], scores)
    assert set(rows[rows["is_label_issue"]].index) == set(judged[scores < 0.05 * np.median(scores)])
    assert set(range(6)) <= set(rows[rows["is_label_issue"]].index)
    assert rows["not_judged_reason"][9] == "no_label"
    np.testing.assert_allclose(rows["residual"][judged], (frame["predicted"] - frame["price"])[judged])
    assert found.health["n_classes"] == 0
    assert found.table("fit").to_pylist()[0]["estimated_issue_share"] is None
    assert {row["rule"] for row in found.checks.to_dict("records")}.isdisjoint(
        {"max_overlap", "min_class_quality"}
    )


def test_numbers_are_learned_and_repeat(
    write_parquet: Write, audit: Callable[..., Audit], tmp_path: Path
) -> None:
    """Training: planted errors are flagged first, and the same bytes come out in another store."""
    frame, _ = numbers()
    path = write_parquet(pa.Table.from_pandas(frame, preserve_index=False))
    options = {"task": "regression", "probabilities": {"estimator": {"name": "LinearRegression"}}}

    found = audit(path, "price", **options)
    other = audit(path, "price", store={"root": str(tmp_path / "others")}, **options)

    rows = found.label_issues
    assert set(rows.nsmallest(6, "label_quality").index) == set(range(6))
    share = found.table("fit").to_pylist()[0]["estimated_issue_share"]
    assert share > 0
    assert set(rows[rows["is_label_issue"]].index) == set(
        rows.nsmallest(math.ceil(160 * share), "label_quality").index
    )
    assert found.table("label_issues").equals(other.table("label_issues"))


def test_copies_of_a_number_stay_in_one_fold(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """A model that remembers rows cannot predict wrong numbers from their own copies."""
    frame, _ = numbers(80)
    twice = pd.concat([frame, frame], ignore_index=True)
    path = write_parquet(pa.Table.from_pandas(twice, preserve_index=False))
    memory = {"estimator": {"name": "KNeighborsRegressor", "params": {"n_neighbors": 1}}}

    rows = audit(path, "price", task="regression", probabilities=memory).label_issues

    assert (rows["residual"] != 0).all()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", "b"] * 10, r"`price` must hold numbers for task regression; got type string"),
        (
            [1.0, np.inf] * 10,
            r"`price` must hold finite numbers or none; got infinity at row 1 \(10 of 20 rows\)",
        ),
        ([None, np.nan] * 10, r"`price` must hold a number in some row"),
    ],
)
def test_bad_numbers_are_refused(
    write_parquet: Write, audit: Callable[..., Audit], column: Any, message: str
) -> None:
    """What is no finite number is refused with its place."""
    path = write_parquet({"x": np.arange(20.0), "price": column})

    with pytest.raises(ValueError, match=message):
        audit(path, "price", task="regression")


def test_missing_prediction_is_refused(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """A row with a number and no prediction is named."""
    path = write_parquet({"id": [1, 2, 3], "price": [1.0, 2.0, 3.0], "p": [1.0, None, 3.0]})

    with pytest.raises(
        ValueError, match=r"`p` must predict every row with a label; got none at row 1 \(1 of 3 rows\)"
    ):
        audit(path, "price", task="regression", input={"id": "id"}, regression={"predictions": "p"})


# --- issues beside labels


def test_issues_beside_labels_are_found(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """A copy with another label, a far point and a rare class are told; rows without a label take part too."""
    truth, places = points(120)
    labels: list[str | None] = NAMES[truth].tolist()
    places[1], labels[1] = places[0], "cat"
    places[5] = [60.0, 60.0]
    labels[7], labels[8] = None, "rare"
    path = write_parquet({"x": places[:, 0], "y": places[:, 1], "label": labels})

    found = audit(path, "label", data_issues={})

    table = found.table("data_issues").to_pandas()
    assert table["is_conflicting_label_issue"][[0, 1]].tolist() == [True, True]
    assert table["is_outlier_issue"][5]
    assert table["outlier_score"].idxmin() == 5
    assert table["is_near_duplicate_issue"][[0, 1]].tolist() == [True, True]
    assert table["is_class_imbalance_issue"][8]
    assert pd.isna(table["class_imbalance_score"][7])
    assert not pd.isna(table["outlier_score"][7])
    summary = found.table("data_issue_summary").to_pandas().set_index("issue_type")
    assert summary.loc["conflicting_label", "checked"]
    assert summary.loc["conflicting_label", "num_issues"] == table["is_conflicting_label_issue"].sum()


def test_what_cannot_be_checked_says_why(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """With ready probabilities no feature is read: checks of features are not made, and that is told."""
    truth, _ = points(30)
    probs = np.full((30, 3), 0.1) + np.eye(3)[truth] * 0.7
    path = write_parquet({"id": np.arange(30), "label": NAMES[truth].tolist(), "p": probs.tolist()})

    found = audit(
        path,
        "label",
        input={"id": "id"},
        pred_probs={"class_names": NAMES.tolist(), "column": "p"},
        data_issues={},
    )

    summary = found.table("data_issue_summary").to_pandas().set_index("issue_type")
    assert summary["checked"].to_dict() == {name: name == "class_imbalance" for name in summary.index}
    assert summary.loc["near_duplicate", "reason"] == "features are not read with ready predictions"
    assert found.table("data_issues").to_pandas()["near_duplicate_score"].isna().all()


def test_too_many_rows_are_told(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """A search that would take too long is not begun."""
    truth, places = points(60)
    path = write_parquet({"x": places[:, 0], "y": places[:, 1], "label": NAMES[truth].tolist()})

    summary = audit(path, "label", data_issues={"max_rows": 50}).table("data_issue_summary").to_pandas()

    reasons = summary.set_index("issue_type")["reason"]
    assert reasons["outlier"] == "60 rows are more than data_issues.max_rows, 50"
    assert reasons["null"] == ""


# --- configs


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"tokens": {"sentence": "s"}}, r"`tokens` must be left out with task classification"),
        ({"task": "token_classification"}, r"`tokens` must be given with task token_classification"),
        ({"task": "multi_annotator"}, r"`votes` must be given with task multi_annotator"),
        (
            {
                "task": "multi_annotator",
                "votes": {"file": "v", "example": "e", "annotator": "a", "label": "l"},
            },
            r"input.id must name the id column with a file of votes",
        ),
        ({"task": "segmentation"}, r"`task`"),
        ({"task": "regression", "input": {"classes": ["a", "b"]}}, r"`input.classes` must be left out"),
        (
            {
                "input": {"id": "i"},
                "pred_probs": {"class_names": ["a", "b"], "column": "p", "independent": True},
            },
            r"pred_probs.independent must be false unless the task is multi_label",
        ),
        (
            {
                "task": "regression",
                "input": {"id": "i"},
                "pred_probs": {"class_names": ["a", "b"], "column": "p"},
            },
            r"`pred_probs` must be left out with task regression",
        ),
    ],
)
def test_sections_must_fit_the_task(audit: Callable[..., Audit], sections: Document, message: str) -> None:
    """A section of another task is a mistake, found before any data is read."""
    with pytest.raises(ValueError, match=message):
        audit(Path("nowhere.parquet"), "label", **sections)


# --- guards against misuse


def guarded(found: Audit) -> dict[str, Any]:
    """Return what each guard says: None where it could not be checked."""
    return {row["guard"]: row["holds"] for row in found.table("guards").to_pylist()}


def given(write_parquet: Write, probs: np.ndarray, truth: np.ndarray) -> Path:
    """Write a dataset with ready probabilities."""
    return write_parquet(
        {
            "id": np.arange(len(truth)),
            "label": NAMES[truth].tolist(),
            "p": (probs / probs.sum(1, keepdims=True)).tolist(),
        }
    )


def test_probabilities_in_another_order_are_not_trusted(
    write_parquet: Write, audit: Callable[..., Audit]
) -> None:
    """Class names in the wrong order end inconclusive, however good the probabilities; the right order passes."""
    truth, _ = points(120)
    path = given(write_parquet, np.full((120, 3), 0.1) + np.eye(3)[truth], truth)
    ready = {"column": "p", "class_names": ["ant", "bee", "cat"]}

    good = audit(path, "label", input={"id": "id"}, pred_probs=ready)
    bad = audit(path, "label", input={"id": "id"}, pred_probs={**ready, "class_names": ["cat", "ant", "bee"]})

    assert good.verdict.verdict == "PASS"
    assert guarded(good) == {"class_order": True, "rows_belong": True, "in_sample": None}
    assert "in_sample: not checked" in " ".join(good.verdict.notes)
    assert bad.verdict.verdict == "INCONCLUSIVE"
    assert guarded(bad)["class_order"] is False
    assert "check the order of class_names" in bad.verdict.reasons[0]


def test_probabilities_of_other_rows_are_not_trusted(
    write_parquet: Write, audit: Callable[..., Audit]
) -> None:
    """Probabilities that were shuffled say nothing about the labels: inconclusive, and never a pass."""
    truth, _ = points(300)
    probs = np.full((300, 3), 0.1) + np.eye(3)[np.random.default_rng(5).permutation(truth)]

    found = audit(
        given(write_parquet, probs, truth),
        "label",
        input={"id": "id"},
        pred_probs={"column": "p", "class_names": ["ant", "bee", "cat"]},
    )

    assert found.verdict.verdict == "INCONCLUSIVE"
    assert guarded(found)["rows_belong"] is False


def test_models_trained_here_are_out_of_sample(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """Nothing is distrusted of a dataset that was cross-validated here."""
    truth, places = points(90)
    path = write_parquet({"x": places[:, 0], "y": places[:, 1], "label": NAMES[truth].tolist()})

    assert guarded(audit(path, "label")) == {"class_order": True, "rows_belong": True, "in_sample": True}


def with_features(
    write_parquet: Write, n_rows: int = 600, n_wrong: int = 120
) -> tuple[Callable[[np.ndarray], Path], np.ndarray, np.ndarray]:
    """Return a function that writes features and labels with ready probabilities, and both as classes."""
    truth, places = points(n_rows)
    labels = np.where(np.arange(n_rows) < n_wrong, (truth + 1) % 3, truth)

    def write(classes: np.ndarray) -> Path:
        probs = np.full((n_rows, 3), 0.1) + 0.7 * np.eye(3)[classes]
        columns = {"id": np.arange(n_rows), "label": NAMES[labels].tolist()}
        return write_parquet({**columns, "x": places[:, 0], "y": places[:, 1], "p": probs.tolist()})

    return write, labels, truth


IN_SAMPLE: Document = {
    "input": {"id": "id"},
    "pred_probs": {"column": "p", "class_names": ["ant", "bee", "cat"]},
    "guards": {"in_sample": {}},
}


def test_probabilities_that_know_the_labels_are_not_trusted(
    write_parquet: Write, audit: Callable[..., Audit]
) -> None:
    """Learned by heart: inconclusive, with the way out. Those of an honest model pass, without the guard nothing is."""
    write, labels, truth = with_features(write_parquet)

    by_heart = audit(write(labels), "label", **IN_SAMPLE)
    honest = audit(write(truth), "label", **IN_SAMPLE)
    unasked = audit(write(labels), "label", **{**IN_SAMPLE, "guards": {}})

    assert by_heart.verdict.verdict == "INCONCLUSIVE"
    assert guarded(by_heart)["in_sample"] is False
    assert "as by cross-validation" in " ".join(by_heart.verdict.reasons)
    assert honest.verdict.verdict == "PASS"
    assert guarded(honest)["in_sample"] is True
    assert guarded(unasked)["in_sample"] is None
    assert "not checked: guards: {in_sample: {}} in the config" in " ".join(unasked.verdict.notes)


def test_clean_labels_tell_nothing(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """Without a label that looks wrong a model that knows them looks like a good one: not checked, and no pass."""
    write, labels, _ = with_features(write_parquet, n_wrong=0)

    found = audit(write(labels), "label", **IN_SAMPLE)

    assert guarded(found)["in_sample"] is None
    assert "too few to tell" in " ".join(found.verdict.notes)


def test_guard_learns_from_few_rows_and_is_kept(
    write_parquet: Write, audit: Callable[..., Audit], ran: Counter[str]
) -> None:
    """Of 3,000 rows 400 are drawn; the rest of the audit has all; a repeat runs nothing, more rows only the guard."""
    write, labels, _ = with_features(write_parquet, n_rows=3000, n_wrong=1000)
    path = write(labels)
    asked: Document = {**IN_SAMPLE, "guards": {"in_sample": {"max_rows": 400}}}

    notes = RunNotes()
    found = audit(path, "label", notes=notes, **asked)
    computed = Counter(ran)
    ran.clear()
    audit(path, "label", **asked)
    repeated = Counter(ran)
    audit(path, "label", **{**asked, "guards": {"in_sample": {"max_rows": 500}}})

    (drawn,) = (o.output for o in notes.outcomes if o.stage == "baseline_rows")
    assert drawn.n_rows == 400
    assert found.health["n_judged"] == 3000
    assert guarded(found)["in_sample"] is False
    assert computed["train"] == 5
    assert repeated == {}
    assert set(ran) <= {"baseline_rows", "folds", "train", "collect", "in_sample", "guards"}


def test_guard_sees_all_parts(write_parquet: Write, audit: Callable[..., Audit], tmp_path: Path) -> None:
    """A directory of files, read in parts, comes to the same as one file."""
    write, labels, _ = with_features(write_parquet)
    table = pq.read_table(write(labels))
    folder = tmp_path / "parts"
    folder.mkdir()
    for number, start in enumerate(range(0, 600, 150)):
        pq.write_table(table.slice(start, 150), folder / f"{number}.parquet")

    whole = audit(tmp_path / "data.parquet", "label", **IN_SAMPLE)
    parts = audit(folder, "label", run={"engine": "local", "part_bytes": 1}, **IN_SAMPLE)

    assert parts.table("guards").equals(whole.table("guards"))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"guards": {"in_sample": {}}}, r"guards.in_sample must be left out unless pred_probs are given"),
        ({**IN_SAMPLE, "task": "multi_label"}, r"guards.in_sample must be left out with task multi_label"),
    ],
)
def test_guard_that_cannot_be_made_is_refused(
    write_parquet: Write, audit: Callable[..., Audit], sections: Document, message: str
) -> None:
    """Where nothing is ready, or labels are no classes."""
    write, labels, _ = with_features(write_parquet, n_rows=60, n_wrong=0)

    with pytest.raises(ValueError, match=message):
        audit(write(labels), "label", **sections)


# --- planted errors


def test_planted_errors_are_found_and_never_kept(
    write_parquet: Write, audit: Callable[..., Audit], ran: Counter[str]
) -> None:
    """Easy flips of well separated classes are nearly all found; reports and data know nothing of them."""
    truth, places = points(240)
    path = write_parquet({"x": places[:, 0], "y": places[:, 1], "label": NAMES[truth].tolist()})
    before = path.read_bytes()

    options = {"issues": {"filter_by": "predicted_neq_given"}}
    plain = audit(path, "label", **options)
    found = audit(path, "label", canary={"n_seeds": 1, "share": 0.05}, **options)

    assert path.read_bytes() == before
    assert found.table("label_issues").equals(plain.table("label_issues"))
    table = found.table("canary").to_pandas()
    assert table["family"].tolist() == ["easy", "hard"]
    assert table["n_planted"].tolist() == [12] * 2
    easy = table[table["family"] == "easy"]
    assert easy["n_found"].sum() / easy["n_judged"].sum() > 0.8
    (check,) = found.checks[found.checks["rule"] == "canary"].to_dict("records")
    assert check["verdict"] == "pass"
    assert "upper-bound smoke alarm" in check["reason"]
    assert ran["train"] == 3 + 2 * 3
    ran.clear()
    audit(path, "label", canary={"n_seeds": 1, "share": 0.05}, **options)
    assert not ran


def test_missed_easy_errors_are_inconclusive(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """Where a third of the flips stay unseen and all must be found, the audit is not to be trusted."""
    truth, places = points(240)
    rng = np.random.default_rng(0)
    labels = NAMES[np.where(rng.random(240) < 0.4, rng.integers(0, 3, 240), truth)]
    path = write_parquet({"x": places[:, 0], "y": places[:, 1], "label": labels.tolist()})

    found = audit(path, "label", canary={"n_seeds": 1, "share": 0.1, "min_easy_recall": 1.0})

    assert found.verdict.verdict == "INCONCLUSIVE"
    assert any(reason.startswith("canary: finds") for reason in found.verdict.reasons)


def test_canary_says_where_nothing_can_be_planted(write_parquet: Write, audit: Callable[..., Audit]) -> None:
    """With ready probabilities nothing is trained, so nothing is planted: told, and no pass."""
    truth, _ = points(60)
    path = given(write_parquet, np.full((60, 3), 0.1) + np.eye(3)[truth], truth)
    ready = {"column": "p", "class_names": NAMES.tolist()}

    found = audit(path, "label", input={"id": "id"}, pred_probs=ready, canary={})

    assert not found.has("canary")
    assert any(note.startswith("canary: not checked") for note in found.verdict.notes)
    with pytest.raises(ValueError, match="`canary` must be left out with task regression"):
        audit(path, "id", task="regression", canary={})
