"""Tokens and regressions whose label errors are known; skipped where `LABELHEALTH_DATA` names no folder of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from labelhealth.core import regression, token_classification

DATA = Path(os.environ.get("LABELHEALTH_DATA") or "no data")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "BASELINES.json").is_file(), reason="LABELHEALTH_DATA names no such data"),
]


def baseline(dataset: str, model: str) -> dict[str, Any]:
    """Return cleanlab's figures on a dataset with a model's stored predictions."""
    found: dict[str, Any] = json.loads((DATA / "BASELINES.json").read_text())["datasets"][dataset][
        "baselines"
    ][model]
    return found


def ranking(is_wrong: Any, scores: Any) -> dict[str, float]:
    """Return how well low scores find what is wrong."""
    return {
        "auroc": round(float(roc_auc_score(is_wrong, -scores)), 4),
        "auprc": round(float(average_precision_score(is_wrong, -scores)), 4),
    }


@pytest.fixture(scope="module")
def treebank() -> tuple[list[Any], list[Any], list[Any]]:
    """Return labels, probabilities and known errors of the words of each sentence of English Web Treebank."""
    rows = pd.read_parquet(DATA / "ud_ewt_dev_upos.parquet")
    probs = np.load(DATA / "pred_probs" / "ud_ewt_dev_upos_lr.npy").astype(np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    ends = np.flatnonzero(rows["sent_id"].to_numpy()[1:] != rows["sent_id"].to_numpy()[:-1]) + 1
    labels, wrong = (np.split(rows[name].to_numpy(), ends) for name in ("given_label", "is_error"))
    return labels, np.split(probs, ends), [one.astype(int) for one in wrong]


@pytest.mark.parametrize(
    "filter_by", ["prune_by_noise_rate", "both", "confident_learning", "predicted_neq_given"]
)
def test_tokens_give_cleanlabs_figures(treebank: tuple[list[Any], ...], filter_by: str) -> None:
    """Real revisions of 25,066 words: as many flagged, as precisely; "both" with cleanlab's rounding of the joint."""
    labels, probs, wrong = treebank
    expected = baseline("ud_ewt_dev_upos", "lr_all_revisions")["token_filters"][filter_by]
    options: dict[str, Any] = {"filter_by": filter_by}
    if filter_by == "both":  # equal rounding errors in four cells of the joint move two of its 353 flags
        counts = pytest.importorskip("cleanlab.count")
        options["confident_joint"] = counts.compute_confident_joint(
            np.concatenate(labels), np.concatenate(probs)
        )

    issues = token_classification.filter.find_label_issues(labels, probs, **options)

    hits = sum(int(wrong[sentence][token]) for sentence, token in issues)
    assert len(issues) == expected["flagged"]
    assert round(hits / len(issues), 4) == expected["precision"]
    assert round(hits / sum(map(sum, wrong)), 4) == expected["recall"]


@pytest.mark.parametrize("token_score", ["self_confidence", "normalized_margin"])
@pytest.mark.parametrize("sentence_score", ["min", "softmin"])
def test_scores_of_tokens_give_cleanlabs_figures(
    treebank: tuple[list[Any], ...], token_score: Any, sentence_score: Any
) -> None:
    """Tokens and sentences with a revision rank as they do there."""
    labels, probs, wrong = treebank
    expected = baseline("ud_ewt_dev_upos", "lr_all_revisions")

    sentences, tokens = token_classification.rank.get_label_quality_scores(
        labels, probs, token_score_method=token_score, sentence_score_method=sentence_score
    )

    by_token = ranking(np.concatenate(wrong), np.concatenate(tokens))
    by_sentence = ranking([one.any() for one in wrong], sentences)
    assert by_token.items() <= expected["token_scores"][token_score].items()
    assert by_sentence.items() <= expected["sentence_scores"][f"{token_score}/{sentence_score}"].items()


@pytest.mark.parametrize("share", ["05", "10", "20"])
def test_residuals_of_prices_do_not_tie(share: str, record_property: Any) -> None:
    """Diamonds with planted errors: the figures of the residuals themselves, which exp(-x) loses."""
    rows = pd.read_parquet(DATA / "diamonds_price.parquet")
    predictions = np.load(DATA / "pred_probs" / f"diamonds_price_hgb_predictions_{share}.npy")
    given = rows[f"label_noisy_{share}"].to_numpy()
    expected = baseline("diamonds_price", f"hgb_{share}")["scores"]

    scores = regression.rank.get_label_quality_scores(given, predictions, method="residual")

    found = ranking(given != rows["label_true"].to_numpy(), scores)
    record_property("figures", found)
    assert found.items() <= expected["abs_residual_rank_(not_cleanlab)"].items()
    assert found["auprc"] > expected["residual"]["auprc"] + 0.2
    assert (scores > 0).all()


@pytest.mark.parametrize("method", ["residual", "outre"])
def test_corrected_house_prices_give_cleanlabs_figures(method: Any) -> None:
    """Boston, eight corrected labels."""
    rows = pd.read_parquet(DATA / "boston_medv_real.parquet")
    predictions = np.load(DATA / "pred_probs" / "boston_medv_real_hgb_predictions.npy")
    expected = baseline("boston_medv_real", "hgb")["scores"][method]

    scores = regression.rank.get_label_quality_scores(rows["given_label"], predictions, method=method)

    assert ranking(rows["is_error"], scores).items() <= expected.items()
