"""Random problems, and the calls that cleanlab and this package are both asked to answer.

Run as a program (`python -m tests.core.parity_calls cleanlab FIRST LAST FILE`) it answers problems
FIRST..LAST-1 and pickles the answers: cleanlab has to run in a process of its own, with numpy's unstable
sorts switched off.
"""

import importlib
import pickle
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

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
    is_coarse = bool(rng.random() < 0.003)
    if is_coarse:
        pred_probs = np.clip(pred_probs.round(2), 0.01, None)
    dtype = np.float32 if rng.random() < 0.15 else np.float64
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


class Interview:
    """One package's answers about one problem; calls that take long are made for a part of the problems."""

    def __init__(self, api: ModuleType, problem: Problem):
        self.api = api
        self.problem = problem
        self.given = problem.labels, problem.pred_probs
        self.answers: dict[str, object] = {}

    def ask(self, name, function, *args, **kwargs):
        """Note the answer; an error is answered by the name of its class."""
        try:
            self.answers[name] = function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 (any class of error is an answer)
            self.answers[name] = type(error).__name__

    def is_turn(self, turn: int, of: int = 4) -> bool:
        """Whether this problem is one of every `of`."""
        return self.problem.seed % of == turn


def answers(api: ModuleType, problem: Problem) -> dict[str, object]:
    """Return what the package answers to every call, by name."""
    interview = Interview(api, problem)
    for part in (
        _ask_joints,
        _ask_estimates,
        _ask_filters,
        _ask_prunes,
        _ask_scores,
        _ask_ensembles,
        _ask_dataset,
    ):
        part(interview)
    return interview.answers


def _ask_joints(talk: Interview) -> None:
    count = talk.api.count
    raw = {"calibrate": False, "return_indices_of_off_diagonals": True}
    talk.ask("thresholds", count.get_confident_thresholds, *talk.given)
    talk.ask("raw joint", count.compute_confident_joint, *talk.given, **raw)
    talk.ask("calibrated joint", count.compute_confident_joint, *talk.given)
    talk.ask("calibration of counts", count.calibrate_confident_joint, talk.problem.counts, talk.given[0])
    if talk.is_turn(0):
        limits = np.random.default_rng(talk.problem.seed).random(talk.given[1].shape[1])
        talk.ask("joint of given thresholds", count.compute_confident_joint, *talk.given, thresholds=limits)
    if talk.is_turn(1):
        talk.ask("joint", count.estimate_joint, *talk.given)


def _ask_estimates(talk: Interview) -> None:
    count, seed = talk.api.count, talk.problem.seed
    for method in (PY_METHODS[seed % 4], PY_METHODS[(seed + 1) % 4]):
        options = {"py_method": method, "converge_latent_estimates": seed % 8 < 4}
        talk.ask(f"latent {method}", count.estimate_latent, talk.problem.counts, talk.given[0], **options)
    if talk.is_turn(2):
        talk.ask("latent of joint", count.estimate_py_and_noise_matrices_from_probabilities, *talk.given)
    talk.ask("number off_diagonal", count.num_label_issues, *talk.given)
    custom = {"confident_joint": talk.problem.counts, "estimation_method": "off_diagonal_custom"}
    talk.ask("number custom", count.num_label_issues, *talk.given, **custom)
    if talk.is_turn(3):
        calibrated = {"estimation_method": "off_diagonal_calibrated"}
        talk.ask("number calibrated", count.num_label_issues, *talk.given, **calibrated)


def _ask_filters(talk: Interview) -> None:
    filters = talk.api.filter
    for name in FILTERS:
        talk.ask(f"filter {name}", filters.find_label_issues, *talk.given, filter_by=name, n_jobs=1)
    talk.ask("predicted", filters.find_predicted_neq_given, *talk.given)


