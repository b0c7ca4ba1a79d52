"""Whether an audit was made before: by this recipe and code, of this data, and published whole."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelhealth.configs.audit import AuditConfig
from labelhealth.flows.baseline import baseline_names
from labelhealth.flows.pipeline import stages_of
from labelhealth.tasks.estimator_source import is_current
from labelhealth.tasks.input_files import Inputs, hash_inputs
from labelhealth.tasks.manifest import code_of, names_of, place_of
from labelhealth.tasks.open_store import open_store
from labelhealth.tasks.publish import MANIFEST
from labelhealth.tasks.published import Audit, read_audit
from labelhealth.tasks.published_tables import NoAuditError
from labelhealth.tasks.remote import bring, fetch
from labelhealth.tasks.store import Store, file_digest

_ESTIMATOR = "estimator"


def find_published(config: AuditConfig) -> Audit | None:
    """Return the audit that `config` would lead to, if it is published; None when in doubt.

    Only the input is hashed, and what was published; the cache is not asked, so it may be gone.
    """
    store = open_store(config.store)
    inputs = hash_inputs(store, config)
    dataset, version = names_of(config, inputs)
    code = code_of(stages_of(config, inputs), None)
    folder = Path(store.root) / dataset / version
    bring(folder, lambda name: name.endswith(f"/{MANIFEST}"))
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        with contextlib.suppress(NoAuditError):
            audit = read_audit(path.parent)
            if _is_same(audit, store, inputs, config, code) and _is_whole(audit, inputs):
                return audit
    return None


def _is_same(
    audit: Audit, store: Store, inputs: Inputs, config: AuditConfig, code: Mapping[str, str]
) -> bool:
    """Return whether data, recipe, code and baselines lead to the very id of an audit."""
    stored = dict(audit.manifest.get("code", {}))
    if {name: digest for name, digest in stored.items() if name != _ESTIMATOR} != code:
        return False
    if _ESTIMATOR in stored and not is_current(stored[_ESTIMATOR]):
        return False
    place = place_of(config, inputs, stored, baseline_names(store, inputs, config))
    return place.audit == str(audit.manifest["audit"]) == audit.directory.name


def _is_whole(audit: Audit, inputs: Inputs) -> bool:
    """Return whether tables and history row are there as they were published, and files are called as they were."""
    about = audit.manifest
    history = audit.directory.parents[1] / "history" / f"version={about['version']}"
    if [file["name"] for file in about["data"]["files"]] != inputs.names:
        return False
    bring(audit.directory, bool)
    if not fetch(history / f"{about['audit']}.parquet"):
        return False
    return all(_has_content(audit.directory, table) for table in about.get("tables", {}).values())


def _has_content(directory: Path, table: Mapping[str, Any]) -> bool:
    path = directory / Path(str(table["file"])).name
    try:
        return path.stat().st_size == table["nbytes"] and file_digest(path) == str(table["digest"])
    except OSError:
        return False
