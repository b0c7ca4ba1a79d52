"""How often the guard `in_sample` finds probabilities of training rows, and distrusts honest ones.

Datasets with known errors (`--data`) in 0, 5, 10 and 20 % of the labels; probabilities in sample and out of fold; the
baseline on all features, and on few of them, so that the honest models know far more than it does.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.measure import silent
from benchmarks.table import Table
from labelhealth.core.estimators import make_estimator
from labelhealth.core.features import FeatureFrame, Kind, design_frame
from labelhealth.core.in_sample import check_in_sample

SETS = ("digits", "letter", "adult", "fashion_mnist_50k", "banking77")
LABELS = ("label_true", "label_noisy_05", "label_noisy_10", "label_noisy_20")
WIDTH = 62  # characters of the first column
MAX_BOOSTED = 10  # classes: boosting fits a tree for each
OUTCOMES = {False: "distrusted", None: "not told", True: "no sign"}
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Some rows of a dataset."""

    matrix: Floats
    """What models are given, shape (N, D)."""
    views: Mapping[str, FeatureFrame]
    """What the baseline is given: all features, and few."""
    labels: Mapping[str, Ints]
    truth: Ints


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--data", type=Path, required=True, help="folder with the datasets")
    parser.add_argument("--rows", type=int, default=3000, help="rows of each dataset (default: 3000)")
    parser.add_argument("--only", nargs="*", default=SETS, choices=SETS, help="datasets (default: all)")


def run(options: argparse.Namespace) -> None:
    """Print a table a dataset, then all together."""
    everything: dict[str, Counter[str]] = defaultdict(Counter)
    highest: dict[str, float] = defaultdict(float)
    for name in options.only:
        table = Table(
            f"{name}: agreement with labels that look wrong",
            ("labels, baseline, model", "agrees", "said"),
            WIDTH,
        )
        for noise, view, model, share, said in _judged(_load(options.data, name, options.rows)):
            table.row(f"{noise}, {view}, {model}", f"{share:.3f}", said)
            of_labels = "clean labels" if noise == "label_true" else "5 to 20 % wrong"
            key = f"{model}, {of_labels}"
            everything[key][said] += 1
            highest[key] = max(highest[key], 0.0 if np.isnan(share) else share)
    table = Table("problems by what was said", ("model, labels", *OUTCOMES.values(), "agrees at most"), WIDTH)
    for key, counts in sorted(everything.items()):
        table.row(key, *(str(counts[said]) for said in OUTCOMES.values()), f"{highest[key]:.3f}")


def _judged(data: Dataset) -> Iterator[tuple[str, str, str, float, str]]:
    """Yield noise, view, model, agreement and outcome."""
    for noise, labels in data.labels.items():
        with silent():
            given = dict(_probabilities(data, labels))
        for view, features in data.views.items():
            with silent():
                baseline = _baseline(features, labels)
            for model, probs in given.items():
                result = check_in_sample(labels, probs, baseline)
                yield noise, view, model, result.value, OUTCOMES[result.holds]


def _baseline(features: FeatureFrame, labels: Ints) -> Floats:
    """Return out-of-fold probabilities of the default estimator."""
    n_classes = int(labels.max()) + 1
    estimator = make_estimator(kinds=features.kinds, n_classes=n_classes, n_rows=len(labels), seed=0)
    return _out_of_fold(estimator, design_frame(features), labels, seed=0)


def _out_of_fold(estimator: Any, matrix: Any, labels: Ints, seed: int) -> Floats:
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    found: Floats = cross_val_predict(estimator, matrix, labels, cv=folds, method="predict_proba")
    return found


