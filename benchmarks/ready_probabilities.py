"""Labels with probabilities that a model has left in files, as `known_sets` has features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

KNOWN = (
    ("cifar10n_aggre", "given_label", ("swin", "resnet18")),
    ("roman_numeral", "given_label", ("swin", "resnet18")),
)
PLANTED = (
    ("roman_numeral", "given_label", ("efficientnet",)),
    ("digits", "label_noisy_05", ("lr_05", "hgb_05", "knn_05")),
    ("digits", "label_noisy_20", ("lr_20", "hgb_20", "knn_20")),
    ("letter", "label_noisy_10", ("hgb_10", "knn_10")),
    ("fashion_mnist_50k", "label_noisy_10", ("lr_10", "hgb_10")),
    ("adult", "label_noisy_05", ("lr_05", "hgb_05")),
    ("adult", "label_noisy_20", ("lr_20", "hgb_20")),
    ("banking77", "label_noisy_10", ("lr_10",)),
)


@dataclass(frozen=True)
class ReadySet:
    """Given labels, which of them are wrong, and probabilities."""

    name: str
    labels: npt.NDArray[np.int64]
    is_wrong: npt.NDArray[np.bool_]
    pred_probs: npt.NDArray[np.float64]


def read_known(folder: Path) -> Iterator[ReadySet]:
    """Yield the sets whose errors people made, and whose rows were all looked at."""
    return _read(folder, KNOWN)


def read_all(folder: Path) -> Iterator[ReadySet]:
    """Yield every set that has probabilities and one label a row."""
    return _read(folder, KNOWN + PLANTED)


def _read(folder: Path, sets: tuple[tuple[str, str, tuple[str, ...]], ...]) -> Iterator[ReadySet]:
    for name, column, models in sets:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        labels = frame[column].to_numpy(dtype=np.int64)
        wrong = (frame["label_true"] != frame[column]).to_numpy(dtype=np.bool_)
        for model in models:
            probs = np.load(folder / "pred_probs" / f"{name}_{model}.npy").astype(np.float64)
            yield ReadySet(f"{name} {model}", labels, wrong, probs / probs.sum(axis=1, keepdims=True))
