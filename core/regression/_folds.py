"""Predictions of a regression model by cross-validation, and the search for the share of label errors with them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

from labelhealth.core._rows import select_rows
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import OptionError, RegressorError
from labelhealth.core.folds import assign_folds
from labelhealth.core.identity import UInt64Array
from labelhealth.core.regression._targets import Targets

UNKNOWN_R2 = -1e30  # of a share that leaves too few examples; below any other


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Models that are trained on parts of the examples.

    Parameters
    ----------
    X : array or sparse matrix, N rows
        Features.
    model : regression model
        What is cloned and trained.
    model_kwargs : mapping
        Further arguments of its `fit`.
    random : RandomState or None
        Where folds come from; NumPy's global generator if None.
    groups : ndarray of uint64, shape (N,), or None
        Examples of equal group stay in one fold, by a hash of it; without groups every example stands alone.
    """

    X: Any
    model: Any
    model_kwargs: Mapping[str, Any]
    random: np.random.RandomState | None
    groups: UInt64Array | None = None

    def predict(
        self, targets: Targets, n_folds: int, order: IntArray | None = None, share: float = 0.0
    ) -> FloatArray:
        """Predict every example by a model not trained on it, shape (N,).

        The last `share` of the examples in `order` trains no model, and is predicted by the mean of all of them.
        """
        order = np.arange(len(targets)) if order is None else order
        n_dropped = math.ceil(len(targets) * share)
        kept, dropped = order[: len(order) - n_dropped], order[len(order) - n_dropped :]
        check_enough(len(kept), n_folds)
        predicted, guesses = np.empty(len(targets)), np.zeros(len(dropped))
        for train, holdout in self._splits(kept, n_folds):
            model = self._trained(targets, kept[train])
            predicted[kept[holdout]] = self._predicted(model, kept[holdout])
            if n_dropped:
                guesses += self._predicted(model, dropped)
        predicted[dropped] = guesses / n_folds
        return predicted

    def _splits(self, kept: IntArray, n_folds: int) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield the places in `kept` that train a model, and those that it predicts."""
        if self.groups is None:
            yield from KFold(n_folds, shuffle=True, random_state=self.random).split(kept)
            return
        draw = (
            np.random.mtrand._rand if self.random is None else self.random
        )  # the global one has no public name
        seed = int(draw.randint(np.iinfo(np.int32).max))
        folds = assign_folds(self.groups[kept], np.zeros(len(kept), np.int64), n_folds, seed, 1)
        for fold in range(n_folds):
            is_held_out = folds == fold
            if is_held_out.all():
                msg = "`groups` must be spread over two folds or more; all examples are in one."
                raise OptionError(f"{msg} Hint: more groups, or none.")
            yield np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)

    def _trained(self, targets: Targets, rows: IntArray) -> Any:
        try:
            model = clone(self.model)
        except Exception as error:
            msg = (
                f"`model` must be one that scikit-learn can clone; got {type(self.model).__name__}: {error}."
            )
            raise RegressorError(msg) from error
        model.fit(select_rows(self.X, rows), targets[rows], **self.model_kwargs)
        return model

    def _predicted(self, model: Any, rows: IntArray) -> FloatArray:
        if not len(rows):
            return np.empty(0)
        found = np.asarray(model.predict(select_rows(self.X, rows)))
        if found.size != len(rows):
            msg = f"`model` must predict one number for each of {len(rows)} rows; got shape {found.shape}."
            raise RegressorError(msg)
        return found.reshape(-1)


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Looks for the share of examples without which the others are predicted best."""

    folds: Folds
    targets: Targets
    n_folds: int
    order: IntArray

    def best(self, coarse: Sequence[float], fine_size: int) -> tuple[float, float]:
        """Return the best share and its R2: of the coarse ones, then of some between its neighbours."""
        if len(coarse) == 1:
            kept = len(self.targets) - math.ceil(len(self.targets) * coarse[0])
            check_enough(kept, self.n_folds)
            return coarse[0], self._r2(coarse[0])
        shares = sorted(coarse)
        found = [self._r2(share) for share in shares]
        i = int(np.argmax(found))
        between = _between(shares, i, fine_size)
        finer = [self._r2(share) for share in between]
        if not finer or found[i] > max(finer):
            return shares[i], found[i]
        j = int(np.argmax(finer))
        return between[j], finer[j]

    def _r2(self, share: float) -> float:
        if math.floor(len(self.targets) * (1 - share)) < self.n_folds:
            return UNKNOWN_R2
        return float(
            r2_score(self.targets, self.folds.predict(self.targets, self.n_folds, self.order, share))
        )


def check_enough(n_rows: int, n_folds: int) -> None:
    """Reject fewer examples than folds."""
    if n_rows < n_folds:
        msg = (
            f"`cv_n_folds` must be at most the number of examples to train on, {n_rows}; got {n_folds}."
            " Hint: more data, fewer folds, or smaller shares in coarse_search_range."
        )
        raise OptionError(msg)


def _between(shares: list[float], i: int, size: int) -> list[float]:
    """Return `size` shares inside each of the intervals that share i ends or begins."""
    found: list[float] = []
    for left, right in ((i - 1, i), (i, i + 1)):
        if size and left >= 0 and right < len(shares):
            found += np.linspace(shares[left], shares[right], size + 1, endpoint=False)[1:].tolist()
    return found
