"""Signatures: column types as MLflow names them, and values as strict JSON has them."""

import datetime
import decimal
import json
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


def array(said):
    """Predictions as an array, the first axis of which is rows. Rows that are no plain values of one kind stay objects."""
    if hasattr(said, "toarray"):
        said = said.toarray()
    if hasattr(said, "columns") and hasattr(said, "to_dict"):
        said = said.to_dict("records")
    if isinstance(said, (list, tuple)):
        kinds = {type(row) for row in said}
        if len(kinds) > 1 or not all(issubclass(kind, (str, int, float, np.generic)) for kind in kinds):
            rows = np.empty(len(said), dtype=object)
            rows[:] = list(said)
            return rows
    return np.asarray(said)


def plain(value):
    """A value as strict JSON has it: missing and not-finite become `None`, moments RFC 3339 text, a frame its rows as objects.

    `plain` of `crates/scoring/python/serve_model.py` makes the same of what a served model answers.
    """
    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return plain(value.to_dict("records"))
    if hasattr(value, "toarray"):
        return plain(value.toarray())
    if isinstance(value, (np.datetime64, np.ndarray)) and value.dtype.kind == "M":
        value = value.astype("datetime64[us]")
    if isinstance(value, np.ndarray) and (
        value.dtype.kind in "biuU" or (value.dtype.kind == "f" and np.isfinite(value).all())
    ):
        return value.tolist()
    if hasattr(value, "tolist") and not isinstance(value, np.generic):
        return plain(value.tolist())
    if isinstance(value, np.generic) and value.dtype.kind != "m":
        value = value.item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    raise NoJson(f"{type(value).__name__} has no form in JSON")


class NoJson(TypeError):
    """A value that JSON can't tell; the text names its type."""


def _key(key):
    """A name of a dict, as `json.dumps` writes it."""
    if isinstance(key, str):
        return key
    named = plain(key)
    if isinstance(named, (list, dict)):
        raise NoJson(f"{type(key).__name__} as a key of a dict has no form in JSON")
    return named if isinstance(named, str) else json.dumps(named)
