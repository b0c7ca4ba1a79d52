"""The audits of a dataset in the order of time, and whether two of them were made in the same way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelhealth.configs.audit import AuditConfig
from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.keys import canonical
from labelhealth.tasks.publish import MANIFEST
from labelhealth.tasks.published import Audit, read_audit
from labelhealth.tasks.published_tables import NoAuditError
from labelhealth.tasks.source import Source, digest_files
from labelhealth.tasks.store import Store


class ComparisonError(LabelHealthError):
    """Two audits cannot be compared."""


def config_of_audit(audit: Audit) -> AuditConfig:
    """Return the config that an audit was made with."""
    try:
        return AuditConfig.model_validate(audit.manifest["config"])
    except (KeyError, ValidationError) as error:
        msg = f"`audit` must have been made by a version that can be read; {audit.directory} was not."
        raise ComparisonError(f"{msg} Hint: audit that version again.") from error


def same_recipe(one: Audit, other: Audit) -> bool:
    """Return whether two audits were made in the same way: the same recipe by the same code."""
    recipes = [
        {name: canonical(part) for name, part in config_of_audit(audit).recipe().items()}
        for audit in (one, other)
    ]
    codes: list[Mapping[str, Any]] = [audit.manifest.get("code", {}) for audit in (one, other)]
    return recipes[0] == recipes[1] and codes[0] == codes[1]


def issues_of(store: Store, audit: Audit) -> Source:
    """Return the report of an audit, known by its content."""
    path = audit.directory / "label_issues.parquet"
    return digest_files([(str(path), path.name)], store)


def audits_before(audit: Audit) -> Iterator[Audit]:
    """Yield the other audits of the same dataset that were made before one, in any order."""
    dataset = audit.directory.parents[1]
    for manifest in sorted(dataset.glob(f"*/*/{MANIFEST}")):
        with contextlib.suppress(NoAuditError):
            other = read_audit(Path(manifest).parent)
            if _moment(other) < _moment(audit):
                yield other


def _moment(audit: Audit) -> str:
    return str(audit.manifest["run"]["started_at"])
