"""Cache records: what a stage returned for a key, as plain JSON in a fixed form.

A record is believed only if it parses, names this very stage and key, its checksum holds, its output fits the
stage's own model, and every object that it refers to has the content that its name promises. Anything else
counts as no record, and the stage runs again. Nothing in a record names a class, so nothing in it can run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from labelhealth.tasks.remote import fetch, push
from labelhealth.tasks.store import Ref, Store, write_atomically, writing

Output = TypeVar("Output", bound=BaseModel)
_FORMAT = 1
WORTH_THREADS = 1 << 24  # bytes: hashing fewer takes less time than starting threads


def record_path(store: Store, stage: str, key: str) -> Path:
    """Return where the record of `key` lies."""
    return store.cache / "records" / stage / f"{key}.json"


def read_record(store: Store, stage: str, key: str, model: type[Output]) -> Output | None:
    """Return what `stage` returned for `key`, or None unless all of it can be trusted."""
    path = record_path(store, stage, key)
    try:
        fetch(path)
        document = json.loads(path.read_bytes())
        body = document["output"]
        if (document["format"], document["stage"], document["key"]) != (_FORMAT, stage, key):
            return None
        if document["checksum"] != _checksum(body):
            return None
        output = model.model_validate_json(json.dumps(body), strict=True)
    except (OSError, ValueError, TypeError, KeyError, ValidationError, RecursionError):
        return None
    return output if _all_held(store, list(dict.fromkeys(references(output)))) else None


def _all_held(store: Store, refs: list[Ref]) -> bool:
    """Return whether every object is there; large ones are hashed side by side."""
    if len(refs) < 2 or sum(ref.nbytes for ref in refs) < WORTH_THREADS:
        return all(store.holds(ref) for ref in refs)
    with ThreadPoolExecutor(min(len(refs), os.cpu_count() or 1)) as pool:
        return all(pool.map(store.holds, refs))


def write_record(store: Store, stage: str, key: str, output: BaseModel) -> None:
    """Keep what `stage` returned for `key`."""
    body = json.loads(output.model_dump_json())
    document = {"format": _FORMAT, "stage": stage, "key": key, "checksum": _checksum(body), "output": body}
    with writing(store.root):
        write_atomically(record_path(store, stage, key), json.dumps(document, indent=1).encode())
    push(record_path(store, stage, key))


def references(value: object) -> Iterator[Ref]:
    """Yield every reference in a stage's output."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from references(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)


def _checksum(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
