"""`SimpleImputer` of columns of which some are text."""

import numpy as np

from . import kinds
from .kinds import Kind, Table, Unsupported


def dropped(imputer):
    """Which columns are left out, for want of a value."""
    if imputer.keep_empty_features:
        return np.zeros(len(imputer.statistics_), bool)
    return np.array([value != value for value in imputer.statistics_], bool)


def indicator(imputer):
    """The columns that are followed by whether they were missing."""
    return [] if imputer.indicator_ is None else [int(at) for at in imputer.indicator_.features_]


def _is_na(missing):
    return type(missing).__name__ == "NAType"


def missing_number(imputer, x):
    """What is missing among numbers, NaN or another number. What a gap is, is the column's own."""
    missing, gaps = imputer.missing_values, {column.gap for column in x.columns} if isinstance(x, Table) else {"nan"}
    if isinstance(missing, (int, float, np.number)):
        if "none" in gaps:
            raise Unsupported("SimpleImputer that leaves None as it is")
        return missing
    if _is_na(missing) or (missing is None and gaps == {"none"}):
        return np.nan
    raise Unsupported("SimpleImputer of another kind of missing values")


def export(imputer, x, writer):
    """A `fill`."""
    kinds.width_of(imputer, x)
    if imputer._fit_dtype.kind != "O" or x.series or any(column.type == "other" for column in x.columns):
        raise Unsupported(f"SimpleImputer of {imputer._fit_dtype} with text")
    missing = imputer.missing_values
    columns, out = [], []
    for column, value, left_out in zip(x.columns, imputer.statistics_, dropped(imputer), strict=True):
        gap = _gap(missing, column.gap)
        text = column.type == "text"
        if not left_out and isinstance(value, str) != text:
            raise Unsupported("SimpleImputer that puts text among numbers, or a number among texts")
        node = {"text": text, "gap": gap, "missing": None, "fill": None}
        if isinstance(missing, str) if text else isinstance(missing, (int, float)) and missing == missing:
            node["missing"] = str(missing) if text else writer.array([missing])
        if not left_out:
            node["fill"] = str(value) if text else writer.array([value])
            out.append(Kind("text" if text else "float", gap=column.gap, dtype=np.dtype(object)))
        columns.append(node)
    indicated = indicator(imputer)
    out += [Kind("float", dtype=np.dtype(object))] * len(indicated)
    return {"op": "fill", "columns": columns, "indicator": indicated}, Table(tuple(out))


def _gap(missing, gap):
    """What becomes of a column's gaps: the imputer looks for `missing` only, and refuses NaN unless it is that."""
    if _is_na(missing):
        return "filled"
    if missing is None:
        return "filled" if gap == "none" else "refused"
    if missing != missing:
        return {"nan": "filled", "none": "kept"}.get(gap, "refused")
    return "kept" if gap == "none" else "refused"
