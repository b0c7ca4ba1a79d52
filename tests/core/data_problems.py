"""Random features, labels and probabilities for the checks of data."""

import numpy as np

from tests.core.strategies import random_dataset


def drawn(seed, check, most_rows=(90, 110)):
    """Features in clusters, some of them copies, in one of several orders; labels and probabilities.

    `most_rows` bounds the examples of problems, and of those of labels.
    """
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 5))
    least, most = (60, most_rows[1]) if check == "label" else (9, most_rows[0])
    n_rows = int(rng.integers(min(least, most // 2), most))
    labels, pred_probs = random_dataset(seed, n_classes, n_rows)
    labels[:n_classes] = np.arange(n_classes)
    centers = rng.normal(0, 3, (int(rng.integers(1, 5)), int(rng.choice([2, 4, 6]))))
    places = rng.integers(0, len(centers), n_rows)
    if rng.random() < 0.3:
        places.sort()
    X = centers[places] + rng.normal(0, rng.choice([0.3, 1.0]), (n_rows, centers.shape[1]))
    near = rng.random(n_rows) < rng.choice([0.0, 0.2])
    X[near] = X[rng.integers(0, n_rows, near.sum())] * (1 + 1e-4 * rng.normal(size=X[near].shape))
    if check in {"outlier", "near_duplicate"} or (check != "label" and rng.random() < 0.2):
        copied = rng.random(n_rows) < rng.choice([0.1, 0.5])
        X[copied] = X[rng.integers(0, max(n_rows // 10, 1), copied.sum())]
    groups = places if rng.random() < 0.7 else None
    if (
        check == "underperforming_group" and rng.random() < 0.5
    ):  # a group, or all, that the model knows nothing of
        pred_probs[places == 0] = (
            np.eye(n_classes)[(labels[places == 0] + 1) % n_classes] * 0.98 + 0.02 / n_classes
        )
    return X, labels, pred_probs, groups
