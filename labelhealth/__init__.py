"""labelhealth: audits the labels of a dataset kept in Parquet.

`audit` is the whole audit as a function; `labelhealth.core` is the confident-learning library.
Everything is imported on first use, so that `import labelhealth` costs nothing.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labelhealth.api import audit
    from labelhealth.tasks.published import Audit

__all__ = ["Audit", "audit"]

LOADED_AT = time.time()  # every other module of the package is loaded after this


def __getattr__(name: str) -> object:
    if name in __all__:
        # a computed name, which the fingerprints of stages do not follow: none depends on what calls it
        return getattr(import_module(f"{__name__}.api"), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("labelhealth")
    msg = f"module 'labelhealth' has no attribute {name!r}"
    raise AttributeError(msg)
