"""The functions of `labelhealth.core.latent_algebra`.

Examples
--------
>>> from labelhealth.core.internal.latent_algebra import compute_py
>>> from labelhealth.core.latent_algebra import compute_py as the_same
>>> compute_py is the_same
True
"""

from labelhealth.core import latent_algebra
from labelhealth.core.latent_algebra import *  # noqa: F403 (all that there is)

__all__: list[str] = []
__all__ += latent_algebra.__all__
"""Conversions between noise matrices."""

from labelhealth.core.latent_algebra import (
    compute_inv_noise_matrix,
    compute_noise_matrix_from_inverse,
    compute_ps_py_inv_noise_matrix,
    compute_py,
    compute_py_inv_noise_matrix,
    compute_pyx,
)

__all__ = [
    "compute_inv_noise_matrix",
    "compute_noise_matrix_from_inverse",
    "compute_py",
    "compute_py_inv_noise_matrix",
    "compute_ps_py_inv_noise_matrix",
    "compute_pyx",
]
