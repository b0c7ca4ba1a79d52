"""Crowds, label sets and regressions whose errors are known: this library and cleanlab on the same inputs.

Skipped where `LABELHEALTH_DATA` names no folder of them. `pytest -s` prints a row for each figure.
"""

from __future__ import annotations

import importlib
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

DATA = Path(os.environ.get("LABELHEALTH_DATA") or "no data")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "BASELINES.json").is_file(), reason="LABELHEALTH_DATA names no such data"),
]
LOSS = 0.005  # the most that a figure may be below cleanlab's
SMOOTHING = 1.0  # votes added to each class (Laplace) where votes stand in for a model


def baselines(dataset: str) -> dict[str, Any]:
    """Return cleanlab's stored figures on a dataset."""
    found: dict[str, Any] = json.loads((DATA / "BASELINES.json").read_text())["datasets"][dataset]
    return found


def both(module: str) -> tuple[ModuleType, ModuleType]:
    """Return a module of this library, and cleanlab's."""
    pytest.importorskip("cleanlab")
    return importlib.import_module(f"labelhealth.core.{module}"), importlib.import_module(
        f"cleanlab.{module}"
    )


def quietly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function without its warnings; ties of votes are drawn alike."""
    np.random.seed(0)  # noqa: NPY002 - the global generator decides them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def compare(record_property: Any, name: str, ours: float, theirs: float) -> None:
    """Note both figures, and fail if ours is clearly the lower one."""
    line = f"{name:<66} {ours:.4f}  cleanlab {theirs:.4f}"
    print(line)
    record_property("figures", line)
    assert ours >= theirs - LOSS, line


def auprc(is_wrong: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Average precision of the lowest scores."""
    return float(average_precision_score(is_wrong, -np.asarray(scores, dtype=np.float64)))


def crowd(name: str) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the table of answers, and the truth with NaN where it is not known."""
    answers = pd.read_parquet(DATA / f"{name}.parquet").rename(columns={"worker": "annotator"})
    table = both("multiannotator")[0].convert_long_to_wide_dataset(answers)
    truth = answers.groupby("task")["label_true"].first().reindex(table.index).to_numpy(dtype=np.float64)
    return table, np.where(truth < 0, np.nan, truth)


def vote_shares(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the share of votes of each class, one vote added to each: what stands in for a model here."""
    votes = table.to_numpy(dtype=np.float64)
    counts = (
        np.stack([(votes == k).sum(axis=1) for k in range(int(np.nanmax(votes)) + 1)], axis=1) + SMOOTHING
    )
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", ["crowd_bluebird", "crowd_rte", "crowd_web"])
def test_consensus_of_crowds(name: str, record_property: Any) -> None:
    """Share of consensus labels that are true: majority vote, CROWDLAB with votes as its model, agreement."""
    table, truth = crowd(name)
    known = ~np.isnan(truth)
    figures: dict[str, list[float]] = {}
    for module in both("multiannotator"):
        labels = {"majority vote": quietly(module.get_majority_vote_label, table, verbose=False)}
        for options in ({}, {"quality_method": "agreement"}):
            judge = module.get_label_quality_multiannotator
            found = quietly(judge, table, vote_shares(table), verbose=False, **options)["label_quality"]
            labels[options.get("quality_method", "crowdlab")] = found["consensus_label"]
        for kind, chosen in labels.items():
            figures.setdefault(kind, []).append(float((np.asarray(chosen)[known] == truth[known]).mean()))
    for kind, pair in figures.items():
        compare(record_property, f"{name}, accuracy of the consensus, {kind}", *pair)


