"""Rows as a client's JSON makes them: what a served estimator gets to see.

`crates/scoring/python/serve_model.py` builds its frames likewise. A row of the notebook may hold what JSON cannot (an infinity, two
kinds of gaps in one column): an estimator is compared on what clients can send.
"""

import numpy as np

from . import adapter, schema

NUMPY_TYPES = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}


class Client:
    """Turns rows of the notebook into those that are sent, and these into the ones that the estimator sees."""

    def __init__(self, signature, own, form=None):
        self.signature, self.own, self.form = signature, own, form
        self.columns = signature.get("columns")

    def sent(self, rows):
        """Rows as the server's frame or array: before the estimator's own dtypes are restored."""
        if self.columns is None:
            if rows.dtype.kind == "f":
                return np.where(np.isfinite(rows), rows, np.array(np.nan, rows.dtype))
            return rows
        import pandas as pd

        return pd.DataFrame({c["name"]: series(c["type"], _values(rows[c["name"]])) for c in self.columns})

    def seen(self, sent):
        """What the estimator gets of rows that `sent` answered."""
        if self.columns is None or not (self.own or self.form):
            return sent
        dtypes = {name: dtype for name, (dtype, _) in self.own.items()}
        gaps = {name: gap for name, (_, gap) in self.own.items()}
        return adapter.restore(sent, dtypes, self.form, gaps)


def series(kind, values):
    """One column of JSON values. A missing number is NaN, a missing text what pandas has for it, a missing moment NaT."""
    import pandas as pd

    if kind == "datetime":
        return pd.Series(pd.to_datetime(values, utc=True, format="ISO8601")).dt.tz_localize(None)
    if kind == "string":
        return pd.Series(values, dtype="str")
    if isinstance(values, np.ndarray):
        return pd.Series(
            values.astype("float64" if values.dtype.kind == "f" and kind in ("integer", "long") else NUMPY_TYPES[kind])
        )
    if None not in values:
        return pd.Series(np.asarray(values, dtype=NUMPY_TYPES[kind]))
    if kind == "boolean":
        return pd.Series(values, dtype="boolean")
    return pd.Series(
        [np.nan if value is None else value for value in values], dtype="float32" if kind == "float" else "float64"
    )


def _values(column):
    """A column's JSON values; an array where that is as good."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biu":
        return column.to_numpy()
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        numbers = column.to_numpy()
        return np.where(np.isfinite(numbers), numbers, np.array(np.nan, numbers.dtype))
    return [schema.plain(value) for value in column]
