"""The script that one writes today without labelhealth: pandas, cleanlab and Great Expectations in one go.

`python -m benchmarks.by_hand DATA OUTPUT` reads Parquet with the columns `id`, `label` and one probability column a
class, and writes what was found, as Parquet, to the folder OUTPUT.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
from cleanlab.dataset import health_summary
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from great_expectations.data_context.types.base import ProgressBarsConfig

PREFIX = "p_"
MAX_FLAGGED_SHARE = 0.5


def audit(data: Path, output: Path) -> bool:
    """Audit a Parquet file or a folder of them; return whether all expectations hold."""
    frame = pd.read_parquet(data)
    columns = [name for name in frame.columns if name.startswith(PREFIX)]
    names = [name.removeprefix(PREFIX) for name in columns]
    pred_probs = frame[columns].to_numpy()
    labels = pd.Categorical(frame["label"], categories=names).codes.astype(np.int64)
    rows = frame[["id", "label"]]
    is_good_input = check(rows, "input", input_expectations(names))
    issues = find_issues(rows, labels, pred_probs, names)
    summary = health_summary(labels, pred_probs, class_names=names, verbose=False)
    is_good_output = check(issues, "output", output_expectations(len(rows)))
    output.mkdir(parents=True, exist_ok=True)
    issues.to_parquet(output / "label_issues.parquet", index=False)
    summary["classes_by_label_quality"].to_parquet(output / "class_health.parquet", index=False)
    summary["overlapping_classes"].to_parquet(output / "class_overlap.parquet", index=False)
    return is_good_input and is_good_output


def find_issues(
    rows: pd.DataFrame, labels: np.ndarray, pred_probs: np.ndarray, names: list[str]
) -> pd.DataFrame:
    """Return one row for each example: given and predicted label, score, flag and rank."""
    # up to some hundred classes, one process is faster than cleanlab's default of one a core
    ranked = find_label_issues(labels, pred_probs, return_indices_ranked_by="self_confidence", n_jobs=1)
    ranks = np.zeros(len(rows), np.int64)
    ranks[ranked] = np.arange(1, len(ranked) + 1)
    return pd.DataFrame(
        {
            "id": rows["id"],
            "given_label": rows["label"],
            "predicted_label": pd.Categorical.from_codes(pred_probs.argmax(axis=1), categories=names),
            "is_label_issue": ranks > 0,
            "label_quality": get_label_quality_scores(labels, pred_probs),
            "rank": pd.Series(ranks, dtype="Int64").mask(ranks == 0),
        }
    )


def input_expectations(names: list[str]) -> list[gxe.Expectation]:
    """Return what the dataset must fulfil."""
    return [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToNotBeNull(column="label"),
        gxe.ExpectColumnValuesToBeInSet(column="label", value_set=names),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
    ]


def output_expectations(n_rows: int) -> list[gxe.Expectation]:
    """Return what the outcome must fulfil."""
    return [
        gxe.ExpectTableRowCountToEqual(value=n_rows),
        gxe.ExpectColumnValuesToBeBetween(column="label_quality", min_value=0, max_value=1),
        gxe.ExpectColumnMeanToBeBetween(column="is_label_issue", max_value=MAX_FLAGGED_SHARE),
    ]


def check(frame: pd.DataFrame, name: str, expectations: list[gxe.Expectation]) -> bool:
    """Check a frame against a suite."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe(name).get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name=name, expectations=expectations)
    return bool(batch.validate(suite, result_format="BASIC").success)


def main() -> None:
    """Audit what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.by_hand")
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    print("PASS" if audit(options.data, options.output) else "FAIL")


if __name__ == "__main__":
    main()
