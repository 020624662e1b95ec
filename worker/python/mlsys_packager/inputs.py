"""The rows a notebook trained and tested on, found in its variables right after the export cell.

A model's signature, its example and the rows that verify its conversion all come from real rows: what an estimator remembers
of its training data (names, a width) says nothing about types or missing values.
"""

import re
from dataclasses import dataclass

import numpy as np

from .errors import brief

VERIFIED_ROWS = 2_000
MISSING_ROWS = 200
# Enough to see whether an estimator takes a table at all.
SAMPLE_ROWS = 50
# Rows that were fitted on come first: their types are the ones the estimator knows.
PREFERRED = ("x_train", "x", "x_test", "x_valid", "x_val", "x_dev", "features", "train", "inputs", "data", "df")


@dataclass
class Inputs:
    """Rows a model accepts: a `DataFrame` in the estimator's column order, or an array whose first axis is rows."""

    rows: object
    missing: frozenset  # names of the columns in which the notebook's data has missing values
    as_series: bool = False  # the estimator takes one text `Series`, and the frame's only column stands for it
    as_array: bool = (
        False  # the estimator takes an array of objects, and the frame's columns `0`, `1`, … stand for its columns
    )
    dropped: frozenset = frozenset()  # names of the columns that the estimator never looks at

    @property
    def form(self):
        """What the estimator takes instead of a frame, as `adapter.restore` names it."""
        return "series" if self.as_series else "array" if self.as_array else None

    @property
    def is_table(self):
        """Whether the rows are a `DataFrame`."""
        return hasattr(self.rows, "columns")


def expected_names(model):
    """The columns a model was fitted on, or `None` if it was fitted without names."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        return None
    names = [str(name) for name in names]
    placeholders = [f"Column_{i}" for i in range(len(names))]  # LightGBM's names for the columns of an array
    return None if names == placeholders else names


def find(model, user_ns):
    """Rows for `model` from the notebook's variables, or `None` if none of them fits."""
    variables = _by_preference(user_ns)
    names = expected_names(model)
    if names is not None:
        found = _table(model, names, variables) or _array(model, variables, names)
    elif getattr(model, "n_features_in_", None) is not None:
        found = _array(model, variables, None)
    else:
        found = _anything(model, variables)
    if found is not None and found.is_table:
        found.dropped = _dropped(model, [str(name) for name in found.rows.columns])
    return found


def _dropped(model, names):
    """The columns that a `ColumnTransformer` which comes first drops."""
    while hasattr(model, "best_estimator_") or hasattr(model, "steps"):
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
            continue
        steps = [step for _, step in model.steps if step not in (None, "passthrough")]
        if not steps:
            return frozenset()
        model = steps[0]
    places = getattr(model, "_transformer_to_input_indices", None)
    if not hasattr(model, "transformers_") or not isinstance(places, dict):
        return frozenset()
    used = {
        at for name, step, _ in model.transformers_ if not (isinstance(step, str) and step == "drop") for at in places[name]
    }
    return frozenset(name for at, name in enumerate(names) if at not in used)


def _by_preference(user_ns):
    def rank(item):
        name = item[0].lower()
        return PREFERRED.index(name) if name in PREFERRED else len(PREFERRED)

    visible = [(name, value) for name, value in list(user_ns.items()) if not name.startswith("_")]
    return [value for _, value in sorted(visible, key=rank) if _is_data(value)]


def _is_data(value):
    kind = type(value)
    if kind.__module__.startswith("pandas") and kind.__name__ in ("DataFrame", "Series"):
        return len(value) > 0
    if isinstance(value, np.ndarray):
        return value.ndim >= 1 and len(value) > 0
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


def _is_frame(value):
    return type(value).__name__ == "DataFrame"


def _table(model, names, variables):
    tables = []
    for value in filter(_is_frame, variables):
        columns = _matching(names, value)
        if columns is None:
            continue
        table = value[columns]
        alike = not tables or (table.dtypes.tolist() == tables[0].dtypes.tolist())
        if alike and _accepts(model, _spread_table([table], SAMPLE_ROWS)):
            tables.append(table)
            if sum(map(len, tables)) >= VERIFIED_ROWS or len(tables) == 4:
                break
    if not tables:
        return None
    missing = frozenset(str(name) for table in tables for name in table.columns[table.isna().any()])
    return Inputs(_spread_table(tables), missing)


