"""The small functions of `arrays`, and the printers of `show`.

Examples
--------
>>> from labelhealth.core.internal.util import value_counts
>>> value_counts([0, 2, 2], num_classes=3).ravel().tolist()
[1, 0, 2]
"""

from labelhealth.core import arrays, show
from labelhealth.core.arrays import *  # noqa: F403 (all that there is)
from labelhealth.core.show import *  # noqa: F403

__all__: list[str] = []
__all__ += arrays.__all__
__all__ += show.__all__
