"""Two audits of one dataset side by side: which rows are the same, what became of their flags, and is it chance.

`match_rows` finds the rows of one version in another, `find_states` says what became of each label issue,
`decompose_change` splits the change of the flagged share into its causes, and the tests say which of them chance
explains. Flags are a proxy: a test tells that the flagged share rose, never that the error rate did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import BoolArray, IntArray
from labelhealth.core.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "STATES",
    "Change",
    "Matches",
    "Comparison",
    "compare_added",
    "compare_kept",
    "decompose_change",
    "find_states",
    "match_rows",
]

State: TypeAlias = Literal[
    "new", "persisting", "fixed_relabelled", "fixed_unflagged", "reopened", "vanished", "arrived_flagged"
]
STATES: tuple[State, ...] = (
    "new",
    "persisting",
    "fixed_relabelled",
    "fixed_unflagged",
    "reopened",
    "vanished",
    "arrived_flagged",
)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Rows of two versions that are the same example.

    Parameters
    ----------
    old, new : ndarray of int64, shape (M,)
        Positions of the matched rows in each version, in the order of the new one.
    n_old, n_new : int
        Rows of each version.

    Examples
    --------
    >>> matches = match_rows(["a", "b"], ["x", "x"], ["b", "c"], ["x", "x"])
    >>> matches.removed.tolist(), matches.added.tolist()
    ([0], [1])
    """

    old: IntArray
    new: IntArray
    n_old: int
    n_new: int

    @property
    def rate(self) -> float:
        """Share of the smaller version's rows that were found in the other, in [0, 1]."""
        return len(self.old) / max(1, min(self.n_old, self.n_new))

    @property
    def removed(self) -> IntArray:
        """Positions in the old version of rows that are gone."""
        return np.setdiff1d(np.arange(self.n_old), self.old)

    @property
    def added(self) -> IntArray:
        """Positions in the new version of rows that were not there."""
        return np.setdiff1d(np.arange(self.n_new), self.new)


@dataclass(frozen=True, slots=True)
class Change:
    """The change of the flagged share, split into causes that sum to it; all in shares of judged rows.

    Parameters
    ----------
    total : float
        New minus old flagged share.
    auditor : float
        What another recipe, or another version of the code, flags differently in the old version.
    removed : float
        What the rows that are gone took with them.
    relabelled, unchanged : float
        What happened to rows that stayed, with another label and with the same.
    added : float
        What new rows brought.

    Examples
    --------
    >>> change = Change(total=0.02, auditor=0.0, removed=0.0, relabelled=-0.01, unchanged=0.0, added=0.03)
    >>> round(change.relabelled + change.added, 10) == change.total
    True
    """

    total: float
    auditor: float
    removed: float
    relabelled: float
    unchanged: float
    added: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a test says of two shares.

    Parameters
    ----------
    n_first, n_second : int
        Rows compared, or rows that changed one way and the other.
    share_first, share_second : float
        Flagged shares, NaN without rows.
    p_value : float
        Probability of a difference as large by chance alone; NaN where nothing can be compared.

    Examples
    --------
    >>> compare_added(1, 10, 10, 100).share_first
    0.1
    """

    n_first: int
    n_second: int
    share_first: float
    share_second: float
    p_value: float


def match_rows(
    old_ids: npt.ArrayLike, old_labels: npt.ArrayLike, new_ids: npt.ArrayLike, new_labels: npt.ArrayLike
) -> Matches:
    """Find the rows of one version in another, whatever their order.

    Parameters
    ----------
    old_ids, new_ids : array-like of str, shapes (N,) and (M,)
        Identity of each row; rows of equal identity form a group.
    old_labels, new_labels : array-like of str or None, shapes (N,) and (M,)
        Given labels.

    Returns
    -------
    Matches
        In a group rows of equal label are matched first, the rest in the order of their labels.

    Raises
    ------
    OptionError
        If ids and labels differ in number.

    Examples
    --------
    >>> found = match_rows(["a", "a", "b"], ["x", "y", "x"], ["c", "a"], ["x", "y"])
    >>> found.old.tolist(), found.new.tolist(), found.rate
    ([1], [1], 0.5)
    """
    import pandas as pd

    old = _frame("old", old_ids, old_labels)
    new = _frame("new", new_ids, new_labels)
    exact = _matched(old, new, ["id", "label"])
    rest = _matched(_without(old, exact["row_old"]), _without(new, exact["row_new"]), ["id"])
    both = pd.concat([exact, rest]).sort_values("row_new", kind="stable")
    return Matches(both["row_old"].to_numpy(), both["row_new"].to_numpy(), len(old), len(new))


def _frame(side: str, ids: npt.ArrayLike, labels: npt.ArrayLike) -> pd.DataFrame:
    import pandas as pd

    names, given = np.asarray(ids, dtype=object), np.asarray(labels, dtype=object)
    if names.shape != given.shape or names.ndim != 1:
        msg = f"`{side}_labels` must be one for each of `{side}_ids`; got shapes {given.shape} and {names.shape}."
        raise OptionError(msg)
    missing = pd.isna(given)
    # pairs, so that a missing label is one of its own and none of the dataset's strings stands for it
    codes = [None if is_missing else str(label) for label, is_missing in zip(given, missing, strict=True)]
    labels = pd.Series([(code is None, code or "") for code in codes], dtype=object)
    return pd.DataFrame({"id": names, "label": labels, "row": np.arange(len(names))})


def _without(side: pd.DataFrame, rows: pd.Series[int]) -> pd.DataFrame:
    return side[~side["row"].isin(rows)]


def _matched(old: pd.DataFrame, new: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Pair rows that are equal in `by`: the first label with the first and so on, in whatever order the rows are."""
    old, new = (side.sort_values("label", kind="stable") for side in (old, new))
    sides = [side.assign(turn=side.groupby(by, sort=False).cumcount()) for side in (old, new)]
    found: pd.DataFrame = sides[0].merge(sides[1], on=[*by, "turn"], suffixes=("_old", "_new"))
    return found[["row_old", "row_new"]]


