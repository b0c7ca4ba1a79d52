"""The two ways in which CleanLearning finds label issues: by the filter, with estimates of the noise, or in batches."""

from __future__ import annotations

from typing import Any, cast

from labelhealth.core._clean_estimates import (
    Learning,
    Noise,
    count_classes,
    estimate_noise,
    learn_pred_probs,
    warn_of_unused,
    with_clean_class,
)
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.filter import find_label_issues
from labelhealth.core.label_issues_batched import find_label_issues_batched


def search_by_filter(
    X: object,
    labels: IntArray,
    pred_probs: FloatArray | None,
    known: Noise,
    learning: Learning,
    options: dict[str, Any],
) -> tuple[BoolArray, FloatArray, Noise]:
    """Return the mask, the probabilities it was found with, and the noise; `options` are the filter's."""
    given_joint = options.pop("confident_joint", None)
    known = Noise(known.py, known.noise_matrix, known.inverse_noise_matrix, given_joint)
    n_classes = count_classes(labels, pred_probs, known)
    noise, probs = estimate_noise(X, labels, pred_probs, known, n_classes, learning)
    noise = with_clean_class(noise, learning.pulearning)
    if options.get("filter_by") != "confident_learning":
        options["confident_joint"] = noise.confident_joint
    mask = cast("BoolArray", find_label_issues(labels, probs, **options))
    return mask, probs, noise


def search_in_batches(
    X: object,
    labels: IntArray,
    pred_probs: FloatArray | None,
    known: Noise,
    learning: Learning,
    options: dict[str, Any],
) -> tuple[BoolArray, FloatArray, None]:
    """Return the mask and the probabilities; no noise is estimated, and the filter's options are not used."""
    warn_of_unused(learning.thresholds, known, options)
    probs = learn_pred_probs(X, labels, learning) if pred_probs is None else pred_probs
    mask = find_label_issues_batched(labels, probs, return_mask=True, verbose=False)
    return cast("BoolArray", mask), probs, None
