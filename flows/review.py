"""The order of the steps by which people review labels: give rows out, take verdicts in, correct the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelhealth.configs.audit import AuditConfig
from labelhealth.tasks.contents import hash_contents
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.input_files import Inputs, dataset_files, hash_inputs
from labelhealth.tasks.published import Audit
from labelhealth.tasks.remote import bring
from labelhealth.tasks.review_apply import Patch, apply_patch, write_patch
from labelhealth.tasks.review_book import open_book
from labelhealth.tasks.review_design import Export
from labelhealth.tasks.review_export import (
    AuditedRows,
    ReviewRequest,
    choose_rows,
    corrections,
    n_waiting,
    read_audited_rows,
)
from labelhealth.tasks.review_files import review_folder, sample_files, verdict_files
from labelhealth.tasks.review_import import Imported, import_answers, keep_export
from labelhealth.tasks.review_read import read_answers
from labelhealth.tasks.review_sheet import sheet_of, write_sheet
from labelhealth.tasks.review_status import ReviewStatus
from labelhealth.tasks.sample_rates import rates_of_files
from labelhealth.tasks.store import Store
from labelhealth.tasks.versions import config_of_audit


@dataclass(frozen=True)
class Reviewed:
    """An audit with all that a review of it needs."""

    audit: Audit
    config: AuditConfig
    store: Store
    inputs: Inputs
    rows: AuditedRows

    @property
    def verdicts(self) -> list[str]:
        """Return the files of verdicts."""
        review = review_folder(self.store, self.audit.manifest["dataset"])
        bring(review, lambda name: name.startswith("verdicts/"))
        return [path for path, _ in verdict_files(review)]


def open_review(audit: Audit) -> Reviewed:
    """Return an audit with the content of its rows; the dataset must still be what was audited.

    Raises
    ------
    InputError
        If the audit is of labels that are no classes, or its dataset has changed or is gone.
    """
    config = config_of_audit(audit)
    if config.target != "classes":
        msg = f"`place` must hold an audit of classes; got task {config.task}."
        raise InputError(f"{msg} Hint: verdicts on lists of classes and on numbers are not kept yet.")
    store = store_of(audit, config)
    inputs = hash_inputs(store, config)
    if inputs.dataset.digest != audit.manifest["data"]["digest"]:
        msg = f"`place` must hold an audit of the dataset as it is; {config.dataset.path} has changed since."
        raise InputError(f"{msg} Hint: audit it again, then export.")
    contents = hash_contents(store, inputs.dataset, config.columns, config.not_content)
    return Reviewed(audit, config, store, inputs, read_audited_rows(store, audit, contents.lanes))


def store_of(audit: Audit, config: AuditConfig) -> Store:
    """Return the store that an audit lies in, wherever it has been moved."""
    return Store(root=str(audit.directory.absolute().parents[2]), verify=config.store.verify)


def export_review(audit: Audit, request: ReviewRequest, output: Path) -> tuple[Export, list[Path]]:
    """Choose rows, keep which they are, and write them for a reviewer; return both."""
    review = open_review(audit)
    export, places = choose_rows(review.rows, open_book(review.verdicts), request, audit)
    classes = sorted(name for name in audit.table("classes")["class_name"].to_pylist() if name is not None)
    sheet = sheet_of(audit, export, places)
    keep_export(review.store, audit.manifest["dataset"], export)
    return export, write_sheet(output, sheet, classes)


def import_review(audit: Audit, file: Path, reviewer: str | None) -> Imported:
    """Take the verdicts of a file into the store."""
    answers, n_open = read_answers(file)
    store = store_of(audit, config_of_audit(audit))
    return import_answers(store, audit.manifest["dataset"], answers, n_open, reviewer)


def review_status(audit: Audit) -> ReviewStatus:
    """Return what reviews of an audit have come to."""
    review = open_review(audit)
    book, health = open_book(review.verdicts), audit.health
    return ReviewStatus(
        dataset=audit.manifest["dataset"],
        version=audit.manifest["version"],
        n_verdicts=len(book),
        n_flagged=int(health["flagged_count"]),
        flagged_share=float(health["flagged_share"]),
        disagreement_share=health["disagreement_share"],
        n_queue=n_waiting(review.rows, book),
        rates=review_rates(audit),
    )


def review_rates(audit: Audit) -> list[dict[str, Any]]:
    """Return the error rate of the audited version as its random samples tell it; none without verdicts."""
    review = review_folder(store_of(audit, config_of_audit(audit)), audit.manifest["dataset"])
    bring(review, lambda name: name.startswith(("verdicts/", "samples/")))
    samples = sample_files(review, audit.manifest["data"]["digest"])
    verdicts = verdict_files(review)
    rows: list[dict[str, Any]] = rates_of_files(
        [path for path, _ in samples], [path for path, _ in verdicts]
    ).to_pylist()
    return rows


def apply_review(audit: Audit, output: Path) -> tuple[Patch, Path]:
    """Write a corrected copy of the dataset, and beside it the patch; return the patch and where it lies.

    Raises
    ------
    InputError
        If no verdict names a label to put in place of a wrong one, or the labels stand in no column.
    """
    review = open_review(audit)
    if review.config.votes is not None:
        msg = "`place` must hold an audit of labels that stand in a column; these were made of votes."
        raise InputError(f"{msg} Hint: correct the votes.")
    rows = corrections(review.rows, open_book(review.verdicts), audit)
    if not rows:
        msg = "`place` must hold an audit with a wrong label and what it should be; there is no such verdict in force."
        raise InputError(f"{msg} Hint: fill in `corrected_label` and import it.")
    patch, path = Patch.of(review.config.input.label, rows), patch_path(output)
    write_patch(patch, path)
    try:
        apply_patch(dataset_files(review.config), patch, output)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return patch, path


def patch_path(output: Path) -> Path:
    """Return where the patch of a corrected copy lies."""
    return output.with_name(f"{output.name.removesuffix('.parquet')}.patch.parquet")