def _matching(names, frame):
    """The frame's columns that stand for `names`, in that order. LightGBM writes white space as `_`."""
    if any(not isinstance(column, str) for column in frame.columns) or not frame.columns.is_unique:
        return None
    if all(name in frame.columns for name in names):
        return names
    plain = {re.sub(r"\s", "_", column): column for column in frame.columns}
    columns = [plain.get(re.sub(r"\s", "_", name)) for name in names]
    return None if None in columns else columns


def _spread_table(tables, count=VERIFIED_ROWS):
    import pandas as pd

    whole = tables[0] if len(tables) == 1 else pd.concat(tables)
    whole = whole.reset_index(drop=True)
    with_missing = np.flatnonzero(whole.isna().any(axis=1).to_numpy())
    return whole.iloc[_spread(len(whole), with_missing, count)].reset_index(drop=True)


def _spread(length, with_missing, count=VERIFIED_ROWS):
    """Row numbers evenly over the data, and a share of those that have missing values."""
    even = np.linspace(0, length - 1, min(length, count)).astype(int)
    return np.unique(np.concatenate([even, with_missing[:MISSING_ROWS]]))


def _array(model, variables, names):
    width = len(names) if names else int(model.n_features_in_)
    arrays = [value for value in variables if isinstance(value, np.ndarray)]
    arrays += [value.to_numpy() for value in variables if _is_frame(value)]
    for array in arrays:
        if array.ndim < 2 or array.shape[1] != width or array.dtype.kind not in "biufOU":
            continue
        absent = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
        rows = array[_spread(len(array), np.flatnonzero(absent.reshape(len(array), -1).any(axis=1)))]
        if not names and array.dtype.kind == "O":
            if array.ndim == 2 and _accepts(model, rows[:SAMPLE_ROWS]):
                return _objects(rows)
            continue
        if names:
            import pandas as pd

            rows = pd.DataFrame(rows, columns=names)
        if _accepts(model, rows[:SAMPLE_ROWS]):
            return Inputs(rows, frozenset(np.array(names)[absent.any(axis=0)].tolist() if names else ()))
    return None


def _objects(rows):
    """An array of objects as a frame: its columns are of one type each, which JSON and a signature can tell."""
    import pandas as pd

    frame = pd.DataFrame({str(at): pd.Series(rows[:, at], dtype=object) for at in range(rows.shape[1])})
    return Inputs(frame, frozenset(frame.columns[frame.isna().any()]), as_array=True)


def _anything(model, variables):
    """Rows for an estimator that remembers nothing of its training data: whatever it predicts one answer a row for."""
    import pandas as pd

    for value in variables:
        if _is_frame(value) and all(isinstance(column, str) for column in value.columns):
            if _accepts(model, value.head(SAMPLE_ROWS)):
                return Inputs(_spread_table([value]), frozenset(value.columns[value.isna().any()]))
        elif isinstance(value, np.ndarray) and value.ndim >= 2 and value.dtype.kind in "biuf":
            if _accepts(model, value[:SAMPLE_ROWS]):
                return Inputs(value[_spread(len(value), np.array([], int))], frozenset())
        elif (
            not _is_frame(value)
            and np.ndim(value) == 1
            and isinstance(value[0] if isinstance(value, list) else next(iter(value)), str)
        ):
            series = pd.Series(value).reset_index(drop=True)
            if _accepts(model, series.head(SAMPLE_ROWS)):
                name = str(series.name) if series.name else "text"
                series = series.iloc[_spread(len(series), np.array([], int))].reset_index(drop=True)
                return Inputs(series.to_frame(name), frozenset(), as_series=True)
    return None


def refusal(model, user_ns):
    """The error of `predict` on the likeliest rows of the notebook, all of which it refuses; `None` without any."""
    for rows in _by_preference(user_ns):
        try:
            model.predict(rows[:SAMPLE_ROWS])
        except Exception as error:
            return brief(error)
    return None


def _accepts(model, rows):
    try:
        said = model.predict(rows) if hasattr(model, "predict") else model.transform(rows)
        return (said.shape[0] if hasattr(said, "shape") else len(said)) == len(rows)
    except Exception:
        # Any failure means the same: these are not the rows the estimator was made for.
        return False
