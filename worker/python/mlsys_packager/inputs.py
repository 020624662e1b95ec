"""The rows a notebook trained and tested on, found in its variables right after the export cell.

A model's signature, its example and the rows that verify its conversion all come from real rows: what an estimator remembers
of its training data (names, a width) says nothing about types or missing values.
"""

import re
from dataclasses import dataclass

import numpy as np

from .adapter import TooWide
from .errors import brief
from .schema import plain

VERIFIED_ROWS = 2_000
MISSING_ROWS = 200
# Enough to see whether an estimator takes a table at all.
SAMPLE_ROWS = 50
UNKNOWN = "mlsys-unknown-category"
# Of a model that remembers no columns, so many are tried one by one.
TRIED_COLUMNS = 100
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
    as_records: bool = False  # the model takes a list of dicts, one a row of the frame
    dropped: frozenset = frozenset()  # names of the columns that the estimator never looks at

    @property
    def form(self):
        """What the estimator takes instead of a frame, as `adapter.restore` names it."""
        forms = {"series": self.as_series, "array": self.as_array, "records": self.as_records}
        return next((form for form, taken in forms.items() if taken), None)

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
    return isinstance(value, list) and bool(value) and isinstance(value[0], (str, dict))


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
    """Rows for a model that remembers nothing of its training data: whatever it answers once a row."""
    import pandas as pd

    for value in variables:
        if isinstance(value, list) and isinstance(value[0], dict):
            frame = pd.DataFrame(value) if all(isinstance(row, dict) for row in value) else None
            found = _frame(model, frame, ("records",)) if frame is not None else None
        elif _is_frame(value):
            found = _frame(model, value, (None, "records", "matrix"))
        elif isinstance(value, np.ndarray) and value.ndim >= 2:
            found = _matrix(model, value)
        else:
            found = _series(model, value)
        if found is not None:
            return found
    return None


def _frame(model, frame, forms):
    """A frame's rows, in the first of the forms that the model takes them in, without the columns that it does not look at."""
    if not all(isinstance(column, str) for column in frame.columns) or not frame.columns.is_unique:
        return None
    given = {None: lambda rows: rows, "records": lambda rows: rows.to_dict("records")}
    sample = frame.head(SAMPLE_ROWS)
    for form in forms:
        if form == "matrix":
            numbers = all(dtype.kind in "biuf" for dtype in frame.dtypes)
            return _matrix(model, frame.to_numpy(float if len(set(frame.dtypes)) > 1 else None)) if numbers else None
        if _accepts(model, given[form](sample)):
            frame = frame[_looked_at(model, sample, given[form])]
            missing = frozenset(frame.columns[frame.isna().any()])
            return Inputs(_spread_table([frame]), missing, as_records=form == "records")
    return None


def _looked_at(model, sample, given):
    """The columns that the model looks at: not the target's, if the frame has that, too.

    Of one that it does not look at, neither the loss nor other values make a difference.
    """

    def said(rows):
        try:
            answer = model.predict(given(rows))
            return plain(answer) if _rows(answer) == len(rows) else None
        except Exception:
            return None  # nor does it go without, or an answer that can't be told is refused later

    names = list(sample.columns)
    wanted = said(sample) if len(names) <= TRIED_COLUMNS else None
    if wanted is None:
        return names
    for name in list(names):
        rest, others = [other for other in names if other != name], _others(sample[name])
        tried = [sample[rest], *(sample[names].assign(**{name: other}) for other in others)] if rest and others else []
        if tried and all(said(rows) == wanted for rows in tried):
            names = rest
    return names


def _others(column):
    """Other values for a column, far from its own: none of one that is neither numbers nor text."""
    if column.dtype.kind in "biuf":
        return [1e9, -1e9]
    return [UNKNOWN] if all(isinstance(value, str) for value in column.dropna().head(1)) else []


def _matrix(model, array):
    if array.dtype.kind in "biuf" and _accepts(model, array[:SAMPLE_ROWS]):
        return Inputs(array[_spread(len(array), np.array([], int))], frozenset())
    return None


def _series(model, value):
    import pandas as pd

    if np.ndim(value) != 1 or not isinstance(value[0] if isinstance(value, list) else next(iter(value)), str):
        return None
    series = pd.Series(value).reset_index(drop=True)
    if not _accepts(model, series.head(SAMPLE_ROWS)):
        return None
    name = str(series.name) if series.name else "text"
    series = series.iloc[_spread(len(series), np.array([], int))].reset_index(drop=True)
    return Inputs(series.to_frame(name), frozenset(), as_series=True)


def refusal(model, user_ns):
    """What becomes of the likeliest rows of the notebook, none of which the model takes; `None` without any."""
    method = getattr(model, "method", "predict")
    what = "Calling it" if method == "call" else f"The model's {method.removesuffix('_in_context')}"
    for rows in _by_preference(user_ns):
        rows = rows[:SAMPLE_ROWS]
        try:
            said = model.predict(rows)
        except Exception as error:
            return f"{what} fails on the notebook's data: {brief(error)}"
        return f"{what} makes a {type(said).__name__}{_length(said)} of {len(rows)} rows, not one answer a row"
    return None


def _length(said):
    count = _rows(said)
    return "" if count is None else f" of {count}"


def _rows(said):
    """How many rows an answer has; `None` if it is no answer a row."""
    if isinstance(said, (str, bytes, dict, set)) or not (hasattr(said, "shape") or hasattr(said, "__len__")):
        return None
    if hasattr(said, "shape"):
        return said.shape[0] if len(said.shape) else None
    return len(said)


def _accepts(model, rows):
    try:
        said = model.predict(rows) if hasattr(model, "predict") else model.transform(rows)
        return _rows(said) == len(rows)
    except TooWide:
        raise
    except Exception:
        # Any failure means the same: these are not the rows the estimator was made for.
        return False
