"""Random multi-label problems, and the calls that cleanlab and this package are both asked to answer.

Run as a program (`python -m tests.core.multilabel_calls cleanlab FIRST LAST FILE`) it pickles the answers to problems
FIRST..LAST-1: cleanlab has to run in a process of its own, with numpy's unstable sorts switched off.
"""

import importlib
import importlib.util
import multiprocessing
import os
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
MODULES = (
    "count",
    "filter",
    "multilabel_classification.filter",
    "multilabel_classification.rank",
    "multilabel_classification.dataset",
)


@dataclass(frozen=True)
class Problem:
    """One random dataset and the options of its calls."""

    seed: int
    has_label: np.ndarray
    labels: list
    pred_probs: np.ndarray
    joints: np.ndarray
    removals: list
    options: dict
    score: str
    is_adjusted: bool


def make_problem(seed):
    """Draw a dataset, seldom a large one; some classes are rare or nobody has them, none has every example."""
    rng = np.random.default_rng(seed)
    most_rows, most_classes = (200, 6) if seed % 250 == 0 else (20, 3 if seed % 5 == 0 else 2)
    n_rows, n_classes = int(rng.integers(12, most_rows + 1)), int(rng.integers(2, most_classes + 1))
    true = rng.random((n_rows, n_classes)) < rng.uniform(0.05, 0.7, n_classes)
    has_label = true ^ (rng.random((n_rows, n_classes)) < rng.uniform(0, 0.3))
    if rng.random() < 0.1:
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
        {
            "frac_noise": float(rng.choice([0.5, 0.8])),
            "min_examples_per_class": int(rng.choice([0, 2, 5, 10])),
        },
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
    """Return the calls of one problem: one or two of each module, in turn."""
    count, filters, sets, rank, dataset = (importlib.import_module(f"{package}.{name}") for name in MODULES)
    given, turn = (problem.labels, problem.pred_probs), problem.seed
    kwargs = {"adjust_pred_probs": problem.is_adjusted}
    scored = {"method": problem.score, **kwargs}
    ranked = {"return_indices_ranked_by": problem.score, "rank_by_kwargs": kwargs, "n_jobs": 1}
    chosen = {"filter_by": FILTERS[turn % 7], "n_jobs": 1}
    pruning = {"filter_by": PRUNING[turn % 3], "n_jobs": 1}
    aggregator = {"aggregator_kwargs": AGGREGATORS[turn % 7 % len(AGGREGATORS)]}
    by_class = sets.find_multilabel_issues_per_class
    made = {
        "aggregated": lambda: rank.get_label_quality_scores(*given, **scored, **aggregator),
        "class scores": lambda: rank.get_label_quality_scores_per_class(*given, **scored),
    }
    predicted = {"predicted": lambda: filters.find_predicted_neq_given(*given, multi_label=True)}
    finds = (
        {"mask": lambda: sets.find_label_issues(*given, **chosen)},
        {"ranked": lambda: sets.find_label_issues(*given, **ranked, filter_by=chosen["filter_by"])},
        {"class mask": lambda: by_class(*given, **chosen)},
        {"class rows": lambda: by_class(*given, **ranked, filter_by=chosen["filter_by"])},
        {"options": lambda: by_class(*given, **pruning, **problem.options)},
        {"own joint": lambda: by_class(*given, **pruning, confident_joint=problem.joints)},
        {"removals": lambda: by_class(*given, **pruning, num_to_remove_per_class=problem.removals)},
        {"low memory": lambda: sets.find_label_issues(*given, low_memory=True)},
        {"low memory, class rows": lambda: by_class(*given, low_memory=True, **_only_score(ranked))},
        {"deprecated": lambda: filters.find_label_issues(*given, **chosen, multi_label=True)},
    )
    counted, judged = (
        tuple({name: call} for name, call in part.items())
        for part in (_count_calls(count, problem), _dataset_calls(dataset, problem))
    )
    other = predicted if turn % 2 else counted[turn // 2 % len(counted)]
    return made | finds[turn % 10] | judged[turn % len(judged)] | other


def _only_score(options):
    return {"return_indices_ranked_by": options["return_indices_ranked_by"]}


def _count_calls(count, problem):
    labels, joints = problem.labels, problem.joints
    given, sets = (labels, problem.pred_probs), {"multi_label": True}
    raw = {"calibrate": False, "return_indices_of_off_diagonals": True, **sets}
    limits = np.random.default_rng(problem.seed).uniform(0.2, 0.9, 2)
    return {
        "thresholds": lambda: count.get_confident_thresholds(*given, True),
        "joint": lambda: count.compute_confident_joint(*given, **sets),
        "raw joint": lambda: count.compute_confident_joint(*given, **raw),
        "joint of limits": lambda: count.compute_confident_joint(*given, thresholds=limits, **sets),
        "calibrated": lambda: count.calibrate_confident_joint(joints, labels, **sets),
        "shares": lambda: count.estimate_joint(*given, **sets),
        "shares of joint": lambda: count.estimate_joint(*given, confident_joint=joints, **sets),
        "number": lambda: count.num_label_issues(*given, **sets),
    }


def _dataset_calls(dataset, problem):
    given, joint = (problem.labels, problem.pred_probs), {"confident_joint": problem.joints}
    names = {"class_names": [f"class {k}" for k in range(problem.pred_probs.shape[1])]}
    summary = dataset.multilabel_health_summary
    return {
        "issues": lambda: dataset.common_multilabel_issues(*given),
        "classes": lambda: dataset.rank_classes_by_multilabel_quality(*given, **names),
        "health": lambda: dataset.overall_multilabel_health_score(*given),
        "health of joint": lambda: dataset.overall_multilabel_health_score(*given, **joint),
        "issues of joint": lambda: dataset.common_multilabel_issues(*given, **joint, **names),
        "summary": lambda: list(summary(*given, verbose=False).values()),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # warnings are compared nowhere: their wording is free
    sklearn.set_config(skip_parameter_validation=True)  # saves cleanlab's time
    os.cpu_count = multiprocessing.cpu_count = lambda: 1  # cleanlab starts a process a core for each class
    if importlib.util.find_spec("psutil"):
        importlib.import_module("psutil").cpu_count = lambda logical=True: 1
    collected = {
        seed: answers(sys.argv[1], make_problem(seed)) for seed in range(int(sys.argv[2]), int(sys.argv[3]))
    }
    Path(sys.argv[4]).write_bytes(pickle.dumps(collected))
