"""Datasets of features whose label errors are known, and of ready probabilities, as arrays.

They are read from a folder of Parquet files, one a dataset, with columns `label_true` and `label_noisy_05`, and never
copied into the project.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core.estimators import make_estimator
from labelhealth.core.features import FeatureFrame
from labelhealth.core.folds import assign_folds
from labelhealth.core.out_of_fold import predict_fold

FASHION_ROWS = 8000  # of 50,000: what the draws are taken from
FASHION_DIMENSIONS = 30  # of PCA, fitted without labels: a fit takes milliseconds instead of a second
LABEL_COLUMNS = ("id", "label_true", "label_noisy_05", "label_noisy_10", "label_noisy_20")
NAMES = ("digits", "letter", "fashion")
N_FOLDS = 5
ESTIMATORS: Mapping[str, Mapping[str, Any]] = {
    "LogisticRegression": {"C": 0.1},
    "ExtraTreesClassifier": {"n_estimators": 30, "min_samples_leaf": 3},  # the default has 100 trees
    "DummyClassifier": {},
}
NEAREST = (0.6, 0.3, 0.1)  # chances of the three nearest classes in confusable noise
Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class KnownSet:
    """Features, labels with 5 % planted errors, and labels without."""

    name: str
    features: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint64]
    """Equal for rows of equal features, which share a fold."""
    partners: npt.NDArray[np.int64]
    """Shape (K, 3): the classes whose means lie nearest to each class's, nearest first."""

    @property
    def n_classes(self) -> int:
        """Return K."""
        return len(self.partners)


def read_set(folder: Path, name: str) -> KnownSet:
    """Return one of `NAMES`."""
    if name == "fashion":
        frame = pd.read_parquet(folder / "fashion_mnist_50k.parquet").iloc[:FASHION_ROWS]
        features = _reduced(np.frombuffer(b"".join(frame["image"]), "u1").reshape(len(frame), -1) / 255)
    else:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        features = frame.drop(columns=list(LABEL_COLUMNS)).to_numpy(dtype=np.float64)
    labels, truth = (frame[column].to_numpy(dtype=np.int64) for column in ("label_noisy_05", "label_true"))
    return as_set(name, features, labels, truth)


def as_set(
    name: str, features: npt.NDArray[Any], labels: npt.NDArray[Any], truth: npt.NDArray[Any]
) -> KnownSet:
    """Return features and labels with what is made of them."""
    keys = np.unique(features, axis=0, return_inverse=True)[1].reshape(-1).astype(np.uint64)
    return KnownSet(name, features, labels, truth, keys, _nearest_classes(features, truth))


def _reduced(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from sklearn.decomposition import PCA

    return np.asarray(PCA(FASHION_DIMENSIONS, random_state=0).fit_transform(pixels))


def _nearest_classes(
    features: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    scaled = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-9)
    means = np.stack([scaled[truth == label].mean(axis=0) for label in range(truth.max() + 1)])
    distances = np.linalg.norm(means[:, None] - means[None], axis=2)
    return np.argsort(distances, axis=1, kind="stable")[:, 1:4]


def predict(known: KnownSet, rows: Rows, labels: Codes, estimator: str, seed: int) -> npt.NDArray[np.float64]:
    """Return out-of-sample probabilities of some rows; `labels` are those of the whole set."""
    given = labels[rows]
    frame = pd.DataFrame(index=range(len(rows)))
    features = FeatureFrame(frame, {"x": known.features[rows]}, {"x": "embedding"})
    model = make_estimator(
        estimator, ESTIMATORS[estimator],
        kinds=features.kinds, n_classes=known.n_classes, n_rows=len(rows), seed=seed,
    )  # fmt: skip
    folds = assign_folds(known.keys[rows], given, N_FOLDS, seed, known.n_classes)
    pred_probs = np.empty((len(rows), known.n_classes))
    for fold in range(N_FOLDS):
        found = predict_fold(
            features, given, folds, fold, estimator=model, n_classes=known.n_classes, scheme="identity"
        )
        pred_probs[found.rows] = found.pred_probs
    return pred_probs


def plant(known: KnownSet, rows: Rows, n_wrong: int, kind: str, seed: int) -> Codes:
    """Return the labels of the set, wrong in `n_wrong` more of the rows: in any other class, or in a confusable one."""
    rng = np.random.default_rng(seed)
    right = rows[known.labels[rows] == known.truth[rows]]
    picked = rng.choice(right, size=n_wrong, replace=False)
    truth = known.truth[picked]
    labels = known.labels.copy()
    if kind == "uniform":
        labels[picked] = (truth + rng.integers(1, known.n_classes, n_wrong)) % known.n_classes
    else:
        labels[picked] = known.partners[truth, rng.choice(len(NEAREST), size=n_wrong, p=NEAREST)]
    return labels


def seed_of(*parts: object) -> int:
    """Return a seed that depends on nothing but its parts."""
    return zlib.crc32("/".join(map(str, parts)).encode())
