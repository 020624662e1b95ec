"""`SimpleImputer`."""

import numpy as np

from . import kinds
from .kinds import Matrix, Table, Unsupported


def export(imputer, x, writer):
    """An `impute`."""
    kinds.width_of(imputer, x)
    if isinstance(x, Table) and any(column.type == "text" for column in x.columns):
        raise Unsupported("SimpleImputer of text")
    steps, matrix = kinds.as_matrix(x)
    missing = imputer.missing_values
    if not isinstance(missing, (int, float)) or imputer.keep_empty_features:
        raise Unsupported("SimpleImputer of another kind of missing values")
    fill = np.asarray(imputer.statistics_, dtype=float)
    indicator = [] if imputer.indicator_ is None else [int(at) for at in imputer.indicator_.features_]
    node = {"op": "impute", "fill": writer.array(fill), "indicator": indicator, "missing": None if missing != missing else missing}
    width = int((~np.isnan(fill)).sum()) + len(indicator)
    return kinds.chain(steps, node), Matrix(width, matrix.single)
