"""From the paths of a config to hashed files: the only step of an audit that always reads the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.urls import is_url
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.file_list import SourceFile, list_files
from labelhealth.tasks.keys import digest_of
from labelhealth.tasks.remote import bring, local_place
from labelhealth.tasks.remote_files import remote_file, remote_parquet_files
from labelhealth.tasks.review_files import review_folder, sample_files, verdict_files
from labelhealth.tasks.source import Source, digest_files
from labelhealth.tasks.store import Store

_NAME_LENGTH = 90  # characters, and a hash where the name had to be changed


@dataclass(frozen=True)
class Inputs:
    """Every file that an audit reads."""

    dataset: Source
    pred_probs: Source | None
    ids: Source | None
    votes: Source | None
    verdicts: Source | None
    """What people said about labels; None where there is nothing that could change an audit."""
    samples: Source | None
    """The random samples of this very dataset that verdicts are about."""

    @property
    def names(self) -> list[str]:
        """Return the names of the dataset's files, for people."""
        return [file.name for file in self.dataset.files]


def dataset_files(config: AuditConfig) -> list[SourceFile]:
    """Return the dataset's files; a store inside the dataset's folder is no part of the dataset."""
    path, root = config.dataset.path, config.store.root
    if is_url(path):
        return remote_parquet_files(path, "dataset.path", without=root)
    return list_files(path, without=str(local_place(root, "store.root")))


def hash_inputs(store: Store, config: AuditConfig, verdicts: Sequence[str] | None = None) -> Inputs:
    """Return the files that the config names, each with its digest.

    `verdicts` are the names of the files of verdicts that count, as an audit's manifest has them; all of them unless
    given.
    """
    files = [(file.path, file.name) for file in dataset_files(config)]
    given = config.pred_probs
    dataset = digest_files(files, store)
    review = review_folder(store, dataset_name(config))
    bring(review, lambda name: name.startswith(("verdicts/", "samples/")))
    known = verdict_files(review) if config.target == "classes" else []
    said = known if verdicts is None else [file for file in known if file[1] in set(verdicts)]
    samples = sample_files(review, dataset.digest) if said else []
    return Inputs(
        dataset=dataset,
        pred_probs=_one_file(given.file if given else None, "pred_probs.file", store),
        ids=_one_file(given.ids_file if given else None, "pred_probs.ids_file", store),
        votes=_one_file(config.votes.file if config.votes else None, "votes.file", store),
        verdicts=digest_files(said, store) if said else None,
        samples=digest_files(samples, store) if samples else None,
    )


def dataset_name(config: AuditConfig) -> str:
    """Return what the dataset is called in the store."""
    return config.dataset.name or name_from(config.dataset.path)


def name_from(path: str) -> str:
    """Return a dataset name made from a path: letters, digits, dots, dashes and underscores."""
    stem = path.rstrip("/").rsplit("/", 1)[-1].removesuffix(".parquet")
    name = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in stem)
    name = name.lstrip("._-")[:_NAME_LENGTH] or "dataset"
    return name if name == stem else f"{name}-{digest_of(stem)[:6]}"  # other names must not become the same


def _one_file(path: str | None, field: str, store: Store) -> Source | None:
    if path is None:
        return None
    if is_url(path):
        return digest_files([(str(remote_file(path, field)), path.rsplit("/", 1)[-1])], store)
    if not Path(path).is_file():
        msg = f"`{field}` must be a file; there is none at {path}. Hint: paths in a config start from its folder."
        raise InputError(msg)
    return digest_files([(path, Path(path).name)], store)
