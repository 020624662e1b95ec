"""Tables on this machine: Delta Lake tables in folders, queried by DuckDB."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsys import _frames
from mlsys._lineage import TableVersion
from mlsys._names import TableId, inside, not_allowed
from mlsys._sql import translate
from mlsys.errors import AlreadyExists, InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from deltalake import DeltaTable

# How often a write starts anew when others wrote the same table meanwhile, and how long it waits in between at most.
_ATTEMPTS = 40
_LONGEST_WAIT_SECONDS = 0.5
# What the library says of files that may not be read or written, which it does not tell from other errors.
_NO_PERMISSION = "Permission denied"


def get(root: Path, query: str, parameters: Mapping[str, Any]) -> tuple[pa.Table, list[TableVersion]]:
    """The query's result, and which version of each table it was computed from."""
    translated = translate(query)
    _check_parameters(translated.parameters, parameters)
    # Opened once: a table that the query names twice is read at one version, whatever is written meanwhile.
    tables = {identity: _open_or_fail(root, identity) for identity in translated.tables}
    with _engine() as engine:
        for identity, name in translated.tables.items():
            engine.register(name, _dataset(tables[identity], _folder(root, identity), identity))
        data = _run(engine, translated.sql, parameters)
    return data, [TableVersion(str(identity), table.version()) for identity, table in tables.items()]


def put(root: Path, identity: TableId, data: pa.Table, write_disposition: str) -> None:
    """Writes the data as one commit, anew if somebody else's commit came in between."""
    from deltalake.exceptions import DeltaError

    folder = _folder(root, identity)
    _check_allowed(root, identity, writing=True)
    for attempt in range(_ATTEMPTS):
        existing = _open(folder)
        try:
            return _write(folder, existing, identity, data, write_disposition)
        except (DeltaError, OSError) as error:
            if isinstance(error, PermissionError) or _NO_PERMISSION in str(error):
                raise not_allowed(str(identity), _dataset_of(identity), writing=True) from error
            if isinstance(error, OSError):
                raise Unavailable(f"{identity} could not be written: {error}") from error
            if not _was_overtaken(folder, existing, error):
                raise Unavailable(f"{identity} could not be written: {error}") from error
        time.sleep(random.uniform(0, min(_LONGEST_WAIT_SECONDS, 0.01 * 2**attempt)))
    raise Unavailable(f"{identity} is written by others all the time: {_ATTEMPTS} attempts failed. Try again later")


def _write(folder: Path, existing: DeltaTable | None, identity: TableId, data: pa.Table, write_disposition: str) -> None:
    from deltalake import CommitProperties, write_deltalake

    # The library would commit an overwrite on top of what others added meanwhile, so that two overwrites both stay.
    alone = CommitProperties(max_commit_retries=0)
    if existing is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_deltalake(folder, _frames.as_new_table(data), mode="error", commit_properties=alone)
    elif write_disposition == "WRITE_APPEND":
        write_deltalake(existing, _frames.fit(data, _schema(existing), str(identity)), mode="append")
    elif write_disposition == "WRITE_EMPTY" and _dataset(existing, folder, identity).count_rows():
        raise AlreadyExists(f"{identity} has rows already: use WRITE_APPEND or WRITE_TRUNCATE, or another name")
    elif write_disposition == "WRITE_EMPTY":
        fitting = _frames.fit(data, _schema(existing), str(identity))
        write_deltalake(existing, fitting, mode="overwrite", commit_properties=alone)
    else:
        fresh = _frames.as_new_table(data)
        write_deltalake(existing, fresh, mode="overwrite", schema_mode="overwrite", commit_properties=alone)


def _was_overtaken(folder: Path, existing: DeltaTable | None, error: Exception) -> bool:
    """Whether the write failed only because another one came first."""
    from deltalake import DeltaTable
    from deltalake.exceptions import CommitFailedError

    return isinstance(error, CommitFailedError) or (existing is None and DeltaTable.is_deltatable(str(folder)))


def _schema(table: DeltaTable) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(table.schema().to_arrow())


