"""The same as a Prefect flow: the audit is a flow run below that of training, which fails where the gate does."""

from __future__ import annotations

import joblib
import pandas as pd
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from sklearn.linear_model import LogisticRegression

from labelhealth.flows import gate


@task(cache_policy=NO_CACHE, persist_result=False)
def train(path: str, model: str) -> str:
    """Write a model of the data; return where."""
    data = pd.read_parquet(path)
    joblib.dump(
        LogisticRegression(max_iter=1000).fit(data.drop(columns=["id", "label"]), data["label"]), model
    )
    return model


@flow(persist_result=False)
def train_on_checked_labels(config: str = "gate.yaml", model: str = "model.joblib") -> str:
    """Gate, then train; an INCONCLUSIVE audit is passed on to people, not to the model."""
    audit = gate(config, stop_on=("FAIL", "INCONCLUSIVE"))
    return train(audit.manifest["config"]["dataset"]["path"], model)


if __name__ == "__main__":
    train_on_checked_labels()
