"""Rows at the edge of the data, to see how an estimator takes them: unknown categories, missing values, in-betweens.

What scikit-learn refuses there, a server must refuse too; what it accepts, a converted model must answer alike.
"""

import numpy as np

from .schema import TEXT

UNKNOWN = "mlsys-unknown-category"
BETWEEN = 100
# Beyond this many columns, they are tried for missing values all at once only.
COLUMNS_ONE_BY_ONE = 30


def accepts_missing(model, rows, columns):
    """The number columns without missing values in which the estimator takes them all the same."""
    candidates = [c["name"] for c in columns if c["type"] in ("double", "float") and not c["nullable"]]
    if not candidates or _takes(model, _with_missing(rows, candidates)):
        return candidates
    if len(candidates) > COLUMNS_ONE_BY_ONE:
        return []
    return [name for name in candidates if _takes(model, _with_missing(rows, [name]))]


def beyond(model, rows, columns):
    """`rows`, and more that the estimator accepts though the data has none such."""
    import pandas as pd

    texts = [c["name"] for c in columns if c["type"] == TEXT]
    numbers = [c["name"] for c in columns if c["type"] in ("double", "float")]
    nullable = [c["name"] for c in columns if c["nullable"]]
    parts = [_with_value(rows, texts, UNKNOWN), _with_missing(rows, nullable), _between(rows, numbers)]
    parts = [part for part in parts if len(part)]
    if parts and not _takes(model, pd.concat(parts, ignore_index=True)):
        parts = [row for part in parts for row in _accepted(model, part)]
    return pd.concat([rows, *parts], ignore_index=True)


def _accepted(model, rows):
    """`rows` whole if the estimator takes them, else those it takes one by one."""
    if _takes(model, rows):
        return [rows]
    singly = [rows.iloc[[i]] for i in range(min(len(rows), COLUMNS_ONE_BY_ONE))]
    return [row for row in singly if _takes(model, row)]


def _with_missing(rows, names):
    return _with_value(rows, names, None)


def _with_value(rows, names, value):
    """One row for each name, in which that column alone holds `value`."""
    frame = rows.iloc[np.arange(len(names)) % len(rows)].reset_index(drop=True)
    for i, name in enumerate(names):
        if str(frame[name].dtype) == "category" and value is not None:
            continue
        frame.loc[i, name] = np.nan if value is None and frame[name].dtype.kind == "f" else value
    return frame


def _between(rows, names):
    """Rows half-way between two others in their real-valued columns: values that no split was made at."""
    if not names:
        return rows.iloc[:0]
    draw = np.random.default_rng(0)
    one, other = (rows.iloc[draw.integers(0, len(rows), BETWEEN)].reset_index(drop=True) for _ in range(2))
    for name in names:
        one[name] = ((one[name] + other[name]) / 2).astype(one[name].dtype)
    return one


def _takes(model, rows):
    try:
        model.predict(rows)
    except Exception:
        # Refusing is an answer too, whatever the error.
        return False
    return True
