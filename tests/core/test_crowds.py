"""Real crowds with known truth: as right as cleanlab; skipped where `LABELHEALTH_DATA` names no folder of them."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from labelhealth.core import multiannotator

DATA = Path(os.environ.get("LABELHEALTH_DATA") or "no data")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "BASELINES.json").is_file(), reason="LABELHEALTH_DATA names no such data"),
]
CROWDS = {
    "crowd_rte": 0.8975,
    "crowd_bluebird": 0.7593,
    "crowd_web": 0.7271,
}  # plain majority votes, ties at random


def baseline(dataset: str) -> dict[str, Any]:
    """Return cleanlab's figures on a dataset."""
    found: dict[str, Any] = json.loads((DATA / "BASELINES.json").read_text())["datasets"][dataset]
    return found


def crowd(name: str) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the table of answers and the truth, NaN where it is not known."""
    answers = pd.read_parquet(DATA / f"{name}.parquet").rename(columns={"worker": "annotator"})
    table = multiannotator.convert_long_to_wide_dataset(answers)
    truth = answers.groupby("task")["label_true"].first().reindex(table.index).to_numpy(dtype=np.float64)
    return table, np.where(truth < 0, np.nan, truth)


def accuracy(labels: npt.ArrayLike, truth: npt.NDArray[np.float64]) -> float:
    """Share of the labels that are true, where that is known."""
    known = ~np.isnan(truth)
    return float((np.asarray(labels)[known] == truth[known]).mean())


def labels_of(module: ModuleType, table: Any, pred_probs: Any) -> npt.NDArray[np.int64]:
    """Return CROWDLAB's consensus labels."""
    function = module.get_label_quality_multiannotator
    if pred_probs.ndim == 3:
        function = module.get_label_quality_multiannotator_ensemble
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = function(table, pred_probs, verbose=False, return_detailed_quality=False)
    return np.asarray(found["label_quality"]["consensus_label"])


def vote_of(module: ModuleType, table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the majority vote; ties are drawn in the same way for every module."""
    np.random.seed(0)  # noqa: NPY002 - the global generator decides ties
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(module.get_majority_vote_label(table, verbose=False))


@pytest.mark.parametrize("name", CROWDS)
def test_consensus_is_that_of_cleanlab(name: str, record_property: Any) -> None:
    """Votes, and CROWDLAB with a model that knows nothing: the same labels, better than a plain majority."""
    theirs = pytest.importorskip("cleanlab.multiannotator")
    table, truth = crowd(name)
    n_classes = int(np.nanmax(table.to_numpy())) + 1
    unaware = np.full((len(table), n_classes), 1 / n_classes)
    votes, theirs_votes = vote_of(multiannotator, table), vote_of(theirs, table)
    found, theirs_found = labels_of(multiannotator, table, unaware), labels_of(theirs, table, unaware)
    figures = {"votes": accuracy(votes, truth), "crowdlab": accuracy(found, truth)}
    record_property(name, {key: round(value, 4) for key, value in figures.items()})

    assert np.array_equal(votes, theirs_votes)
    assert np.array_equal(found, theirs_found)
    assert round(figures["votes"], 4) == baseline(name)["baselines"]["cleanlab_get_majority_vote_label_acc"]
    assert figures["crowdlab"] >= figures["votes"] >= CROWDS[name] - 5e-5


def test_models_and_annotators_together(record_property: Any) -> None:
    """CIFAR-10N, three annotators and models trained on their votes: cleanlab's accuracies, and better than either."""
    theirs = pytest.importorskip("cleanlab.multiannotator")
    frame = pd.read_parquet(DATA / "cifar10n_aggre.parquet")
    truth = frame["label_true"].to_numpy(dtype=np.float64)
    table = frame[["annotator_1", "annotator_2", "annotator_3"]].to_numpy()
    files = [np.load(DATA / "pred_probs" / f"cifar10n_aggre_{name}.npy") for name in ("resnet18", "swin")]
    members = np.stack([probs / probs.sum(axis=1, keepdims=True) for probs in files]).astype(np.float64)
    one, several = labels_of(multiannotator, table, members[0]), labels_of(multiannotator, table, members)
    few = slice(0, 2000)
    figures = {"one": accuracy(one, truth), "several": accuracy(several, truth)}
    record_property("cifar10n_aggre", {key: round(value, 4) for key, value in figures.items()})
    expected = baseline("cifar10n_aggre")["multiannotator"]

    assert np.array_equal(one, labels_of(theirs, table, members[0]))
    assert np.array_equal(
        labels_of(multiannotator, table[few], members[:, few]), labels_of(theirs, table[few], members[:, few])
    )
    assert round(figures["one"], 4) == expected["crowdlab_consensus_acc"]
    assert (
        figures["several"] > figures["one"] > expected["model_acc"] > expected["majority_vote_acc_no_model"]
    )
