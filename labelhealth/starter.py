"""First steps: a commented config for a dataset, and a dataset to try."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from labelhealth.configs.load import absolute_path, at_home
from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.store import write_atomically

_LIKELY_LABELS = ("label", "labels", "target", "class", "y", "given_label", "category")
_LIKELY_IDS = ("id", "example_id", "uuid", "key")
_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_MAX_TYPE = 100  # characters of a column's type in a comment


class StarterError(LabelHealthError):
    """A starting file cannot be written."""


def write_starter(data: str, label: str | None, output: str, *, force: bool) -> Path:
    """Write a commented config for the dataset at `data`; return its path."""
    from labelhealth.tasks._files import open_source
    from labelhealth.tasks.errors import list_names
    from labelhealth.tasks.file_list import list_files

    located = absolute_path(data, Path.cwd(), "DATA")
    source = open_source(list_files(located))
    types = {field.name: str(field.type) for field in source.schema}
    chosen = label or next((name for name in _LIKELY_LABELS if name in types), None)
    if chosen is None or chosen not in types:
        got = "none that is known by its name" if label is None else repr(label)
        msg = f"`--label` must name the label column; got {got}. Hint: the columns are {list_names(list(types))}."
        raise StarterError(msg)
    path = at_home(output)
    with _writing("--output", path):
        if path.exists() and not force:
            msg = f"`--output` must not exist; {output} does. Hint: --force replaces it."
            raise StarterError(msg)
        write_atomically(path, starter_text(located, chosen, types).encode())
    return path


def write_digits(output: str, *, force: bool) -> Path:
    """Write scikit-learn's handwritten digits as Parquet: 1,797 images of 8 x 8 pixels; always the same bytes."""
    content, path = _digits(), at_home(output)
    with _writing("PATH", path):
        if path.exists() and not force:
            if path.is_file() and path.read_bytes() == content:
                return path
            msg = f"`PATH` must not hold anything else; {output} does. Hint: --force replaces it."
            raise StarterError(msg)
        write_atomically(path, content)
    return path


def starter_text(data: str, label: str, types: dict[str, str]) -> str:
    """Return the config for the dataset at `data`, whose columns have these types, as commented YAML."""
    ident = next((name for name in _LIKELY_IDS if name in types and name != label), None)
    columns = "\n".join(f"#   {_quoted(name)}: {_comment(kind)}" for name, kind in types.items())
    id_line = f"  id: {_quoted(ident)}" if ident else "  # id: row_id"
    return _TEMPLATE.format(data=_quoted(data), label=_quoted(label), id_line=id_line, columns=columns)


def _digits() -> bytes:
    """Return the Parquet file of the handwritten digits."""
    import pyarrow as pa
    from sklearn.datasets import load_digits

    from labelhealth.tasks.tables import write_parquet

    digits = load_digits()
    columns = {"id": pa.array(range(len(digits.target))), "label": pa.array(digits.target)}
    for number, values in enumerate(digits.data.T):
        columns[f"pixel_{number // 8}_{number % 8}"] = pa.array(values.astype("int16"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.parquet"
        write_parquet(pa.table(columns), path)
        return path.read_bytes()


@contextlib.contextmanager
def _writing(argument: str, path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one clear error."""
    try:
        if path.is_dir():
            msg = f"`{argument}` must be a file; {path} is a folder. Hint: name a file in it."
            raise StarterError(msg)
        yield
    except StarterError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"`{argument}` must be a file that can be written; got {str(path)!r:.200} ({reason})."
        raise StarterError(msg) from None


def _quoted(text: str) -> str:
    """Return text as YAML on one line, quoted where it must be."""
    if text.isidentifier() and text.isascii() and text.lower() not in _YAML_WORDS:
        return text
    return f'"{"".join(_escaped(char) for char in text)}"'


def _escaped(char: str) -> str:
    """Return a character as it stands between YAML's double quotes."""
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def _comment(text: str) -> str:
    """Return text for the end of a comment: one line, whatever it holds."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= _MAX_TYPE else f"{shown[:_MAX_TYPE]}..."


_TEMPLATE = """\
# An audit of labels: `labelhealth audit THIS_FILE`, or `labelhealth gate THIS_FILE` for an exit code.
# Everything but dataset.path and input.label may be left out: what stands here uncommented, input.id apart, is the
# default; what stands behind a # is an example.

# task: classification       # or multi_label, multi_annotator, token_classification, regression: docs/tasks.md

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
  # time: recorded_at       # for folds.scheme: time
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
  # max_train_rows: 50000   # learn from a sample; every row is predicted all the same

# pred_probs:               # ready probabilities instead (needs input.id)
#   file: pred_probs.parquet
#   ids: id
#   columns: [p_cat, p_dog]
#   class_names: [cat, dog]

issues:
  filter_by: prune_by_noise_rate
  score: self_confidence

# data_issues: {{}}            # look for duplicates, conflicting labels, outliers and more, too

gate:                       # what `labelhealth gate` decides on; see docs/gate.md
  # A broken rule of severity critical fails the gate, one of severity warning is only reported.
  # A bare number, as in `min_health_score: 0.9`, is critical; null switches a rule off.
  max_null_label_share: {{max: 0.1, severity: warning}}
  min_class_count: {{min: 10, severity: warning}}
  min_health_score: {{min: 0.9, severity: warning}}
  max_flagged_share: {{max: 0.1, severity: warning}}
  min_class_quality: {{min: 0.7, severity: warning}}
  max_overlap: {{max: 0.05, severity: warning}}
  # min_rows: 1000

reports:
  worst_labels: 20

store:
  root: audits
"""