def test_consensus_beside_a_model(record_property: Any) -> None:
    """CIFAR-10N, three annotators and a model: the consensus, and how well its quality finds what is wrong in it."""
    rows = pd.read_parquet(DATA / "cifar10n_aggre.parquet")
    probs = np.load(DATA / "pred_probs" / "cifar10n_aggre_resnet18.npy").astype(np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    table = rows[["annotator_1", "annotator_2", "annotator_3"]].to_numpy()
    expected = baselines("cifar10n_aggre")["multiannotator"]

    judge = both("multiannotator")[0].get_label_quality_multiannotator
    found = quietly(judge, table, probs, verbose=False, return_detailed_quality=False)["label_quality"]

    is_wrong = (found["consensus_label"] != rows["label_true"]).to_numpy()
    name = "cifar10n_aggre, CROWDLAB"
    compare(
        record_property, f"{name}, accuracy", 1 - float(is_wrong.mean()), expected["crowdlab_consensus_acc"]
    )
    compare(
        record_property,
        f"{name}, AUPRC of the consensus quality",
        auprc(is_wrong, found["consensus_quality_score"]),
        expected["crowdlab_quality_vs_wrong_consensus"]["auprc"],
    )


@pytest.fixture(scope="module")
def sets() -> tuple[list[list[int]], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the label sets of NLU++, their probabilities, and where errors were planted."""
    rows = pd.read_parquet(DATA / "nlupp.parquet")
    probs = np.load(DATA / "pred_probs" / "nlupp_lr_10.npy").astype(np.float64)
    return (
        [list(map(int, one)) for one in rows["labels_noisy_10"]],
        probs,
        (rows["error_kind_10"] != "").to_numpy(),
    )


@pytest.mark.parametrize("method", ["self_confidence", "normalized_margin", "confidence_weighted_entropy"])
def test_scores_of_label_sets(sets: tuple[Any, ...], method: str, record_property: Any) -> None:
    """AUPRC of each score on 62 classes."""
    labels, probs, is_wrong = sets
    pair = [
        auprc(is_wrong, quietly(module.get_label_quality_scores, labels, probs, method=method))
        for module in both("multilabel_classification.rank")
    ]
    compare(record_property, f"nlupp, AUPRC of {method}", *pair)


@pytest.mark.parametrize(
    "filter_by", ["prune_by_noise_rate", "both", "confident_learning", "low_self_confidence"]
)
def test_filters_of_label_sets(sets: tuple[Any, ...], filter_by: str, record_property: Any) -> None:
    """F1 of the rows flagged; cleanlab's stored figures, as it starts processes for each of 62 classes."""
    labels, probs, is_wrong = sets
    find = importlib.import_module("labelhealth.core.multilabel_classification.filter").find_label_issues
    expected = baselines("nlupp")["baselines"]["lr_10"]["filters"][filter_by]

    flagged = quietly(find, labels, probs, filter_by=filter_by)

    f1 = 2 * int((flagged & is_wrong).sum()) / int(flagged.sum() + is_wrong.sum())
    compare(record_property, f"nlupp, F1 of {filter_by}", f1, expected["f1"])


@pytest.mark.parametrize("share", ["05", "10", "20"])
def test_scores_of_prices(share: str, record_property: Any) -> None:
    """Diamonds, planted errors: AUPRC of the residual score."""
    rows = pd.read_parquet(DATA / "diamonds_price.parquet")
    predictions = np.load(DATA / "pred_probs" / f"diamonds_price_hgb_predictions_{share}.npy")
    given = rows[f"label_noisy_{share}"].to_numpy()
    pair = [
        auprc(
            given != rows["label_true"].to_numpy(),
            quietly(module.get_label_quality_scores, given, predictions, method="residual"),
        )
        for module in both("regression.rank")
    ]
    compare(record_property, f"diamonds_price, {share} % planted, AUPRC of residual", *pair)


@pytest.mark.parametrize("method", ["residual", "outre"])
def test_scores_of_houses(method: str, record_property: Any) -> None:
    """Boston, eight corrected labels: AUPRC of both scores."""
    rows = pd.read_parquet(DATA / "boston_medv_real.parquet")
    predictions = np.load(DATA / "pred_probs" / "boston_medv_real_hgb_predictions.npy")
    given = rows["given_label"].to_numpy()
    pair = [
        auprc(rows["is_error"], quietly(module.get_label_quality_scores, given, predictions, method=method))
        for module in both("regression.rank")
    ]
    compare(record_property, f"boston_medv_real, AUPRC of {method}", *pair)
