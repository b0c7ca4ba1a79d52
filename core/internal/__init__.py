"""Small helpers under the paths that users of cleanlab know; the functions themselves live where they belong.

`util`, `latent_algebra` and `token_classification_utils`, which is loaded when it is imported.

Examples
--------
>>> from labelhealth.core.internal import util
>>> util.round_preserving_sum([1.5, 2.5, 0.2])
array([2, 2, 0])
"""

from labelhealth.core.internal import latent_algebra, util

__all__ = ["latent_algebra", "util"]
