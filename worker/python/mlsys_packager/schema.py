"""Signatures: column types as MLflow names them, and values as strict JSON has them."""

import datetime
import decimal
import math

import numpy as np

from .errors import PackagingError

NUMPY_TYPES = {
    "bool": "boolean",
    "int8": "integer",
    "int16": "integer",
    "int32": "integer",
    "uint8": "integer",
    "uint16": "integer",
    "int64": "long",
    "uint32": "long",
    "uint64": "long",
    "float16": "float",
    "float32": "float",
    "float64": "double",
}
TEXT, NUMBERS = "string", ("integer", "long", "float", "double", "boolean")


def column_type(series):
    """MLflow's type of a column, and whether a frame rebuilt from that type alone equals the original."""
    dtype = series.dtype
    name = str(dtype).lower()
    if isinstance(dtype, np.dtype) and dtype.name in NUMPY_TYPES:
        return NUMPY_TYPES[dtype.name], dtype.name not in ("float16", "uint64")
    if isinstance(dtype, np.dtype) and dtype.kind == "M":
        return "datetime", True
    if getattr(dtype, "tz", None) is not None and name.startswith("datetime64"):
        return "datetime", False
    if name == "category":
        return column_type(dtype.categories.to_series())[0], False
    if name == "str":
        return TEXT, True
    if name.startswith("string"):
        return TEXT, False
    if name in NUMPY_TYPES:  # pandas' nullable Int64, Float32, boolean, …
        return NUMPY_TYPES[name], False
    if name == "boolean":
        return "boolean", False
    return _object_type(series)


def _object_type(series):
    present = series.dropna()
    kinds = {type(value) for value in present.head(1_000)}
    if kinds and all(issubclass(kind, str) for kind in kinds):
        return TEXT, not any(value is None for value in series)
    if kinds and kinds <= {bool, np.bool_}:
        return "boolean", False
    if kinds and all(issubclass(kind, (int, float, np.number, decimal.Decimal)) for kind in kinds):
        return "double", False
    what = ", ".join(sorted(kind.__name__ for kind in kinds)) or "missing values only"
    raise PackagingError(
        f"Column {series.name!r} holds {what}. Turn it into numbers, text or dates before fitting, or leave it out of the model's inputs."
    )


def signature(inputs):
    """A manifest's signature, and of columns whose type alone would lose it, `(own dtype, gap)`: see `adapter.restore`."""
    if not inputs.is_table:
        dtype = "str" if inputs.rows.dtype.kind == "U" else inputs.rows.dtype.name
        return {"kind": "tensor", "tensor": {"dtype": dtype, "shape": [-1, *inputs.rows.shape[1:]]}}, {}
    columns, own = [], {}
    for name in inputs.rows.columns:
        kind, plain = column_type(inputs.rows[name])
        dropped = str(name) in inputs.dropped
        nullable = dropped or str(name) in inputs.missing
        columns.append({"name": str(name), "type": kind, "required": not dropped, "nullable": nullable})
        if not plain:
            own[str(name)] = (inputs.rows[name].dtype, _gap(inputs.rows[name]))
    return {"kind": "columns", "columns": columns}, own


def _gap(series):
    """What a missing value of a column of objects is: `none` where it has only `None`, else `nan`."""
    gaps = series[series.isna()] if series.dtype == object else ()
    return "none" if len(gaps) and all(value is None for value in gaps) else "nan"


def plain(value):
    """A value as strict JSON has it: missing and not-finite become `None`, moments become RFC 3339 text."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.datetime, datetime.date)):
        return None if str(value) == "NaT" else value.isoformat()
    return None if str(value) in ("<NA>", "NaT") else str(value)