def _probabilities(data: Dataset, labels: Ints) -> Iterator[tuple[str, Floats]]:
    """Yield probabilities by what made them: fitted on all rows, or out of fold."""
    n_classes = int(labels.max()) + 1
    scaled = lambda *steps: make_pipeline(StandardScaler(), *steps)  # noqa: E731 - a name for brevity
    wide = RBFSampler(gamma=0.5 / data.matrix.shape[1], n_components=2000, random_state=0)
    models: dict[str, Any] = {
        "forest": RandomForestClassifier(100, random_state=1),
        "logistic": scaled(LogisticRegression(max_iter=200)),
        "network": scaled(MLPClassifier((128,), max_iter=60, random_state=1)),
    }
    if n_classes <= MAX_BOOSTED:
        models["boosted"] = HistGradientBoostingClassifier(max_iter=60, random_state=1)
    alone = {"logistic, 2,000 features": scaled(wide, LogisticRegression(C=10, max_iter=200))}
    alone["1 neighbour"] = scaled(KNeighborsClassifier(1))
    for name, model in {**models, **alone}.items():
        yield f"in sample: {name}", model.fit(data.matrix, labels).predict_proba(data.matrix)
    for name, model in {**models, "5 neighbours": scaled(KNeighborsClassifier(5))}.items():
        yield f"honest: {name}", _out_of_fold(model, data.matrix, labels, seed=3)
    for error in (0.02, 0.005):
        yield f"made up: {1 - error:.1%} of the truth", _near_truth(data.truth, n_classes, error)


def _near_truth(truth: Ints, n_classes: int, error: float) -> Floats:
    """Return probabilities of a model that errs in few rows, hard or not: better than any real one."""
    rng = np.random.default_rng(0)
    found = np.where(rng.random(len(truth)) < error, rng.integers(0, n_classes, len(truth)), truth)
    return np.eye(n_classes)[found] * 0.98 + 0.02 / n_classes


def _load(folder: Path, name: str, n_rows: int) -> Dataset:
    """Return some rows of a dataset, classes that are too small for five folds left out."""
    frame = pd.read_parquet(folder / f"{name}.parquet")
    frame = frame.sample(min(n_rows, len(frame)), random_state=0).sort_index()
    vectors = np.load(folder / "banking77_minilm_f16.npy") if name == "banking77" else None
    for column in LABELS:
        frame = frame[frame.groupby(column)[column].transform("size") >= 10]
    matrix, views = _vectors(frame, vectors) if name in SETS[3:] else _columns(frame)
    classes = {column: np.unique(frame[column], return_inverse=True)[1] for column in LABELS}
    return Dataset(matrix, views, classes, classes["label_true"])


def _columns(frame: pd.DataFrame) -> tuple[Floats, dict[str, FeatureFrame]]:
    """Return features that stand in columns; the few are the second quarter of them."""
    features = frame.drop(columns=["id", *LABELS]).reset_index(drop=True)
    kinds: dict[str, Kind] = {
        name: "numeric" if pd.api.types.is_numeric_dtype(features[name]) else "categorical"
        for name in features
    }
    some = list(kinds)[len(kinds) // 4 : len(kinds) // 2]
    few = FeatureFrame(features[some], {}, {name: kinds[name] for name in some})
    encoded = pd.get_dummies(features, dtype=float).to_numpy(dtype=np.float64)
    return encoded, {"all features": FeatureFrame(features, {}, kinds), "few features": few}


def _vectors(
    frame: pd.DataFrame, vectors: npt.NDArray[np.float16] | None
) -> tuple[Floats, dict[str, FeatureFrame]]:
    """Return features that are one vector: of a text, or the pixels of a picture; the few are a part of it."""
    if vectors is None:
        matrix = np.stack([_pixels(data) for data in frame["image"]])
    else:
        matrix = vectors[frame.index].astype(np.float64)
    few = matrix[:, ::10]
    empty = pd.DataFrame(index=range(len(matrix)))
    return matrix, {
        "all features": FeatureFrame(empty, {"v": matrix}, {"v": "embedding"}),
        "few features": FeatureFrame(empty, {"v": few}, {"v": "embedding"}),
    }


def _pixels(data: bytes) -> Floats:
    """Return a picture of 28 x 28 bytes as 14 x 14 means."""
    square = np.frombuffer(data, dtype=np.uint8).reshape(28, 28) / 255
    return square.reshape(14, 2, 14, 2).mean(axis=(1, 3)).ravel()
