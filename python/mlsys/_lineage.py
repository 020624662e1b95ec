"""Which tables a notebook read: one line of JSON for each query, in the file that ``MLSYS_LINEAGE`` names."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class TableVersion:
    """A table as a query saw it: the version of a local table, or BigQuery's etag."""

    table: str
    version: int | str


def record(file: Path, query: str, tables: list[TableVersion], rows: int) -> None:
    """Appends the line. A failure is only a warning: the data was read, and is not lost for want of a note."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = {"query": query, "tables": [asdict(table) for table in tables], "rows": rows, "at": now}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending, so that lines of processes that write at once do not mix.
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())
        finally:
            os.close(handle)
    except OSError as error:
        warnings.warn(f"what the query read was not noted in MLSYS_LINEAGE: {error}", RuntimeWarning, stacklevel=3)
