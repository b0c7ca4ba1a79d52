"""Audits of real datasets whose label errors are known; skipped where `LABELHEALTH_DATA` names no folder of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score

import labelhealth

DATA = Path(os.environ.get("LABELHEALTH_DATA") or "no data")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "BASELINES.json").is_file(), reason="LABELHEALTH_DATA names no such data"),
]


def baseline(dataset: str, model: str) -> dict[str, Any]:
    """Return cleanlab's figures on a dataset with a model's stored probabilities."""
    found: dict[str, Any] = json.loads((DATA / "BASELINES.json").read_text())["datasets"][dataset][
        "baselines"
    ][model]
    return found


def figures(audit: labelhealth.Audit, record_property: Any) -> dict[str, float]:
    """Return how the flags and the ranking of an audit compare with what is known."""
    rows = audit.label_issues
    wrong = (rows["given_label"] != rows["label_true"].astype(str)).to_numpy()
    flagged = rows["is_label_issue"].to_numpy()
    found = {
        "flagged": int(flagged.sum()),
        "precision": float(wrong[flagged].mean()),
        "recall": float(flagged[wrong].mean()),
        "auprc": float(average_precision_score(wrong, -rows["label_quality"])),
    }
    print(audit.manifest["dataset"], {name: round(value, 4) for name, value in found.items()})
    record_property("figures", found)
    return found


def test_given_probabilities_give_cleanlabs_figures(tmp_path: Path, record_property: Any) -> None:
    """CIFAR-10N, real human noise on 25,000 rows: the numbers of cleanlab on the same probabilities."""
    probs = np.load(DATA / "pred_probs" / "cifar10n_aggre_swin.npy")
    np.save(tmp_path / "probs.npy", probs / probs.sum(axis=1, keepdims=True))
    given = {"file": str(tmp_path / "probs.npy"), "aligned": True, "class_names": [str(k) for k in range(10)]}
    options = {"input": {"id": "id", "display": ["label_true"]}, "pred_probs": given}
    expected = baseline("cifar10n_aggre", "swin")

    audit = labelhealth.audit(DATA / "cifar10n_aggre.parquet", "given_label", root=tmp_path, options=options)

    found = figures(audit, record_property)
    filtered = expected["filters"]["prune_by_noise_rate"]
    assert found["flagged"] == filtered["flagged"]
    assert round(found["precision"], 4) == filtered["precision"]
    assert round(found["recall"], 4) == filtered["recall"]
    assert round(found["auprc"], 4) == expected["scores"]["self_confidence"]["auprc"]
    assert audit.health["estimated_label_issues"] == expected["est_n_issues"]


def test_mixed_table_with_missing_values(tmp_path: Path, record_property: Any) -> None:
    """Adult, numbers and categories with missing values, 10 % planted errors: as good as the stored boosting model."""
    options = {
        "input": {"id": "id", "display": ["label_true"], "exclude": ["label_noisy_05", "label_noisy_20"]}
    }

    audit = labelhealth.audit(DATA / "adult.parquet", "label_noisy_10", root=tmp_path, options=options)

    expected = baseline("adult", "hgb_10")["scores"]["self_confidence"]["auprc"]
    assert figures(audit, record_property)["auprc"] >= expected - 0.005


def test_text_embeddings_of_77_classes(tmp_path: Path, record_property: Any) -> None:
    """Banking77, sentence embeddings, 10 % planted errors: as good as the stored linear model, over three seeds."""
    table = pq.read_table(DATA / "banking77.parquet")
    vectors = np.load(DATA / "banking77_minilm_f16.npy").astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    pq.write_table(table.append_column("embedding", column), tmp_path / "banking77.parquet")
    columns = {"id": "id", "features": ["embedding"], "display": ["label_true", "text"]}
    found = []
    for seed in range(3):  # one choice of folds moves the figure by up to .009
        options = {"input": columns, "probabilities": {"folds": {"seed": seed}}}
        audit = labelhealth.audit(
            tmp_path / "banking77.parquet", "label_noisy_10", root=tmp_path, options=options
        )
        found.append(figures(audit, record_property)["auprc"])

    expected = baseline("banking77", "lr_10")["scores"]["self_confidence"]["auprc"]
    assert np.mean(found) >= expected - 0.005
    assert audit.health["n_classes"] == 77
