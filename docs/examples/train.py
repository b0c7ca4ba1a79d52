"""Train on train.parquet only if its labels pass the gate: `python train.py`."""

from __future__ import annotations

import sys

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression

from labelhealth.flows import GateError, gate


def train(path: str) -> LogisticRegression:
    """Return a model of the data."""
    data = pd.read_parquet(path)
    return LogisticRegression(max_iter=1000).fit(data.drop(columns=["id", "label"]), data["label"])


def main() -> int:
    """Gate, then train; return the exit code, 0 when there is a model."""
    try:
        audit = gate("gate.yaml")
    except GateError as error:
        for reason in error.audit.verdict.reasons:
            print(f"not trained, {error.audit.verdict.verdict}: {reason}", file=sys.stderr)
        return error.exit_code
    joblib.dump(train("train.parquet"), "model.joblib")
    print(
        f"trained on version {audit.manifest['version']}, label health {audit.health['overall_label_health_score']:.3f}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
