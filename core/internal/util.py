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
"""Helpers on arrays, and matrices as text."""

from labelhealth.core.arrays import (
    clip_noise_rates,
    clip_values,
    compress_int_array,
    confusion_matrix,
    estimate_pu_f1,
    format_labels,
    get_missing_classes,
    remove_noise_from_class,
    round_preserving_row_totals,
    round_preserving_sum,
    softmax,
    value_counts,
)
from labelhealth.core.show import (
    print_inverse_noise_matrix,
    print_joint_matrix,
    print_noise_matrix,
    print_square_matrix,
)

__all__ = [
    "clip_noise_rates",
    "clip_values",
    "remove_noise_from_class",
    "round_preserving_sum",
    "round_preserving_row_totals",
    "value_counts",
    "get_missing_classes",
    "compress_int_array",
    "format_labels",
    "confusion_matrix",
    "estimate_pu_f1",
    "softmax",
    "print_square_matrix",
    "print_noise_matrix",
    "print_inverse_noise_matrix",
    "print_joint_matrix",
]
