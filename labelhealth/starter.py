"""First steps: a commented config for a dataset, and a dataset to try."""

from __future__ import annotations

import json
from pathlib import Path

from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.store import write_atomically, writing

_LIKELY_LABELS = ("label", "labels", "target", "class", "y", "given_label", "category")
_LIKELY_IDS = ("id", "example_id", "uuid", "key")


class StarterError(LabelHealthError):
    """A starting file cannot be written."""


def write_starter(data: str, label: str | None, output: Path, *, force: bool) -> Path:
    """Write a commented config for the dataset at `data`; return its path."""
    from labelhealth.tasks._files import open_source
    from labelhealth.tasks.file_list import list_files

    source = open_source(list_files(data))
    types = {field.name: str(field.type) for field in source.schema}
    chosen = label or next((name for name in _LIKELY_LABELS if name in types), None)
    if chosen is None or chosen not in types:
        msg = f"`--label` must name one of the columns; got {label!r}. Hint: the columns are {', '.join(types)}."
        raise StarterError(msg)
    if output.exists() and not force:
        msg = f"`--output` must not exist; {output} does. Hint: --force replaces it."
        raise StarterError(msg)
    text = _starter_text(str(Path(data).absolute()), chosen, types)
    with writing(str(output.parent)):
        write_atomically(output, text.encode())
    return output


def write_digits(path: Path) -> Path:
    """Write scikit-learn's handwritten digits as Parquet: 1,797 images of 8 x 8 pixels; always the same bytes."""
    import pyarrow as pa
    from sklearn.datasets import load_digits

    from labelhealth.tasks.tables import write_parquet

    digits = load_digits()
    columns = {"id": pa.array(range(len(digits.target))), "label": pa.array(digits.target)}
    for number, values in enumerate(digits.data.T):
        columns[f"pixel_{number // 8}_{number % 8}"] = pa.array(values.astype("int16"))
    with writing(str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        write_parquet(pa.table(columns), temporary)
        temporary.replace(path)
    return path


def _starter_text(data: str, label: str, types: dict[str, str]) -> str:
    ident = next((name for name in _LIKELY_IDS if name in types and name != label), None)
    columns = "\n".join(f"#   {_quoted(name)}: {kind}" for name, kind in types.items())
    id_line = f"  id: {_quoted(ident)}" if ident else "  # id: row_id"
    return _TEMPLATE.format(data=_quoted(data), label=_quoted(label), id_line=id_line, columns=columns)


def _quoted(text: str) -> str:
    """Return text as YAML, quoted where it must be."""
    return (
        text
        if text.isidentifier() and text.isascii() and text.lower() not in _YAML_WORDS
        else json.dumps(text)
    )


_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}

_TEMPLATE = """\
# An audit of labels: `labelhealth audit THIS_FILE`, or `labelhealth gate THIS_FILE` for an exit code.
# Everything but dataset.path and input.label may be left out; the values shown are the defaults.

dataset:
  path: {data}
  # name: my_dataset        # folder in the store; default: the file's name
  # version: v1             # name of this state of the data; default: its digest, shortened

# columns of the dataset:
{columns}
input:
  label: {label}
{id_line}                  # identifies an example; default: a hash of its features
  # group: patient          # equal values stay in one fold
  # time: recorded_at       # for folds by time
  # display: [file_name]    # shown beside each label in the reports
  # features: [a, b]        # default: every column without another role
  # exclude: [c]            # no features

probabilities:              # out of sample, by cross-validation; or give pred_probs instead
  folds:
    scheme: identity        # identity, grouped, stratified or time
    n_folds: 5
    seed: 0
  estimator:
    name: auto              # or a scikit-learn classifier: LogisticRegression, or package.module.Class
    # params: {{C: 0.1}}

# pred_probs:               # ready probabilities instead (needs input.id)
#   file: pred_probs.parquet
#   ids: id
#   columns: [p_cat, p_dog]
#   class_names: [cat, dog]

issues:
  filter_by: prune_by_noise_rate
  score: self_confidence

gate:                       # what `labelhealth gate` decides on; see docs/gate.md
  # min_rows: 1000
  # min_health_score: 0.9
  # max_flagged_share: {{max: 0.05, severity: critical}}
  # min_class_quality: {{min: 0.7, min_count: 20, severity: warning}}

reports:
  worst_labels: 20

store:
  root: audits
"""
