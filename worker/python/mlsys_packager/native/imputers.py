"""`SimpleImputer` of numbers."""

import numpy as np

from . import fills, kinds
from .kinds import Matrix, Table, Unsupported


def export(imputer, x, writer):
    """An `impute` of numbers, a `fill` of columns of which some are text."""
    kinds.width_of(imputer, x)
    if isinstance(x, Table) and any(column.type == "text" for column in x.columns):
        return fills.export(imputer, x, writer)
    missing = fills.missing_number(imputer, x)
    steps, matrix = kinds.checked(x, nan=missing != missing)
    if imputer._fill_dtype.kind not in "iufO":
        raise Unsupported(f"SimpleImputer of {imputer._fill_dtype}")
    dropped = fills.dropped(imputer)
    fill = [np.nan if gone else _number(value, imputer) for value, gone in zip(imputer.statistics_, dropped, strict=True)]
    if np.isnan(np.array(fill)[~dropped]).any():
        raise Unsupported("SimpleImputer that puts in NaN")
    indicator = fills.indicator(imputer)
    node = {"op": "impute", "fill": writer.array(fill), "indicator": indicator}
    node["missing"] = None if missing != missing else float(missing)
    return kinds.chain(steps, node), Matrix(int((~dropped).sum()) + len(indicator), matrix.single)


def _number(value, imputer):
    """A statistic in the type of what it is put into."""
    if isinstance(value, str):
        raise Unsupported("SimpleImputer that puts text among numbers")
    dtype = imputer._fill_dtype
    return float(value if dtype.kind == "O" else np.asarray(value).astype(dtype))
