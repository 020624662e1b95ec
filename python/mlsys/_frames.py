"""DataFrames to Arrow tables and back, in the nine types that local tables and BigQuery have in common.

Both places are written from, and read into, the same Arrow tables, so what comes back does not depend on where the table lives.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from mlsys.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# What pandas calls an `object` column whose values are all of one type that a table can hold. `empty`: nothing but gaps.
_KINDS_OF_OBJECTS = {"string", "bytes", "integer", "floating", "boolean", "date", "datetime", "decimal", "empty"}

# BigQuery's rules for column names: these characters are refused there, so they are refused everywhere.
_BAD_IN_COLUMN = re.compile(r"""[!"$()*,./;?@\[\\\]^`{}~\x00-\x1f\x7f]""")
_LONGEST_COLUMN = 300


def types_by_name() -> dict[str, pa.DataType]:
    """The nine types, by BigQuery's names of them."""
    import pyarrow as pa

    return {
        "INT64": pa.int64(),
        "FLOAT64": pa.float64(),
        "BOOL": pa.bool_(),
        "STRING": pa.string(),
        "BYTES": pa.binary(),
        "DATE": pa.date32(),
        "DATETIME": pa.timestamp("us"),
        "TIMESTAMP": pa.timestamp("us", tz="UTC"),
        "NUMERIC": pa.decimal128(38, 9),
    }


def type_name(data_type: pa.DataType) -> str:
    """BigQuery's name of a type, or Arrow's if it is none of the nine."""
    names = {kind: name for name, kind in types_by_name().items()}
    return names.get(common_type(data_type), str(data_type))


