"""`SimpleImputer`."""

import numpy as np

from . import kinds
from .kinds import Kind, Matrix, Table, Unsupported


def export(imputer, x, writer):
    """An `impute` of numbers, a `fill` of columns of which some are text."""
    kinds.width_of(imputer, x)
    if isinstance(x, Table) and any(column.type == "text" for column in x.columns):
        return _fill(imputer, x, writer)
    missing = imputer.missing_values
    if not isinstance(missing, (int, float, np.number)):
        if not (isinstance(x, Table) and _all_gaps_are_missing(x, missing)):
            raise Unsupported("SimpleImputer of another kind of missing values")
        missing = np.nan
    elif isinstance(x, Table) and any(column.gap == "none" for column in x.columns):
        raise Unsupported("SimpleImputer that leaves None as it is")
    steps, matrix = kinds.checked(x, nan=missing != missing)
    if imputer._fill_dtype.kind not in "iufO":
        raise Unsupported(f"SimpleImputer of {imputer._fill_dtype}")
    dropped = _dropped(imputer)
    fill = [np.nan if gone else _number(value, imputer) for value, gone in zip(imputer.statistics_, dropped, strict=True)]
    if np.isnan(np.array(fill)[~dropped]).any():
        raise Unsupported("SimpleImputer that puts in NaN")
    indicator = _indicator(imputer)
    node = {"op": "impute", "fill": writer.array(fill), "indicator": indicator}
    node["missing"] = None if missing != missing else float(missing)
    return kinds.chain(steps, node), Matrix(int((~dropped).sum()) + len(indicator), matrix.single)


def _number(value, imputer):
    """A statistic in the type of what it is put into."""
    if isinstance(value, str):
        raise Unsupported("SimpleImputer that puts text among numbers")
    dtype = imputer._fill_dtype
    return float(value if dtype.kind == "O" else np.asarray(value).astype(dtype))


def _dropped(imputer):
    """Which columns are left out, for want of a value."""
    if imputer.keep_empty_features:
        return np.zeros(len(imputer.statistics_), bool)
    return np.array([value != value for value in imputer.statistics_], bool)


def _indicator(imputer):
    return [] if imputer.indicator_ is None else [int(at) for at in imputer.indicator_.features_]


def _is_na(missing):
    return type(missing).__name__ == "NAType"


def _all_gaps_are_missing(x, missing):
    return _is_na(missing) or (missing is None and all(column.gap == "none" for column in x.columns))


def _fill(imputer, x, writer):
    if imputer._fit_dtype.kind != "O" or x.series or any(column.type == "other" for column in x.columns):
        raise Unsupported(f"SimpleImputer of {imputer._fit_dtype} with text")
    missing = imputer.missing_values
    columns, out = [], []
    for column, value, dropped in zip(x.columns, imputer.statistics_, _dropped(imputer), strict=True):
        gap = _gap(missing, column.gap)
        text = column.type == "text"
        if not dropped and isinstance(value, str) != text:
            raise Unsupported("SimpleImputer that puts text among numbers, or a number among texts")
        node = {"text": text, "gap": gap, "missing": None, "fill": None}
        if isinstance(missing, str) if text else isinstance(missing, (int, float)) and missing == missing:
            node["missing"] = str(missing) if text else writer.array([missing])
        if not dropped:
            node["fill"] = str(value) if text else writer.array([value])
            out.append(Kind("text" if text else "float", gap=column.gap, dtype=np.dtype(object)))
        columns.append(node)
    indicator = _indicator(imputer)
    out += [Kind("float", dtype=np.dtype(object))] * len(indicator)
    return {"op": "fill", "columns": columns, "indicator": indicator}, Table(tuple(out))


def _gap(missing, gap):
    """What becomes of a column's gaps: the imputer looks for `missing` only, and refuses NaN unless it is that."""
    if _is_na(missing):
        return "filled"
    if missing is None:
        return "filled" if gap == "none" else "refused"
    if missing != missing:
        return {"nan": "filled", "none": "kept"}.get(gap, "refused")
    return "kept" if gap == "none" else "refused"
