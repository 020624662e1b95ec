"""`SimpleImputer` of columns of which some are text."""

import numpy as np

from .kinds import Kind, Table, Unsupported


def _is_na(missing):
    return type(missing).__name__ == "NAType"


def all_gaps_are_missing(x, missing):
    """Whether `missing`, which is no number, is what all columns have for a gap."""
    return _is_na(missing) or (missing is None and all(column.gap == "none" for column in x.columns))


def export(imputer, x, writer):
    """A `fill`."""
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


def _dropped(imputer):
    """Which columns are left out, for want of a value."""
    if imputer.keep_empty_features:
        return np.zeros(len(imputer.statistics_), bool)
    return np.array([value != value for value in imputer.statistics_], bool)


def _indicator(imputer):
    return [] if imputer.indicator_ is None else [int(at) for at in imputer.indicator_.features_]
