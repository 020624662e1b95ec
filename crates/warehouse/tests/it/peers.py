"""Reads and writes a table as others do: `peers.py PART FOLDER`."""

import re
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

part, folder = sys.argv[1:]


def rows(start, end):
    """Rows of a number and a text."""
    return pa.table({"n": pa.array(range(start, end), pa.int64()), "t": [f"text {at}" for at in range(start, end)]})


def numbers_by_each():
    """Each reader's numbers, sorted."""
    table = DeltaTable(folder)
    files = [unquote(file) for file in table.file_uris()]
    duck = duckdb.execute("select n from read_parquet(?) where t = 'text ' || n", [files]).fetchall()
    return {
        "delta-rs": sorted(table.to_pyarrow_table()["n"].to_pylist()),
        "DuckDB": sorted(n for (n,) in duck),
        "Polars": sorted(pl.read_delta(folder)["n"].to_list()),
        "pandas": sorted(pd.concat(pd.read_parquet(file) for file in files)["n"].tolist()),
    }


if part == "read":
    found = numbers_by_each()
    numbers = found["delta-rs"]
    assert all(other == list(range(len(numbers))) for other in found.values()), found
    print(f"0..{len(numbers) - 1} by {', '.join(found)}")
elif part == "types":
    table = DeltaTable(folder).to_pyarrow_table()
    said = {field.name: str(field.type) for field in table.schema}
    assert said == {
        "text": "string",
        "long": "int64",
        "integer": "int32",
        "short": "int16",
        "byte": "int8",
        "double": "double",
        "float": "float",
        "truth": "bool",
        "bytes": "binary",
        "day": "date32[day]",
        "moment": "timestamp[us, tz=UTC]",
        "wall clock": "timestamp[us]",
        "amount": "decimal128(9, 2)",
    }, said
    first, gap, last = table.to_pylist()[:3]
    assert set(gap.values()) == {None}, gap
    assert (first["long"], last["long"], str(first["amount"])) == (2**63 - 1, -(2**63), "123.45")
    assert (last["text"], first["bytes"], str(first["day"])) == ('a\0ü\U0001f600"\n', b"\xff\0", "0001-01-01")
    assert (first["moment"].isoformat(), last["wall clock"].isoformat()) == (
        "2023-11-14T22:13:20.000001+00:00",
        "9999-12-31T23:59:59.999999",
    )
    print("all types are as they were")
elif part == "write":
    write_deltalake(folder, rows(100, 103))
    write_deltalake(folder, rows(0, 5), mode="overwrite")
    for at in range(5, 35):
        write_deltalake(folder, rows(at, at + 1), mode="append")
        if at == 25:
            DeltaTable(folder).create_checkpoint()
    for change in range(15):
        Path(folder, "_delta_log", f"{change:020}.json").unlink()
elif part == "append":
    for at in range(10):
        write_deltalake(folder, rows(1000 + at, 1001 + at), mode="append")
    print("10 more")
elif part == "strict":
    schema = pa.schema([pa.field("n", pa.int64(), nullable=False), pa.field("t", pa.string())])
    write_deltalake(folder, rows(0, 3).cast(schema))
elif part == "old-times":
    times = pa.table(
        {"at": pa.array([datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)], pa.timestamp("us", "UTC"))}
    )
    write_deltalake(folder, times)
    (file,) = [Path(unquote(file)) for file in DeltaTable(folder).file_uris()]
    # The same rows in the form that Spark writes by default; the log's size of it stays right.
    pq.write_table(times, file, use_deprecated_int96_timestamps=True)
    (change,) = Path(folder, "_delta_log").glob("*.json")
    size = r'"size":[0-9]+'
    change.write_text(re.sub(size, f'"size":{file.stat().st_size}', change.read_text()))
