"""Small helpers under the path that users of cleanlab know: `internal.util` and `internal.latent_algebra`.

Examples
--------
>>> util.round_preserving_sum([1.5, 2.5, 0.2])
array([2, 2, 0])
"""

from types import SimpleNamespace

from labelhealth.core import arrays, latent_algebra, show

__all__ = ["latent_algebra", "util"]

util = SimpleNamespace(
    **{name: getattr(module, name) for module in (arrays, show) for name in module.__all__}
)
