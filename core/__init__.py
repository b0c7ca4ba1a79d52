"""Confident learning on arrays and frames: which labels of a classification dataset look wrong.

The modules carry the names that users of the field know: `count` (thresholds, confident joint, noise rates),
`filter` (which examples are label issues), `rank` (label quality scores), `dataset` (classes and overall
health), `classification` (a classifier trained without them), `latent_algebra` (conversions between noise matrices),
`label_issues_batched` (data in batches), `noise_generation` (labels with known errors), `rare_classes`;
`multilabel_classification`, `multiannotator`, `token_classification` and `regression` (other kinds of labels),
`outlier` and `data_issues` (what is wrong beside labels); `audit` gives all of it for one dataset in one call.

Importing this package loads nothing else; a submodule is loaded when it is first used.

Examples
--------
>>> import labelhealth.core as cl
>>> cl.filter.find_label_issues.__name__
'find_label_issues'
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name in __dir__():
        return import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]
