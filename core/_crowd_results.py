"""What a judged crowd is reported as: frames, and words on what a consensus has lost. Input is already clean."""

from __future__ import annotations

from typing import Any

from labelhealth.core._annotator_stats import (
    annotator_stats_frame,
    detailed_quality_frame,
    label_quality_frame,
    vote_quality,
)
from labelhealth.core._crowdlab import Consensus, Crowd
from labelhealth.core._stdout import write_lines
from labelhealth.core._types import IntArray
from labelhealth.core._votes import Votes
from labelhealth.core.options import ConsensusMethod


def crowd_results(
    crowd: Crowd, found: dict[ConsensusMethod, Consensus], detailed: bool, stats: bool, verbose: bool
) -> dict[str, Any]:
    """Return the frames that are wanted; the first consensus decides all but the frame of examples."""
    main = next(iter(found.values()))
    if verbose:
        _tell_lonely(crowd.votes, main)
        for method, consensus in found.items():
            tell_lost_classes(crowd.votes, consensus.labels, method)
    results = {"label_quality": label_quality_frame(crowd.votes, found)}
    if not (detailed or stats):
        return results
    quality = vote_quality(crowd, main.posterior)
    if detailed:
        results["detailed_label_quality"] = detailed_quality_frame(crowd.votes, quality)
    if stats:
        results["annotator_stats"] = annotator_stats_frame(crowd.votes, main, quality)
    return results


def tell_lost_classes(votes: Votes, labels: IntArray, method: str) -> None:
    """Write which classes annotators chose and the consensus has no more."""
    if lost := sorted(set(votes.classes.tolist()) - set(labels.tolist())):
        write_lines(
            f"Caution: no consensus label ({method}) is of the classes {', '.join(map(str, lost))}, though annotators"
            " chose them. A classifier trained on these labels never sees them."
        )


def _tell_lonely(votes: Votes, found: Consensus) -> None:
    if found.weights.lonely.any():
        names = ", ".join(map(str, votes.columns[found.weights.lonely]))
        write_lines(f"Annotators that share no example with another count as the mean of the rest: {names}.")
