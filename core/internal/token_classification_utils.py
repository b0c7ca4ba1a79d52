"""The functions of `labelhealth.core.token_classification.text`.

Examples
--------
>>> from labelhealth.core.internal.token_classification_utils import get_sentence
>>> get_sentence(["Hello", "world", "!"])
'Hello world!'
"""

from labelhealth.core.token_classification import text
from labelhealth.core.token_classification.text import *  # noqa: F403 (all that there is)

__all__: list[str] = []
__all__ += text.__all__
