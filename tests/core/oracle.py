"""The definitions of confident learning as plain loops: slow, and easy to compare with the text."""

from fractions import Fraction

import numpy as np

TOLERANCE = 1e-6


def thresholds(labels, pred_probs):
    """Mean self-confidence of each class, exact, rounded once; 2 without examples."""
    dtype = pred_probs.dtype.type
    result = []
    for k in range(pred_probs.shape[1]):
        own = [Fraction(float(p[k])) for label, p in zip(labels, pred_probs, strict=True) if label == k]
        result.append(dtype(float(sum(own) / len(own))) if own else 2.0)
    is_complete = set(range(pred_probs.shape[1])) <= set(labels.tolist())
    return np.maximum(np.array(result, dtype=pred_probs.dtype if is_complete else float), 2e-6)


def guesses(labels, pred_probs, limits):
    """Class that each example counts for, or None."""
    result = []
    for p in pred_probs:
        confident = [k for k in range(len(p)) if p[k] >= limits[k] - limits.dtype.type(TOLERANCE)]
        best = max(range(len(p)), key=lambda k: (p[k], -k))
        result.append(None if not confident else confident[0] if len(confident) == 1 else best)
    return result


def raw_joint(labels, pred_probs):
    """Confident examples by given label and guess, at least 1 on the diagonal; and the rows off it."""
    n_classes = pred_probs.shape[1]
    joint = [[0] * n_classes for _ in range(n_classes)]
    off_diagonal = []
    found = guesses(labels, pred_probs, thresholds(labels, pred_probs))
    for i, (label, guess) in enumerate(zip(labels, found, strict=True)):
        if guess is not None:
            joint[label][guess] += 1
            if guess != label:
                off_diagonal.append(i)
    for k in range(n_classes):
        joint[k][k] = max(joint[k][k], 1)
    return np.array(joint), off_diagonal


def rounded(values):
    """Round to integers with the rounded total; ties: add at the last, take at the first index."""
    result = [round(float(v)) for v in values]
    gap = round(float(np.sum(values))) - sum(result)
    while gap:
        step = 1 if gap > 0 else -1
        order = sorted(range(len(result)), key=lambda j: values[j] - result[j])
        order = order[::-1] if step == 1 else order
        for j in order[: min(abs(gap), len(result))]:
            result[j] += step
        gap = round(float(np.sum(values))) - sum(result)
    return result


def calibrated(joint, labels):
    """Scale every row to its class count and round."""
    counts = [sum(label == k for label in labels) for k in range(len(joint))]
    scaled = [
        [c / max(sum(row), 1e-100) * n for c in row] for row, n in zip(joint.tolist(), counts, strict=True)
    ]
    total = np.array(scaled).T.ravel().sum()
    return np.array([rounded([v / max(total, 1e-100) * len(labels) for v in row]) for row in scaled])


def is_close(label, p):
    """Whether the given label has the highest probability once 1e-6 is added to it."""
    lifted = list(p)
    lifted[label] = p[label] + p.dtype.type(TOLERANCE)
    return max(range(len(p)), key=lambda k: (lifted[k], -k)) == label


def prune_matrix(joint, least, share):
    """Examples to flag of each (given, suggested) pair; on the diagonal those to keep."""
    result = []
    for k, row in enumerate(joint.tolist()):
        kept = max(row[k], least)
        others = max(sum(c != 0 for c in row) - 1, 1)
        reduced = [max(c - (kept - row[k]) / others, 0) for c in row]
        flagged = [share * c for c in reduced]
        spared = sum(reduced[j] - flagged[j] for j in range(len(row)) if j != k)
        result.append([int(kept + spared) if j == k else int(flagged[j]) for j in range(len(row))])
    return result


def prune_by_noise_rate(labels, pred_probs, joint, least=1, share=1.0):
    """Of each pair, the rows with the largest margins, first rows first."""
    wanted = prune_matrix(joint, least, share)
    flagged = set()
    for k, row in enumerate(wanted):
        members = [i for i, label in enumerate(labels) if label == k]
        if len(members) <= max(least, 1):
            continue
        for j, n in enumerate(row):
            if j != k:
                flagged.update(
                    sorted(members, key=lambda i, j=j, k=k: pred_probs[i][k] - pred_probs[i][j])[:n]
                )
    return np.array([i in flagged and not is_close(labels[i], pred_probs[i]) for i in range(len(labels))])


def prune_by_class(labels, pred_probs, joint, least=1, share=1.0):
    """Of each class, the rows with the lowest self-confidence, first rows first."""
    wanted = prune_matrix(joint, least, share)
    flagged = set()
    for k, row in enumerate(wanted):
        members = [i for i, label in enumerate(labels) if label == k]
        if len(members) > max(least, 1):
            n = max(len(members) - row[k], 0)
            flagged.update(sorted(members, key=lambda i, k=k: pred_probs[i][k])[:n])
    return np.array([i in flagged and not is_close(labels[i], pred_probs[i]) for i in range(len(labels))])


def confident_learning(labels, pred_probs):
    """Rows off the diagonal of the raw joint that are not close."""
    off_diagonal = set(raw_joint(labels, pred_probs)[1])
    return np.array(
        [i in off_diagonal and not is_close(labels[i], pred_probs[i]) for i in range(len(labels))]
    )


def normalized_margin(labels, pred_probs):
    """(own - best other + 1) / 2, row by row."""
    return np.array(
        [
            (p[label] - max(v for k, v in enumerate(p) if k != label) + 1) / 2
            for label, p in zip(labels, pred_probs, strict=True)
        ]
    )
