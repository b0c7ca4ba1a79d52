"""Write docs/reports.md from the schemas: `python docs/make_reports.py`; a test keeps the two equal."""

from __future__ import annotations

from pathlib import Path

from labelhealth.configs.table import Column
from labelhealth.configs.tables import FURTHER_COLUMNS, REVIEWED, SCHEMA_VERSION, TABLES

INTRODUCTION = f"""\
# Reports

```
<root>/<dataset>/<version>/<audit>/     one folder an audit: the tables below and manifest.json
<root>/<dataset>/history/               one row an audit, append-only, partitioned by version
<root>/<dataset>/runs/                  one row a run, repeats included, partitioned by day
<root>/<dataset>/review/                verdicts of people, what was given out to them, random samples
<root>/<dataset>/compare/<old>-<new>/   two audits compared: tables from `changes` on, and manifest.json
<root>/summary.parquet                  what the last re-audit came to
<root>/.cache/                          objects, records and locks of the cache; safe to delete
<root>/.prefect/                        state of the embedded Prefect server; safe to delete
```

`<version>` is the name you give (`dataset.version`), else the beginning of the data's digest. `<audit>` is the short
digest of data, recipe and code: the same audit again lands in the same folder. A folder appears complete or not at
all. All tables are Parquet (zstd); DuckDB and Polars read a whole store with one glob, pandas a list of its files:

```sql
select filename, overall_label_health_score, flagged_share
from read_parquet('audits/*/*/*/health.parquet', filename = true);

select * from read_parquet('audits/digits/history/*/*.parquet', hive_partitioning = true) order by audited_at;
```

Schema version {SCHEMA_VERSION}, kept in each file's metadata as `labelhealth.schema_version`. Class names, not codes,
stand in all of them. Display columns follow the columns of `label_issues`; one whose name is taken (in upper or
lower case) gets as many `data.` in front as it needs.

`manifest.json` holds the config, digests of data, code and tables, versions of the libraries, seeds, the verdict with
its reasons, and for each stage its key, its time and whether the cache answered.
"""


def reports_page() -> str:
    """Return the page."""
    lines = [INTRODUCTION]
    for table in TABLES.values():
        lines += [
            f"## `{table.name}`",
            "",
            f"A row is {table.row}.",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
        ]
        lines += [*map(_row, table.columns), ""]
        for task, columns in FURTHER_COLUMNS.items() if table.name == "label_issues" else ():
            lines += [f"With task `{task}` these follow:", "", "| column | type | meaning |", "|---|---|---|"]
            lines += [*map(_row, columns), ""]
        if table.name == "label_issues":
            heading = "Where people have given verdicts this follows:"
            lines += [heading, "", "| column | type | meaning |", "|---|---|---|", *map(_row, REVIEWED), ""]
    return "\n".join(lines)


def _row(column: Column) -> str:
    return f"| `{column.name}` | {column.type} | {_cell(column.meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(__file__).with_name("reports.md").write_text(reports_page(), encoding="utf-8")
