"""`OneHotEncoder`."""

import numpy as np

from .kinds import Matrix, Table, Unsupported, width_of

UNKNOWN = {"error": "refused", "ignore": "zeros", "warn": "zeros"}


def export(encoder, x, writer):
    """A `one_hot`."""
    width_of(encoder, x)
    if encoder.dtype is not np.float64 and np.dtype(encoder.dtype) != np.float64:
        raise Unsupported("OneHotEncoder of another type than float64")
    if getattr(encoder, "infrequent_categories_", None) is not None and any(
        found is not None for found in encoder.infrequent_categories_
    ):
        raise Unsupported("OneHotEncoder with infrequent categories")
    columns = []
    for at, categories in enumerate(encoder.categories_):
        dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[at]
        places, next_place = [], 0
        for place in range(len(categories)):
            places.append(-1 if place == dropped else next_place)
            next_place += place != dropped
        columns.append(
            {
                **_known(categories, x.columns[at] if isinstance(x, Table) else None, writer),
                "places": writer.array(places, "i4"),
                "width": next_place,
                "unknown": UNKNOWN[encoder.handle_unknown],
            }
        )
    width = sum(column["width"] for column in columns)
    sparse = bool(encoder.sparse_output)
    return {"op": "one_hot", "columns": columns, "sparse": sparse}, Matrix(width, sparse=sparse)


def _known(categories, kind, writer):
    if categories.dtype.kind in "biuf":
        return {"numbers": writer.array(categories)}
    texts = [None if value is None or value != value else value for value in categories.tolist()]
    if any(text is not None and not isinstance(text, str) for text in texts):
        raise Unsupported("categories of several types")
    return {"texts": texts}
