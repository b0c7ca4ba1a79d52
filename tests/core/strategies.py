"""The vocabulary of random datasets that the tests of the core share."""

import numpy as np
from hypothesis import strategies as st

DTYPES = (np.float32, np.float64)


@st.composite
def datasets(draw, max_classes=6, max_rows=60):
    """Labels and probabilities: missing classes, exact ties and near-ties are common."""
    n_classes = draw(st.integers(2, max_classes))
    n_rows = draw(st.integers(2, max_rows))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.integers(0, n_classes, n_rows)
    labels[0] = (labels[1] + 1) % n_classes  # at least two classes
    pred_probs = rng.dirichlet(np.full(n_classes, 0.5), n_rows)
    digits = draw(st.sampled_from([1, 2, 16]))
    pred_probs = pred_probs.round(digits)
    if draw(st.booleans()):  # near-ties, within and around the tolerance of 1e-6
        pred_probs += rng.choice([0.0, 1e-6, 2e-6, 5e-7], pred_probs.shape)
    return labels, np.clip(pred_probs, 0, 1).astype(draw(st.sampled_from(DTYPES)))


def random_dataset(seed, n_classes, n_rows, dtype=np.float64):
    """One dataset with noise, of the given size."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, n_classes, n_rows)
    labels = np.where(rng.random(n_rows) < 0.3, rng.integers(0, n_classes, n_rows), true)
    logits = rng.normal(0, 1, (n_rows, n_classes))
    logits[np.arange(n_rows), true] += 2
    pred_probs = np.exp(logits)
    return labels, (pred_probs / pred_probs.sum(axis=1, keepdims=True)).astype(dtype)