def _folder(root: Path, identity: TableId) -> Path:
    folder = inside(root, identity.project, identity.dataset, identity.table)
    if "%" in str(folder):
        raise InvalidInput(
            f"the library for tables cannot use a folder with '%' in its path: move the warehouse from {root}"
        )
    return folder


def _open(folder: Path) -> DeltaTable | None:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(folder) if DeltaTable.is_deltatable(str(folder)) else None
    except DeltaError as error:
        raise Unavailable(f"the table in {folder} cannot be read: {error}") from error


def _open_or_fail(root: Path, identity: TableId) -> DeltaTable:
    _check_allowed(root, identity)
    table = _open(_folder(root, identity))
    if table is None:
        others = _tables_beside(root, identity)
        exist = f"{identity.project}.{identity.dataset} has {', '.join(others)}" if others else "its dataset has no tables"
        raise NotFound(f"there is no table {identity}: {exist}. Tables are made by bq_put")
    return table


def _check_allowed(root: Path, identity: TableId, writing: bool = False) -> None:
    try:
        os.scandir(inside(root, identity.project, identity.dataset)).close()
    except PermissionError as error:
        raise not_allowed(str(identity), _dataset_of(identity), writing) from error
    except OSError:
        pass  # whoever reads says that there is no such dataset, and whoever writes makes it


def _dataset_of(identity: TableId) -> str:
    return f"{identity.project}.{identity.dataset}"


def _tables_beside(root: Path, identity: TableId) -> list[str]:
    """The names of the tables in the same dataset."""
    dataset = inside(root, identity.project, identity.dataset)
    return sorted(log.parent.name for log in dataset.glob("*/_delta_log"))


def _dataset(table: DeltaTable, folder: Path, identity: TableId) -> Any:
    """The table's files at the version that was opened; DuckDB asks it for just the columns and rows that a query needs."""
    from deltalake.exceptions import DeltaError
    from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

    # Not the library's own file system: it is written in Python, and Arrow's threads sometimes abort the process at its end
    # because they still use it.
    files = SubTreeFileSystem(str(folder), LocalFileSystem())
    try:
        return table.to_pyarrow_dataset(filesystem=files)
    except DeltaError as error:
        raise Unavailable(f"{identity} uses a feature of Delta Lake that cannot be read here: {error}") from error


def _engine() -> duckdb.DuckDBPyConnection:
    """A database in memory from which SQL reaches no file, no address, no extension and no variable of the notebook."""
    import duckdb

    engine = duckdb.connect(":memory:", config={"enable_external_access": "false", "autoload_known_extensions": "false"})
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute("SET lock_configuration = true")
    return engine


def _run(engine: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
    import duckdb

    try:
        result = engine.sql(sql, params=dict(parameters))
        if twice := _frames.same_names(result.columns):
            raise InvalidInput(f"the query has more than one column with the name {twice[0]!r}: name them apart by AS")
        data = result.to_arrow_table()
    except duckdb.Error as error:
        raise InvalidInput(f"the query failed: {error}\nTranslated for DuckDB it was: {sql}") from error
    return _whole_numbers(data, [str(kind) for kind in result.types])


def _whole_numbers(data: pa.Table, kinds: list[str]) -> pa.Table:
    """DuckDB sums whole numbers to 128 bits, which arrive as decimals; BigQuery's sums are of 64 bits."""
    import pyarrow as pa

    for position, kind in enumerate(kinds):
        if kind == "HUGEINT":
            field = data.schema.field(position)
            try:
                data = data.set_column(position, field.with_type(pa.int64()), data.column(position).cast(pa.int64()))
            except pa.ArrowException as error:
                raise InvalidInput(f"the query failed: column {field.name!r} is too large for INT64") from error
    return data


def _check_parameters(used: frozenset[str], given: Mapping[str, Any]) -> None:
    missing, unused = sorted(used - set(given)), sorted(set(given) - used)
    if missing or unused:
        what = f"has no value for @{missing[0]}" if missing else f"does not use {unused[0]!r}"
        raise InvalidInput(f"the query {what}: the parameters must have the names that follow an @ in the query")
