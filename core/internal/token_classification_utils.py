"""Helpers on words and tags."""

from labelhealth.core.token_classification.text import (
    color_sentence,
    filter_sentence,
    get_sentence,
    mapping,
    merge_probs,
    process_token,
)

__all__ = [
    "get_sentence",
    "filter_sentence",
    "process_token",
    "mapping",
    "merge_probs",
    "color_sentence",
]
