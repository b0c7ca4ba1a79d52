"""Small helpers under the paths that users of cleanlab know: `internal.util` and `internal.latent_algebra`.
"""Small helpers under the paths that users of cleanlab know; the functions themselves live where they belong.

`token_classification_utils` is loaded when it is imported.

Examples
--------
>>> util.round_preserving_sum([1.5, 2.5, 0.2])
array([2, 2, 0])
"""

from labelhealth.core.internal import latent_algebra, util

__all__ = ["latent_algebra", "util"]
