"""From the paths of a config to hashed files: the only step of an audit that always reads the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labelhealth.configs.audit import AuditConfig
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.file_list import SourceFile, list_files
from labelhealth.tasks.source import Source, digest_files
from labelhealth.tasks.store import Store


@dataclass(frozen=True)
class Inputs:
    """Every file that an audit reads."""

    dataset: Source
    pred_probs: Source | None
    ids: Source | None
    votes: Source | None

    @property
    def names(self) -> list[str]:
        """Return the names of the dataset's files, for people."""
        return [file.name for file in self.dataset.files]


def dataset_files(config: AuditConfig) -> list[SourceFile]:
    """Return the dataset's files; a store inside the dataset's folder is no part of the dataset."""
    return list_files(config.dataset.path, without=config.store.root)


def hash_inputs(store: Store, config: AuditConfig) -> Inputs:
    """Return the files that the config names, each with its digest."""
    files = [(file.path, file.name) for file in dataset_files(config)]
    given = config.pred_probs
    return Inputs(
        dataset=digest_files(files, store),
        pred_probs=_one_file(given.file if given else None, "pred_probs.file", store),
        ids=_one_file(given.ids_file if given else None, "pred_probs.ids_file", store),
        votes=_one_file(config.votes.file if config.votes else None, "votes.file", store),
    )


def _one_file(path: str | None, field: str, store: Store) -> Source | None:
    if path is None:
        return None
    if not Path(path).is_file():
        msg = f"`{field}` must be a file; there is none at {path}. Hint: paths in a config start from its folder."
        raise InputError(msg)
    return digest_files([(path, Path(path).name)], store)
