"""Random problems, and the calls that cleanlab and this package are both asked to answer.

Run as a program (`python -m tests.core.parity_calls cleanlab FIRST LAST FILE`) it answers problems FIRST..LAST-1 and
pickles the answers: cleanlab has to run in a process of its own, with numpy's unstable sorts switched off.
"""

import importlib
import pickle
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)
SCORES = (  # method, adjusted
    ("self_confidence", False),
    ("self_confidence", True),
    ("normalized_margin", False),
    ("normalized_margin", True),
    ("confidence_weighted_entropy", False),
)
PY_METHODS = ("cnt", "eqn", "marginal", "marginal_ps")
STABLE_LENGTH = 16  # numpy's default sort is a stable one up to here, with its vector code switched off
PRUNING = FILTERS[:3]


@dataclass(frozen=True)
class Problem:
    """One random dataset and the options of its calls."""

    seed: int
    labels: np.ndarray
    pred_probs: np.ndarray
    counts: np.ndarray
    frac_noise: float
    min_examples: int
    filter_by: str
    is_coarse: bool


def make_problem(seed: int) -> Problem:
    """Draw a dataset: K 2-16, N 20-5,000, float32 or float64, missing and rare classes, seldom exact ties."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 17))
    low, high = [(20, 121), (121, 801), (801, 5001)][rng.choice(3, p=[0.93, 0.06, 0.01])]
    n_rows = int(rng.integers(low, high))
    shares = rng.dirichlet(np.full(n_classes, rng.choice([0.7, 3.0, 50.0])))
    true = rng.choice(n_classes, n_rows, p=shares)
    is_noisy = rng.random(n_rows) < rng.uniform(0, 0.5)
    labels = np.where(is_noisy, rng.integers(0, n_classes, n_rows), true)
    if rng.random() < 0.25 and n_classes > 2:  # a class without examples
        labels[labels == rng.integers(0, n_classes)] = rng.integers(0, n_classes)
    labels[:2] = 0, n_classes - 1  # at least two classes, often a class of one example
    logits = rng.normal(0, rng.uniform(0.3, 2.5), (n_rows, n_classes))
    logits[np.arange(n_rows), true] += rng.uniform(0, 4)
    pred_probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    pred_probs /= pred_probs.sum(axis=1, keepdims=True)
    is_coarse = bool(rng.random() < 0.02)
    if is_coarse:
        pred_probs = np.clip(pred_probs.round(2), 0.01, None)
    dtype = np.float32 if rng.random() < 0.3 else np.float64
    return Problem(
        seed,
        labels.astype(rng.choice([np.int64, np.int32])),
        pred_probs.astype(dtype),
        rng.integers(0, 40, (n_classes, n_classes)) + np.eye(n_classes, dtype=np.int64),
        float(rng.choice([1.0, 0.5, 0.3, 0.8])),
        int(rng.choice([0, 1, 2, 5, 10])),
        str(rng.choice(PRUNING)),
        is_coarse,
    )


def answers(api: ModuleType, problem: Problem) -> dict[str, object]:
    """Return what the package answers to every call, by name; an error is answered by the name of its class."""
    labels, probs = problem.labels, problem.pred_probs
    count, filters, rank = api.count, api.filter, api.rank
    rng = np.random.default_rng(problem.seed + 10**6)
    result: dict[str, object] = {}

    def ask(name, function, *args, **kwargs):
        try:
            result[name] = function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 (the class of the error is the answer)
            result[name] = type(error).__name__

    ask("thresholds", count.get_confident_thresholds, labels, probs)
    raw = {"calibrate": False, "return_indices_of_off_diagonals": True}
    ask("raw joint", count.compute_confident_joint, labels, probs, **raw)
    limits = rng.random(probs.shape[1])
    if problem.seed % 4 == 0:
        ask("joint of given thresholds", count.compute_confident_joint, labels, probs, thresholds=limits)
    ask("calibrated joint", count.compute_confident_joint, labels, probs)
    ask("calibration of counts", count.calibrate_confident_joint, problem.counts, labels)
    if problem.seed % 4 == 1:
        ask("joint", count.estimate_joint, labels, probs)
    joint = result["calibrated joint"]
    for method in (PY_METHODS[problem.seed % 4], PY_METHODS[(problem.seed + 1) % 4]):
        options = {"py_method": method, "converge_latent_estimates": problem.seed % 8 < 4}
        ask(f"latent {method}", count.estimate_latent, problem.counts, labels, **options)
    if problem.seed % 4 == 2:
        ask("latent of joint", count.estimate_py_and_noise_matrices_from_probabilities, labels, probs)
    ask("number off_diagonal", count.num_label_issues, labels, probs)
    if problem.seed % 4 == 3:
        method = "off_diagonal_calibrated"
        ask("number calibrated", count.num_label_issues, labels, probs, estimation_method=method)
    custom = {"confident_joint": problem.counts, "estimation_method": "off_diagonal_custom"}
    ask("number custom", count.num_label_issues, labels, probs, **custom)
    for name in FILTERS:
        ask(f"filter {name}", filters.find_label_issues, labels, probs, filter_by=name, n_jobs=1)
    find = filters.find_label_issues
    options = {"filter_by": problem.filter_by, "n_jobs": 1}
    if problem.seed % 2 == 0:
        ask("filter least", find, labels, probs, min_examples_per_class=problem.min_examples, **options)
    if problem.seed % 4 == 1:
        ask("filter share", find, labels, probs, frac_noise=problem.frac_noise, **options)
    if problem.seed % 4 == 3:
        ask("filter own joint", find, labels, probs, confident_joint=problem.counts, **options)
    removals = np.minimum(np.bincount(labels, minlength=probs.shape[1]), 3)
    options = {"filter_by": "prune_by_class", "n_jobs": 1}
    if problem.seed % 4 == 2:
        ask("filter removals", find, labels, probs, num_to_remove_per_class=removals.tolist(), **options)
    by_argmax = filters.find_label_issues_using_argmax_confusion_matrix
    occurs_everywhere = len(np.unique(labels)) == len(np.unique(probs.argmax(axis=1))) == probs.shape[1]
    if (
        occurs_everywhere and problem.seed % 40 == 0
    ):  # cleanlab needs the first, and starts processes each time
        ask("filter argmax", by_argmax, labels, probs)
        ask("filter argmax raw", by_argmax, labels, probs, calibrate=False)
    ask("predicted", filters.find_predicted_neq_given, labels, probs)
    mask = rng.random(len(labels)) < 0.5
    for i, (score, adjust) in enumerate(SCORES):
        kwargs = {"method": score, "adjust_pred_probs": adjust}
        ask(f"score {score} {adjust}", rank.get_label_quality_scores, labels, probs, **kwargs)
        if problem.seed % len(SCORES) == i:
            ranked = {"return_indices_ranked_by": score, "rank_by_kwargs": {"adjust_pred_probs": adjust}}
            ask(
                f"ranked {score} {adjust}",
                find,
                labels,
                probs,
                filter_by=problem.filter_by,
                n_jobs=1,
                **ranked,
            )
            kwargs = {"rank_by": score, "rank_by_kwargs": {"adjust_pred_probs": adjust}}
            ask(f"order {score} {adjust}", rank.order_label_issues, mask, labels, probs, **kwargs)
    other = np.roll(probs, 1, axis=1)
    if problem.seed % 2:
        kwargs = {
            "weight_ensemble_members_by": "uniform" if problem.seed % 4 == 1 else "accuracy",
            "verbose": False,
        }
        ask("ensemble", rank.get_label_quality_ensemble_scores, labels, [probs, other], **kwargs)
    is_accepted = (
        len(np.unique(labels)) == probs.shape[1] and probs.dtype == np.float64 and not problem.is_coarse
    )
    if is_accepted and problem.seed % 20 == 0:  # cleanlab's log loss refuses float32 rows and missing classes
        kwargs = {"weight_ensemble_members_by": "log_loss_search", "verbose": False}
        ask("ensemble search", rank.get_label_quality_ensemble_scores, labels, [probs, other], **kwargs)
    given = {"labels": labels, "confident_joint": joint}
    overlap = api.dataset.find_overlapping_classes
    is_asymmetric = problem.seed % 4 == 1
    if problem.seed % 2:
        ask("overlap", lambda: _in_class_order(overlap(**given, asymmetric=is_asymmetric).to_numpy()))
    if problem.seed % 2 == 0:
        ask("classes", lambda: api.dataset.rank_classes_by_label_quality(labels, probs).to_numpy())
    ask(
        "health of joint",
        api.dataset.overall_label_health_score,
        labels,
        confident_joint=joint,
        verbose=False,
    )
    if problem.seed % 4 == 2:
        ask("health", api.dataset.overall_label_health_score, labels, probs, verbose=False)
    return result


def _in_class_order(table: np.ndarray) -> np.ndarray:
    """Order equal overlaps by class if there are too many pairs for cleanlab's sort to be stable."""
    if len(table) <= STABLE_LENGTH:
        return table
    return table[np.lexsort((table[:, 1], table[:, 0], -table[:, 3]))]


def load(package: str) -> ModuleType:
    """Import a package with its four modules."""
    api = importlib.import_module(package)
    for name in ("count", "filter", "rank", "dataset"):
        importlib.import_module(f"{package}.{name}")
    return api


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # warnings are compared nowhere: their wording is free
    module = load(sys.argv[1])
    collected = {
        seed: answers(module, make_problem(seed)) for seed in range(int(sys.argv[2]), int(sys.argv[3]))
    }
    Path(sys.argv[4]).write_bytes(pickle.dumps(collected))
