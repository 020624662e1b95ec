"""`OneHotEncoder`, `OrdinalEncoder` and `TargetEncoder`.

What a category becomes is asked of the encoder itself, one category after the other: dropped and infrequent ones, those that are
unknown or missing, all are what it says.
"""

import warnings

import numpy as np

from .kinds import Kind, Matrix, Table, Unsupported, width_of

# Something that is nobody's category.
STRANGER = "\0mlsys: a category that nobody knows"
LARGEST = 2**53


def export(encoder, x, writer):
    """A `one_hot` or a `lookup`."""
    width_of(encoder, x)
    if getattr(x, "sparse", False) or getattr(x, "series", False):
        raise Unsupported(f"{type(encoder).__name__} of something else than columns")
    dtype = np.dtype(getattr(encoder, "dtype", np.float64))
    if dtype.kind not in "iuf" or dtype.name == "float16":
        raise Unsupported(f"{type(encoder).__name__} that gives {dtype}")
    kinds = x.columns if isinstance(x, Table) else (Kind("float"),) * x.width
    said, unknown = _said(encoder)
    one_hot = type(encoder).__name__ == "OneHotEncoder"
    widths = list(encoder._n_features_outs) if one_hot else [said.shape[1] // x.width] * x.width
    starts = np.cumsum([0, *widths])
    columns = []
    for at, categories in enumerate(encoder.categories_):
        fields, order = known(categories, kinds[at], writer)
        block = np.s_[:, starts[at] : starts[at + 1]]
        values = said[: len(categories)][block][order]
        other = None if unknown is None else unknown[0][starts[at] : starts[at + 1]]
        column = _one_hot(values, other, writer) if one_hot else _looked_up(values, other, writer)
        columns.append({**fields, **column, "width": widths[at]})
    single, width = dtype.name == "float32", int(starts[-1])
    if one_hot:
        sparse = bool(encoder.sparse_output)
        return {"op": "one_hot", "columns": columns, "sparse": sparse}, Matrix(width, single, sparse)
    return {"op": "lookup", "columns": columns, "single": single}, Matrix(width, single)


def _said(encoder):
    """What the encoder makes of rows of its categories, and of a row of unknown ones, if it takes these."""
    categories = [list(known) for known in encoder.categories_]
    longest = max(map(len, categories), default=0)
    if not longest:
        raise Unsupported("an encoder without categories")
    rows = [[known[min(at, len(known) - 1)] for known in categories] for at in range(longest)]
    said = _transformed(encoder, rows)
    if getattr(encoder, "handle_unknown", "ignore") == "error":
        return said, None
    return said, _transformed(encoder, [[STRANGER] * len(categories)])


def _transformed(encoder, rows):
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    for at, row in enumerate(rows):
        array[at] = row
    names = getattr(encoder, "feature_names_in_", None)
    if names is not None:
        import pandas as pd

        array = pd.DataFrame({name: pd.Series(array[:, at], dtype=object) for at, name in enumerate(names)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = encoder.transform(array)
    return np.asarray(out.todense() if hasattr(out, "todense") else out, dtype=float)


def _one_hot(values, other, writer):
    places = [int(row.argmax()) if row.any() else -1 for row in values]
    fields = {"places": writer.array(places, "i4"), "unknown": "refused" if other is None else "zeros"}
    if other is not None and other.any():
        fields = {**fields, "unknown": "infrequent", "infrequent": int(other.argmax())}
    return fields


def _looked_up(values, other, writer):
    return {"values": writer.array(values), "unknown": None if other is None else writer.array(other)}


def known(categories, kind, writer):
    """The fields of categories, and their order in these. Of two kinds of gaps, only the column's own can be met."""
    values = list(categories)
    gaps = {at: "none" if value is None else "nan" for at, value in enumerate(values) if value is None or value != value}
    present = [at for at in range(len(values)) if at not in gaps]
    missing = [at for at, gap in gaps.items() if gap == kind.gap]
    if kind.type == "text":
        if not all(isinstance(values[at], str) for at in present):
            raise Unsupported("categories of another type than their column")
        order = [*present, *missing]
        return {"texts": [None if at in gaps else str(values[at]) for at in order]}, order
    if kind.type == "other":
        raise Unsupported("categories of moments")
    numbers = {at: _number(values[at]) for at in present}
    order = [*sorted(present, key=numbers.get), *missing]
    return {"numbers": writer.array([np.nan if at in gaps else numbers[at] for at in order])}, order


def _number(value):
    if not isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        raise Unsupported("categories of another type than their column")
    if not isinstance(value, (float, np.floating)) and abs(int(value)) >= LARGEST:
        raise Unsupported("categories beyond 2**53")
    return float(value)