def find_states(
    matches: Matches,
    old_flagged: BoolArray,
    new_flagged: BoolArray,
    relabelled: BoolArray,
    once_flagged: BoolArray | None = None,
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Say what became of each label issue.

    Parameters
    ----------
    matches : Matches
        Rows that are the same.
    old_flagged, new_flagged : ndarray of bool, shapes (N,) and (M,)
        Flagged rows of each version.
    relabelled : ndarray of bool, one a match
        Whether the given label differs.
    once_flagged : ndarray of bool, shape (M,), optional
        Rows of the new version that an audit before the old one had flagged.

    Returns
    -------
    old_states, new_states : ndarray of str or None, shapes (N,) and (M,)
        One of `STATES`; None for a row that was not and is not flagged. A row that is in both versions has its state in
        the new one; `old_states` tells of rows that vanished.

    Examples
    --------
    >>> import numpy as np
    >>> matches = match_rows(["a", "b", "c"], ["x", "x", "x"], ["b", "c", "d"], ["x", "y", "x"])
    >>> yes, no = True, False
    >>> old, new = find_states(matches, np.array([yes, no, yes]), np.array([yes, no, yes]), np.array([no, yes]))
    >>> old.tolist(), new.tolist()
    (['vanished', None, None], ['new', 'fixed_relabelled', 'arrived_flagged'])
    """
    old_states, new_states = np.full(matches.n_old, None, object), np.full(matches.n_new, None, object)
    removed, added = matches.removed, matches.added
    old_states[removed[old_flagged[removed]]] = "vanished"
    new_states[added[new_flagged[added]]] = "arrived_flagged"
    was, is_now = old_flagged[matches.old], new_flagged[matches.new]
    before = np.zeros(len(was), bool) if once_flagged is None else once_flagged[matches.new]
    kept = np.full(len(was), None, object)
    for state, holds in (
        ("new", is_now),
        ("reopened", is_now & before),
        ("fixed_unflagged", was & ~is_now),
        ("fixed_relabelled", was & ~is_now & relabelled),
        ("persisting", was & is_now),
    ):
        kept[holds] = state
    new_states[matches.new] = kept
    return old_states, new_states


def decompose_change(
    matches: Matches,
    old_flagged: BoolArray,
    old_judged: BoolArray,
    new_flagged: BoolArray,
    new_judged: BoolArray,
    relabelled: BoolArray,
    *,
    published_share: float | None = None,
) -> Change:
    """Split the change of the flagged share into causes.

    Parameters
    ----------
    matches : Matches
        Rows that are the same.
    old_flagged, old_judged : ndarray of bool, shape (N,)
        The old version, audited as the new one was.
    new_flagged, new_judged : ndarray of bool, shape (M,)
        The new version.
    relabelled : ndarray of bool, one a match
        Whether the given label differs.
    published_share : float, optional
        Flagged share of the old version as it was audited then, if that was done otherwise.

    Returns
    -------
    Change
        Parts that sum to the total, up to rounding. Each is what changes when one cause after the other sets in:
        auditor, removed rows, rows that stayed, added rows.

    Examples
    --------
    >>> import numpy as np
    >>> matches = match_rows(["a", "b"], ["x", "x"], ["a", "b", "c", "d"], ["x", "x", "x", "x"])
    >>> flagged, judged = np.array([True, False]), np.array([True, True])
    >>> later = np.array([True, False, False, False])
    >>> change = decompose_change(matches, flagged, judged, later, np.ones(4, bool), np.zeros(2, bool))
    >>> change.added, change.total
    (-0.25, -0.25)
    """
    kept_old, kept_new = matches.old, matches.new
    share_old, share_new = _share(old_flagged, old_judged), _share(new_flagged, new_judged)
    share_kept_old = _share(old_flagged[kept_old], old_judged[kept_old])
    share_kept_new = _share(new_flagged[kept_new], new_judged[kept_new])
    # of the rows that stayed: those of the old version that have another label are exchanged first
    mixed_flagged = np.where(relabelled, new_flagged[kept_new], old_flagged[kept_old])
    mixed_judged = np.where(relabelled, new_judged[kept_new], old_judged[kept_old])
    share_mixed = _share(mixed_flagged, mixed_judged)
    published = share_old if published_share is None else published_share
    return Change(
        total=share_new - published,
        auditor=share_old - published,
        removed=share_kept_old - share_old,
        relabelled=share_mixed - share_kept_old,
        unchanged=share_kept_new - share_mixed,
        added=share_new - share_kept_new,
    )


def _share(flagged: BoolArray, judged: BoolArray) -> float:
    """Return flagged rows over judged rows; 0 without any."""
    n_judged = int(judged.sum())
    return int((flagged & judged).sum()) / n_judged if n_judged else 0.0


def compare_added(n_flagged_added: int, n_added: int, n_flagged_kept: int, n_kept: int) -> Comparison:
    """Test whether added rows are flagged as often as rows that were there before.

    Parameters
    ----------
    n_flagged_added, n_added, n_flagged_kept, n_kept : int
        Flagged and judged rows of the new version, added and kept.

    Returns
    -------
    Comparison
        Fisher's exact test, two-sided; first the added rows, then the kept ones.

    References
    ----------
    Fisher (1935), The Design of Experiments; scipy.stats.fisher_exact.

    Examples
    --------
    >>> compare_added(30, 100, 20, 400).p_value < 1e-9
    True
    """
    from scipy.stats import fisher_exact

    table = [[n_flagged_added, n_added - n_flagged_added], [n_flagged_kept, n_kept - n_flagged_kept]]
    p_value = float(fisher_exact(table).pvalue) if n_added and n_kept else float("nan")
    return Comparison(
        n_added, n_kept, _ratio(n_flagged_added, n_added), _ratio(n_flagged_kept, n_kept), p_value
    )


def compare_kept(n_risen: int, n_fallen: int, n_kept: int) -> Comparison:
    """Test whether rows that stayed are flagged more often, or less, than before.

    Parameters
    ----------
    n_risen : int
        Rows that were not flagged, and are now.
    n_fallen : int
        Rows that were flagged, and are not now.
    n_kept : int
        Judged rows that are in both versions.

    Returns
    -------
    Comparison
        McNemar's exact test, two-sided; shares of all kept rows that changed one way, and the other.

    References
    ----------
    McNemar (1947), Psychometrika 12; scipy.stats.binomtest.

    Examples
    --------
    >>> compare_kept(5, 5, 100).p_value
    1.0
    """
    from scipy.stats import binomtest

    n_changed = n_risen + n_fallen
    p_value = float(binomtest(n_risen, n_changed).pvalue) if n_changed else (1.0 if n_kept else float("nan"))
    return Comparison(n_risen, n_fallen, _ratio(n_risen, n_kept), _ratio(n_fallen, n_kept), p_value)


def _ratio(count: int, total: int) -> float:
    return count / total if total else float("nan")