def _ask_prunes(talk: Interview) -> None:
    find, problem = talk.api.filter.find_label_issues, talk.problem
    options = {"filter_by": problem.filter_by, "n_jobs": 1}
    if talk.is_turn(0):
        talk.ask("filter least", find, *talk.given, min_examples_per_class=problem.min_examples, **options)
    if talk.is_turn(1):
        talk.ask("filter share", find, *talk.given, frac_noise=problem.frac_noise, **options)
    if talk.is_turn(3):
        talk.ask("filter own joint", find, *talk.given, confident_joint=problem.counts, **options)
    if talk.is_turn(2):
        removals = np.minimum(np.bincount(problem.labels, minlength=problem.pred_probs.shape[1]), 3).tolist()
        options = {"filter_by": "prune_by_class", "n_jobs": 1, "num_to_remove_per_class": removals}
        talk.ask("filter removals", find, *talk.given, **options)
    n_given, n_predicted = (len(np.unique(x)) for x in (problem.labels, problem.pred_probs.argmax(axis=1)))
    if talk.is_turn(0, of=40) and n_given == n_predicted == problem.pred_probs.shape[1]:  # cleanlab needs all
        by_argmax = talk.api.filter.find_label_issues_using_argmax_confusion_matrix
        talk.ask("filter argmax", by_argmax, *talk.given)
        talk.ask("filter argmax raw", by_argmax, *talk.given, calibrate=False)


def _ask_scores(talk: Interview) -> None:
    rank, problem = talk.api.rank, talk.problem
    mask = np.random.default_rng(problem.seed).random(len(problem.labels)) < 0.5
    for i, (score, adjust) in enumerate(SCORES):
        kwargs = {"adjust_pred_probs": adjust}
        name = f"{score} {adjust}"
        talk.ask(f"score {name}", rank.get_label_quality_scores, *talk.given, method=score, **kwargs)
        if talk.is_turn(i, of=len(SCORES)):
            options = {"filter_by": problem.filter_by, "return_indices_ranked_by": score, "n_jobs": 1}
            find = talk.api.filter.find_label_issues
            talk.ask(f"ranked {name}", find, *talk.given, rank_by_kwargs=kwargs, **options)
            order = rank.order_label_issues
            talk.ask(f"order {name}", order, mask, *talk.given, rank_by=score, rank_by_kwargs=kwargs)


def _ask_ensembles(talk: Interview) -> None:
    labels, probs = talk.given
    members = [probs, np.roll(probs, 1, axis=1)]
    ensemble = talk.api.rank.get_label_quality_ensemble_scores
    for turn, scheme in ((1, "uniform"), (3, "accuracy")):
        if talk.is_turn(turn):
            options = {"weight_ensemble_members_by": scheme, "verbose": False}
            talk.ask(f"ensemble {scheme}", ensemble, labels, members, **options)
    is_complete = len(np.unique(labels)) == probs.shape[1] and not talk.problem.is_coarse
    if talk.is_turn(0, of=20) and is_complete and probs.dtype == np.float64:  # cleanlab accepts no others
        options = {"weight_ensemble_members_by": "log_loss_search", "verbose": False}
        talk.ask("ensemble search", ensemble, labels, members, **options)


def _ask_dataset(talk: Interview) -> None:
    dataset, labels = talk.api.dataset, talk.given[0]
    joint = {"confident_joint": talk.answers["calibrated joint"]}
    talk.ask("health of joint", dataset.overall_label_health_score, labels, verbose=False, **joint)
    if talk.is_turn(2):
        talk.ask("health", dataset.overall_label_health_score, *talk.given, verbose=False)
    if talk.is_turn(0):
        talk.ask("classes", lambda: dataset.rank_classes_by_label_quality(*talk.given).to_numpy())
    if talk.is_turn(1):
        options = {"asymmetric": talk.is_turn(1, of=8), **joint}
        find = dataset.find_overlapping_classes
        talk.ask("overlap", lambda: _in_class_order(find(labels, **options).to_numpy()))


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
    sklearn.set_config(skip_parameter_validation=True)  # saves cleanlab's time
    module = load(sys.argv[1])
    collected = {
        seed: answers(module, make_problem(seed)) for seed in range(int(sys.argv[2]), int(sys.argv[3]))
    }
    Path(sys.argv[4]).write_bytes(pickle.dumps(collected))
