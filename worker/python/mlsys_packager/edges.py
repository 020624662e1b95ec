"""Rows at the edge of the data, to see how an estimator takes them: unknown categories, missing values, in-betweens, extremes.

What scikit-learn refuses there, a server must refuse too; what it accepts, a converted model must answer alike. All rows are in the
form that a client sends (`client.Client.sent`).
"""

import numpy as np

from .inputs import UNKNOWN
from .schema import TEXT

BETWEEN = 100
# Beyond this many columns, they are tried for missing values all at once only.
COLUMNS_ONE_BY_ONE = 30
# An array is tried for missing numbers up to so many in all.
CELLS = 1 << 23
GAPPED = ("double", "float", "integer", "long", TEXT)


def accepts_missing(model, rows, client, known=()):
    """The columns of numbers and text without missing values in which the estimator takes them all the same."""
    candidates = [c["name"] for c in client.columns if c["type"] in GAPPED and c["name"] not in known]
    if not candidates or _takes(model, _with_missing(rows, candidates), client):
        return candidates
    numbers = [c["name"] for c in client.columns if c["type"] in ("double", "float") and c["name"] in candidates]
    if len(candidates) > COLUMNS_ONE_BY_ONE:
        return numbers if numbers and _takes(model, _with_missing(rows, numbers), client) else []
    return [name for name in candidates if _takes(model, _with_missing(rows, [name]), client)]


def has_gaps(rows):
    """Whether numbers of an array are missing."""
    return rows.dtype.kind == "f" and bool(np.isnan(rows).any())


def gapped(model, rows, client):
    """An array's rows, and more of them with one number missing, by turns each, and with all; `None` if the estimator takes none
    such, or it can't be tried."""
    width = int(np.prod(rows.shape[1:]))
    count = max(BETWEEN, width)
    if rows.dtype.kind != "f" or not rows.size or count * width > CELLS:
        return None
    at = np.arange(count)
    more = rows.reshape(len(rows), width)[at % len(rows)]
    more[at, at % width] = np.nan
    parts = [rows, more.reshape(count, *rows.shape[1:])]
    if not _takes(model, parts[1], client):
        return None
    nothing = np.full_like(rows[:1], np.nan)
    return np.concatenate([*parts, nothing] if _takes(model, nothing, client) else parts)


def beyond(model, rows, client, extremes=False):
    """`rows`, and more that the estimator accepts though the data has none such. `extremes`: values on the very edges, too."""
    import pandas as pd

    if client.columns is None:
        return rows
    texts = [c["name"] for c in client.columns if c["type"] == TEXT]
    real = [c["name"] for c in client.columns if c["type"] in ("double", "float")]
    nullable = [c["name"] for c in client.columns if c["nullable"]]
    parts = [_with_value(rows, texts, UNKNOWN), _with_missing(rows, nullable, BETWEEN), _between(rows, real)]
    if extremes:
        whole = [c["name"] for c in client.columns if c["type"] in ("integer", "long")]
        parts += [*_extremes(rows, real, float), *_extremes(rows, whole, int)]
        parts += [_with_value(rows, texts, ""), _midway(rows, real), _all_missing(rows, nullable)]
    parts = [part for part in parts if len(part)]
    if parts and not _takes(model, pd.concat(parts, ignore_index=True), client):
        parts = [row for part in parts for row in _accepted(model, part, client)]
    return pd.concat([rows, *parts], ignore_index=True)


def _accepted(model, rows, client):
    """`rows` whole if the estimator takes them, else those it takes one by one."""
    if _takes(model, rows, client):
        return [rows]
    singly = [rows.iloc[[i]] for i in range(min(len(rows), COLUMNS_ONE_BY_ONE))]
    return [row for row in singly if _takes(model, row, client)]


def _with_missing(rows, names, least=0):
    """A row for each name, in which that column alone holds nothing, and more of them by turns until there are `least`. Whole
    numbers become floats there, as in a frame of JSON."""
    names = list(names)
    frame = _some(rows, max(len(names), least if names else 0))
    for i, name in enumerate(names):
        column = frame[name]
        if column.dtype.kind in "iu":
            frame[name] = column.astype("float64")
        elif column.dtype.kind == "b" and isinstance(column.dtype, np.dtype):
            frame[name] = column.astype("boolean")
        frame.loc[i :: len(names), name] = None if frame[name].dtype.kind != "f" else np.nan
    return frame


def _all_missing(rows, names):
    """One row in which all of these columns hold nothing."""
    if not names:
        return rows.iloc[:0]
    frame = _with_missing(rows, names).iloc[:1].copy()
    for name in names:
        frame.loc[0, name] = None if frame[name].dtype.kind != "f" else np.nan
    return frame


def _with_value(rows, names, value):
    """One row for each name, in which that column alone holds `value`."""
    frame = _some(rows, len(names))
    for i, name in enumerate(names):
        frame.loc[i, name] = value
    return frame


def _some(rows, count):
    return rows.iloc[np.arange(count) % len(rows)].reset_index(drop=True)


# Whole numbers up to here are doubles, too.
LARGEST = 2**53
# Of a column's least and greatest value.
EXTREMES = (
    lambda low, high: 0,
    lambda low, high: -0.0,
    lambda low, high: 1e-30,
    lambda low, high: low,
    lambda low, high: high,
    lambda low, high: high + (high - low),
    lambda low, high: low - (high - low),
)


def _extremes(rows, names, kind):
    """Of each extreme, rows in which it stands in one column, or in a few of very many."""
    if not names:
        return []
    parts = [_some(rows, min(len(names), COLUMNS_ONE_BY_ONE)) for _ in EXTREMES]
    for at, name in enumerate(names):
        present = rows[name].dropna()
        if not len(present):
            continue
        low, high = float(present.min()), float(present.max())
        for extreme, part in zip(EXTREMES, parts, strict=True):
            value = extreme(low, high)
            if abs(value) < (LARGEST if kind is int else np.inf):
                part.loc[at % len(part), name] = kind(value)
    return parts


def _between(rows, names):
    """Rows half-way between two others in their real-valued columns: values that no split was made at."""
    if not names:
        return rows.iloc[:0]
    draw = np.random.default_rng(0)
    one, other = (rows.iloc[draw.integers(0, len(rows), BETWEEN)].reset_index(drop=True) for _ in range(2))
    for name in names:
        one[name] = ((one[name] + other[name]) / 2).astype(one[name].dtype)
    return one


def _midway(rows, names):
    """Rows with values half-way between two neighbours among the data's: where trees put their splits."""
    if not names:
        return rows.iloc[:0]
    frame = _some(rows, BETWEEN)
    draw = np.random.default_rng(1)
    for name in names:
        values = np.unique(rows[name].dropna().to_numpy(dtype=float))
        if len(values) > 1:
            at = draw.integers(0, len(values) - 1, BETWEEN)
            frame[name] = (values[at] / 2 + values[at + 1] / 2).astype(frame[name].dtype)
    return frame


def _takes(model, rows, client):
    try:
        seen = client.seen(rows)
        model.predict(seen) if hasattr(model, "predict") else model.transform(seen)
    except Exception:
        # Refusing is an answer too, whatever the error.
        return False
    return True