def common_type(data_type: pa.DataType) -> pa.DataType | None:
    """The one of the nine types that holds values of this type, or ``None``."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(data_type):
        return common_type(data_type.value_type)
    if types.is_timestamp(data_type):
        return pa.timestamp("us", tz="UTC" if data_type.tz else None)
    choices = [
        (types.is_integer, pa.int64()),
        (types.is_floating, pa.float64()),
        (types.is_boolean, pa.bool_()),
        ((types.is_string, types.is_large_string, types.is_string_view), pa.string()),
        ((types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary), pa.binary()),
        (types.is_date, pa.date32()),
        (types.is_decimal, pa.decimal128(38, 9)),
        (types.is_null, pa.null()),
    ]
    for tests, result in choices:
        if any(test(data_type) for test in (tests if isinstance(tests, tuple) else (tests,))):
            return result
    return None


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """The DataFrame's columns without its index. A column of nothing but gaps has Arrow's type ``null``."""
    import pandas as pd
    import pyarrow as pa

    if not isinstance(frame, pd.DataFrame):
        raise InvalidInput(f"only a pandas DataFrame can be put into a table, not {type(frame).__name__}")
    names = check_columns(list(frame.columns))
    return pa.table([_column(name, frame.iloc[:, position]) for position, name in enumerate(names)], names=names)


def check_columns(names: list[Any]) -> list[str]:
    """Column names that any table can have, or a clear error."""
    if not names:
        raise InvalidInput("the DataFrame has no columns: a table needs at least one")
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise InvalidInput(
                f"the column name {name!r} is not a text with something in it: rename it by df.rename(columns=...)"
            )
        if _BAD_IN_COLUMN.search(name) or len(name) > _LONGEST_COLUMN:
            raise InvalidInput(
                f"the column name {name!r} cannot be used: BigQuery allows at most {_LONGEST_COLUMN} characters, and none of "
                '!"$()*,./;?@[\\]^`{}~ or control characters. Rename it by df.rename(columns=...)'
            )
    if twice := same_names(names):
        raise InvalidInput(f"the columns {twice} have the same name: tables do not tell capitals from small letters")
    return names


def same_names(names: list[str]) -> list[str]:
    """The first names that tables cannot tell apart, as they do not tell capitals from small letters."""
    times = Counter(name.casefold() for name in names)
    shared = [name for name in names if times[name.casefold()] > 1]
    return [name for name in shared if name.casefold() == shared[0].casefold()]


def _column(name: str, series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    import pandas as pd
    import pyarrow as pa

    if series.dtype == object:
        _check_objects(name, series)
    if isinstance(series.dtype, pd.SparseDtype):
        series = pd.Series(series.to_numpy())
    try:
        array = pa.array(series, from_pandas=True)
        wanted = common_type(array.type)
        if wanted is None:
            raise InvalidInput(
                f"column {name!r} is of type {series.dtype} ({array.type}), which tables cannot hold: "
                f"turn it into text or numbers, such as by df[{name!r}].astype(str)"
            )
        # A dictionary is decoded first: categories that no row uses may not fit.
        return (array.dictionary_decode() if pa.types.is_dictionary(array.type) else array).cast(wanted)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError) as error:
        raise InvalidInput(
            f"column {name!r} ({series.dtype}) has a value that a table cannot hold: {error}{_hint(series)}"
        ) from error


def _hint(series: pd.Series[Any]) -> str:
    """How to fix the usual reason why values of a type do not fit."""
    if series.dtype.kind == "M":
        return ". Tables hold microseconds: round by .dt.floor('us')"
    if series.dtype.kind in "iu":
        return ". Tables hold whole numbers of 64 bits with a sign: use .astype(float) or .astype(str)"
    return ""


def _check_objects(name: str, series: pd.Series[Any]) -> None:
    """Refuses an ``object`` column whose values are not all of one type, where Arrow would guess, or cut a time to its day."""
    import datetime as dt

    from pandas.api.types import infer_dtype

    values = series.dropna()
    kind = infer_dtype(values, skipna=True)
    found = sorted({type(value).__name__ for value in values})
    if kind == "date" and any(isinstance(value, dt.datetime) for value in values):
        kind = "mixed"
    if kind == "datetime" and len({value.tzinfo is None for value in values}) > 1:
        raise InvalidInput(
            f"column {name!r} mixes times with and without a time zone: use pd.to_datetime(df[{name!r}], utc=True)"
        )
    if kind == "decimal" and not all(value.is_finite() for value in values):
        raise InvalidInput(f"column {name!r} has an infinite Decimal, which tables cannot hold: use None or a float")
    if kind not in _KINDS_OF_OBJECTS:
        raise InvalidInput(
            f"column {name!r} holds values of type {', '.join(found)}, which do not make one column of a table: "
            f"convert it, such as by df[{name!r}].astype(str) or pd.to_numeric(df[{name!r}])"
        )


def as_new_table(data: pa.Table) -> pa.Table:
    """The data for a table that does not exist yet, where a column of nothing but gaps becomes text."""
    import pyarrow as pa

    schema = pa.schema([field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in data.schema])
    return data.cast(schema)


def fit(data: pa.Table, schema: pa.Schema, table: str) -> pa.Table:
    """The data in the order, spelling and types of a table's schema; a column that is missing is filled with gaps."""
    import pyarrow as pa

    positions = {name.casefold(): position for position, name in enumerate(data.column_names)}
    known = {field.name.casefold() for field in schema}
    unknown = [name for name in data.column_names if name.casefold() not in known]
    if unknown:
        raise InvalidInput(
            f"{table} has no column {unknown[0]!r}; its columns are {schema.names}. Drop or rename the column"
        )
    columns = []
    for field in schema:
        position = positions.get(field.name.casefold())
        column = (
            pa.nulls(data.num_rows, field.type) if position is None else _fit_column(data.column(position), field, table)
        )
        if not field.nullable and column.null_count:
            raise InvalidInput(
                f"column {field.name!r} of {table} must not have gaps: fill them by df[{field.name!r}].fillna(...)"
            )
        columns.append(column)
    return pa.table(columns, schema=schema)


def _fit_column(column: pa.ChunkedArray, field: pa.Field, table: str) -> pa.ChunkedArray:
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return pa.nulls(len(column), field.type)
    if column.type != common_type(field.type):
        raise InvalidInput(
            f"column {field.name!r} is {type_name(field.type)} in {table}, but {type_name(column.type)} in the DataFrame: "
            "convert the column to the table's type"
        )
    try:
        return column.cast(field.type)
    except pa.ArrowException as error:
        raise InvalidInput(
            f"column {field.name!r} has a value that does not fit {field.type} in {table}: {error}"
        ) from error


def to_frame(data: pa.Table) -> pd.DataFrame:
    """The DataFrame of a query's result: NumPy's types where there are no gaps, pandas' own where a gap would change the values."""
    import pandas as pd
    import pyarrow as pa

    # Text is `str` from pandas 3 on, and `object` before.
    always = {} if pd.Series([""]).dtype == object else {pa.string(): pd.Series([""]).dtype}
    with_gaps = always | {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    columns = {}
    for field, column in zip(data.schema, data.columns, strict=True):
        wanted = common_type(field.type)
        # Decimals keep the digits they came with: BigQuery has some of 76 digits.
        if wanted is not None and not pa.types.is_null(wanted) and not pa.types.is_decimal(wanted):
            column = column.cast(wanted)
        columns[field.name] = column.to_pandas(types_mapper=(with_gaps if column.null_count else always).get)
    return pd.DataFrame(columns)
