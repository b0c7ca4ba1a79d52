"""Random multi-label problems, and the calls that cleanlab and this package are both asked to answer.

Run as a program (`python -m tests.core.multilabel_calls cleanlab FIRST LAST FILE`) it pickles the answers to problems
FIRST..LAST-1: cleanlab has to run in a process of its own, with numpy's unstable sorts switched off.
"""

import importlib
import pickle
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)
PRUNING = FILTERS[:3]
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
AGGREGATORS = (
    {"method": "exponential_moving_average", "alpha": 0.8},
    {"method": "exponential_moving_average", "alpha": 0.25},
    {"method": "exponential_moving_average"},
    {"method": "softmin"},
    {"method": "softmin", "temperature": 0.5},
    {"method": np.mean},
)
MODULES = ("count", "filter", "multilabel_classification.filter", "multilabel_classification.rank")


@dataclass(frozen=True)
class Problem:
    """One random dataset and the options of its calls."""

    seed: int
    has_label: np.ndarray
    labels: list
    pred_probs: np.ndarray
    joints: np.ndarray
    removals: list
    score: str
    is_adjusted: bool


def make_problem(seed):
    """Draw a dataset: K 2-6, N 20-150, classes that nobody has and rare ones; no class that everybody has."""
    rng = np.random.default_rng(seed)
    n_rows, n_classes = int(rng.integers(20, 150)), int(rng.integers(2, 7))
    true = rng.random((n_rows, n_classes)) < rng.uniform(0.05, 0.7, n_classes)
    has_label = true ^ (rng.random((n_rows, n_classes)) < rng.uniform(0, 0.3))
    if rng.random() < 0.2:
        has_label[:, int(rng.integers(n_classes))] = False
    has_label[0] = False
    has_label[1, 0] = True
    logits = np.where(true, 1, -1) * rng.uniform(0.3, 2.5) + rng.normal(0, 1, true.shape)
    pred_probs = 1 / (1 + np.exp(-logits))
    score = SCORES[seed % 3]
    return Problem(
        seed,
        has_label,
        [np.flatnonzero(row).tolist() for row in has_label],
        pred_probs,
        rng.integers(0, 40, (n_classes, 2, 2)) + np.eye(2, dtype=np.int64),
        rng.integers(0, 5, n_classes).tolist(),
        score,
        bool(rng.random() < 0.3) and score != SCORES[2],
    )


def answers(package, problem):
    """Return what the package answers to every call, by name; an error is answered by the name of its class."""
    collected = {}
    for name, call in calls(package, problem).items():
        try:
            collected[name] = call()
        except Exception as error:  # noqa: BLE001 (any class of error is an answer)
            collected[name] = f"{type(error).__name__}: {error}"
    return collected


def calls(package, problem):
    """Return the calls of one problem; those that take long are made for a part of the problems."""
    count, filters, sets, rank = (importlib.import_module(f"{package}.{name}") for name in MODULES)
    given, joints = (problem.labels, problem.pred_probs), problem.joints
    raw = {"calibrate": False, "multi_label": True, "return_indices_of_off_diagonals": True}
    kwargs = {"adjust_pred_probs": problem.is_adjusted}
    scored = {"method": problem.score, **kwargs}
    ranked = {"return_indices_ranked_by": problem.score, "rank_by_kwargs": kwargs, "n_jobs": 1}
    chosen = {"filter_by": FILTERS[problem.seed % 7], "n_jobs": 1}
    limits = np.random.default_rng(problem.seed).uniform(0.2, 0.9, 2)
    pruning = {"filter_by": PRUNING[problem.seed % 3], "n_jobs": 1}
    by_class = sets.find_multilabel_issues_per_class
    joint = count.compute_confident_joint
    options = {
        "frac_noise": (0.5, 0.8)[problem.seed % 2],
        "min_examples_per_class": (0, 2, 5, 10)[problem.seed % 4],
    }
    removals = {"num_to_remove_per_class": problem.removals}
    aggregator = AGGREGATORS[problem.seed % len(AGGREGATORS)]
    made = {
        "scores": lambda: rank.get_label_quality_scores(*given, **scored),
        "class scores": lambda: rank.get_label_quality_scores_per_class(*given, **scored),
        "aggregated": lambda: rank.get_label_quality_scores(*given, **scored, aggregator_kwargs=aggregator),
        "mask": lambda: sets.find_label_issues(*given, **chosen),
        "class mask": lambda: by_class(*given, **chosen),
        "ranked": lambda: sets.find_label_issues(*given, **ranked, filter_by=chosen["filter_by"]),
        "thresholds": lambda: count.get_confident_thresholds(*given, True),
        "joint": lambda: joint(*given, multi_label=True),
    }
    turns = (
        {
            "class rows": lambda: by_class(*given, **ranked, filter_by=chosen["filter_by"]),
            "raw joint": lambda: joint(*given, **raw),
        },
        {
            "options": lambda: by_class(*given, **pruning, **options),
            "joint of limits": lambda: joint(*given, multi_label=True, thresholds=limits),
        },
        {
            "own joint": lambda: by_class(*given, **pruning, confident_joint=joints),
            "shares": lambda: count.estimate_joint(*given, multi_label=True),
            "calibrated": lambda: count.calibrate_confident_joint(joints, given[0], multi_label=True),
        },
        {
            "removals": lambda: by_class(*given, **pruning, **removals),
            "number": lambda: count.num_label_issues(*given, multi_label=True),
        },
        {
            "low memory": lambda: sets.find_label_issues(*given, low_memory=True),
            "low memory, ranked": lambda: sets.find_label_issues(
                *given, low_memory=True, return_indices_ranked_by=problem.score
            ),
            "low memory, class rows": lambda: by_class(
                *given, low_memory=True, return_indices_ranked_by=problem.score
            ),
        },
        {
            "deprecated": lambda: filters.find_label_issues(*given, **chosen, multi_label=True),
            "shares of joint": lambda: count.estimate_joint(*given, confident_joint=joints, multi_label=True),
        },
    )
    return made | turns[problem.seed % len(turns)]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # warnings are compared nowhere: their wording is free
    sklearn.set_config(skip_parameter_validation=True)  # saves cleanlab's time
    collected = {
        seed: answers(sys.argv[1], make_problem(seed)) for seed in range(int(sys.argv[2]), int(sys.argv[3]))
    }
    Path(sys.argv[4]).write_bytes(pickle.dumps(collected))
