"""The audits of a dataset in the order of time, and whether two of them were made in the same way."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelhealth.configs.audit import AuditConfig
from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.history import read_history
from labelhealth.tasks.keys import canonical
from labelhealth.tasks.publish import MANIFEST
from labelhealth.tasks.published import Audit, read_audit
from labelhealth.tasks.published_tables import NoAuditError
from labelhealth.tasks.remote import bring
from labelhealth.tasks.source import Source, digest_files
from labelhealth.tasks.store import Store

# parts of the recipe that change no row of the report, and no count of classes
_NO_PART = ("gate", "compare", "data_issues", "canary", "guards")
NO_CODE = (  # neither do these stages
    "check_input",
    "check_output",
    "guards",
    "baseline_rows",
    "in_sample",
    "data_issues",
    "plant",
    "catch",
    "canary",
    "no_canary",
    "compare_versions",
    "check_baseline",
    "no_baseline",
)
_AUDIT_DEPTH = 2  # folders between a dataset and the manifest of an audit


class ComparisonError(LabelHealthError):
    """Two audits cannot be compared."""


def config_of_audit(audit: Audit) -> AuditConfig:
    """Return the config that an audit was made with."""
    try:
        return AuditConfig.model_validate(audit.manifest["config"])
    except (KeyError, ValidationError) as error:
        msg = f"`audit` must have been made by a version that can be read; {audit.directory} was not."
        raise ComparisonError(f"{msg} Hint: audit that version again.") from error


def same_recipe(audit: Audit, config: AuditConfig, code: Mapping[str, Any]) -> bool:
    """Return whether an audit was made as `config` and `code` would make it, but for what changes no row."""
    recipes = [_recipe(each) for each in (config_of_audit(audit), config)]
    codes = [
        {name: digest for name, digest in each.items() if name not in NO_CODE}
        for each in (audit.manifest.get("code", {}), code)
    ]
    return recipes[0] == recipes[1] and codes[0] == codes[1]


def _recipe(config: AuditConfig) -> dict[str, object]:
    """Return what decides the rows of a report; a section that is not there is the same as none."""
    parts: dict[str, object] = {"task": config.task, **config.recipe()}
    return {
        name: canonical(part) for name, part in parts.items() if part is not None and name not in _NO_PART
    }


def issues_of(store: Store, audit: Audit) -> Source:
    """Return the report of an audit, known by its content."""
    return _table_of(store, audit, "label_issues")


def classes_of(store: Store, audit: Audit) -> Source:
    """Return what an audit says of its classes, known by its content."""
    return _table_of(store, audit, "class_health")


def _table_of(store: Store, audit: Audit, name: str) -> Source:
    path = audit.path(name)
    return digest_files([(str(path), path.name)], store)


def audits_of(dataset: Path) -> list[Audit]:
    """Return the audits in a dataset's folder, in the order in which they were first made."""
    found = []
    bring(dataset, lambda name: name.endswith(MANIFEST) and name.count("/") == _AUDIT_DEPTH)
    for manifest in dataset.glob(f"*/*/{MANIFEST}"):
        with contextlib.suppress(NoAuditError):
            found.append(read_audit(Path(manifest).parent))
    moments = _moments(dataset)
    return sorted(found, key=lambda audit: (_moment(audit, moments), audit.manifest["audit"]))


def audits_before(audit: Audit) -> list[Audit]:
    """Return the audits of the same dataset that were made before one, in the order of time."""
    audits = audits_of(audit.directory.parents[1])
    place = [other.directory.resolve() for other in audits].index(audit.directory.resolve())
    return audits[:place]


def find_baseline(dataset: Path, version: str, data_digest: str, which: str) -> Audit | None:
    """Return the audit that a new one is held against.

    Parameters
    ----------
    dataset : Path
        The dataset's folder in the store.
    version, data_digest : str
        Name and content of the version that is audited.
    which : str
        `previous`, `best`, or the name of a version.

    Returns
    -------
    Audit or None
        previous: the newest audit of other content that was made before this content was first audited; best: of
        these, the one of highest label health; else the newest of that version. None if there is none.
    """
    audits = audits_of(dataset)
    if which not in ("previous", "best"):
        named = [audit for audit in audits if audit.manifest["version"] == which and which != version]
        return named[-1] if named else None
    own = [place for place, audit in enumerate(audits) if audit.manifest["data"]["digest"] == data_digest]
    others = [
        audit
        for audit in audits[: own[0] if own else None]
        if audit.manifest["version"] != version and audit.manifest["data"]["digest"] != data_digest
    ]
    if not others or which == "previous":
        return others[-1] if others else None
    return max(others, key=lambda audit: audit.health["overall_label_health_score"])


def _moments(dataset: Path) -> dict[tuple[str, str], str]:
    """Return when each audit was first made, as the history knows it: a repeat changes the manifest."""
    with contextlib.suppress(NoAuditError):
        rows = read_history(dataset)
        return {(row["dataset_version"], row["audit"]): row["audited_at"].isoformat() for row in rows}
    return {}


def _moment(audit: Audit, moments: Mapping[tuple[str, str], str]) -> str:
    about = audit.manifest
    return moments.get((about["version"], about["audit"]), str(about["run"]["started_at"]))
