"""Label issues of tokens: every word of a sentence has a class.

`filter` finds tokens whose labels look wrong, `rank` scores tokens and sentences, `summary` shows what was found,
`span_classification` does the same for one class of spans, `text` holds small functions on words and tags.
"""

from labelhealth.core.token_classification import (
    filter,  # noqa: A004 (the name that callers know)
    rank,
    span_classification,
    summary,
    text,
)

__all__ = ["filter", "rank", "span_classification", "summary", "text"]
