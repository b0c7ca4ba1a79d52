"""Audits of a small dataset, and a count of the stages that really ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import parse_config
from labelhealth.flows.pipeline import STAGES


@pytest.fixture
def make_config(tmp_path: Path, small_data: Path) -> Callable[..., AuditConfig]:
    """Return a function that makes the config of a quick audit; keyword arguments are dotted keys with `__`."""

    def make(**settings: Any) -> AuditConfig:
        document: dict[str, Any] = {
            "dataset": {"path": str(small_data)},
            "input": {"label": "label", "id": "id"},
            "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
            "store": {"root": str(tmp_path / "audits")},
            "run": {"engine": "local"},
        }
        for key, value in settings.items():
            *folders, name = key.split("__")
            place = document
            for folder in folders:
                place = place.setdefault(folder, {})
            place[name] = value
        return parse_config(document, base=tmp_path, source="test")

    return make


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of the functions behind the stages, whoever carries them out."""
    counts: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return function(*args, **kwargs)

        return counted

    for stage in STAGES:
        monkeypatch.setattr(stage, "fn", counting(stage.name, stage.fn))
    return counts
