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
