"""What flows between operators, as far as an exporter must know it."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np


class Unsupported(Exception):
    """An estimator, or a way of using it, that has no native form; the text says which."""


@dataclass(frozen=True)
class Kind:
    """One column of a table.

    `type`: `float`, `int`, `bool`, `text`, or `other` for what no estimator may look at. `single`: its numbers are of 32 bits.
    `gap`: what the estimator sees where a value is missing, `nan`, `none` or `na` (pandas' own); what a client's `null` becomes.
    `dtype`: the column's own, where it is known; one of categories has them in their order.
    """

    type: str
    single: bool = False
    gap: str = "nan"
    dtype: object = None


@dataclass(frozen=True)
class Table:
    """Columns of their own types. `series`: the estimator gets the only one as a list of values."""

    columns: tuple
    series: bool = False

    @property
    def width(self):
        """How many columns there are."""
        return len(self.columns)

    def take(self, places):
        """Some columns, in an order."""
        return Table(tuple(self.columns[at] for at in places))


@dataclass(frozen=True)
class Matrix:
    """Numbers. `single`: of 32 bits. `sparse`: most of them are zero. `whole`: of a type of whole numbers, or truths."""

    width: int
    single: bool = False
    sparse: bool = False
    whole: bool = False

    def take(self, places):
        """Some columns, in an order."""
        return replace(self, width=len(places))


@dataclass(frozen=True)
class Says:
    """What an estimator says. `classes`: those whose places it predicts, a list of them where a row has several labels; `None` for
    numbers, `width` of them a row.

    `transformed`: what comes out of it where it is a step among others, if it transforms, too.
    `single`: its numbers, and its probabilities, are of 32 bits.
    """

    classes: object = None
    probabilities: bool = False
    decision: bool = False
    width: int = 1
    transformed: object = None
    single: bool = False


def as_matrix(x):
    """The steps that make `x` a matrix as `numpy.asarray` does, and that matrix."""
    if isinstance(x, Matrix):
        if x.sparse and x.single:  # what flows as sparse does not know of 32 bits
            return [{"op": "matrix", "width": x.width, "single": True}], replace(x, sparse=False)
        return [], x
    if any(column.type not in ("float", "int", "bool") for column in x.columns):
        raise Unsupported("text goes where numbers are computed with")
    if x.series:
        raise Unsupported("one column is not a matrix")
    whole = bool(x.columns) and all(column.type in ("int", "bool") for column in x.columns)
    # Whole numbers alone become doubles where they are computed with, be they short or long.
    single = not whole and bool(x.columns) and all(column.single for column in x.columns)
    if x.columns and all(column.dtype is not None for column in x.columns):
        single = _is_single(frozenset(column.dtype for column in x.columns))
    return [{"op": "matrix", "width": x.width, "single": single}], Matrix(x.width, single, whole=whole)


@lru_cache(1_000)
def _is_single(dtypes):
    """Whether scikit-learn makes a matrix of 32-bit floats of columns of these types."""
    from sklearn.utils.validation import FLOAT_DTYPES, check_array

    name = check_array(_sample(dtypes), dtype=FLOAT_DTYPES, ensure_all_finite=False).dtype.name
    if name == "float16":
        raise Unsupported("it computes in 16-bit floats")
    return name == "float32"


def _sample(dtypes):
    """A frame with a column of each of these types."""
    import pandas as pd

    def one(dtype):
        return pd.Series([dtype.categories[0] if hasattr(dtype, "categories") else 1], dtype=dtype)

    return pd.DataFrame({str(at): one(dtype) for at, dtype in enumerate(dtypes)})


def array_type(x):
    """The type of the array that `numpy.asarray` makes."""
    if isinstance(x, Matrix):
        return np.dtype("float32" if x.single else "int64" if x.whole else "float64")
    dtypes = frozenset(column.dtype for column in x.columns)
    return np.dtype(float) if None in dtypes else _sample(dtypes).to_numpy().dtype


def checked(x, nan=False, single=False):
    """The same, and the check of an estimator that refuses infinities, and NaN unless `nan`; `single`: it casts to 32 bits."""
    import sklearn

    steps, matrix = as_matrix(x)
    if sklearn.get_config()["assume_finite"]:
        return steps, matrix
    return [*steps, {"op": "check", "nan": nan, "single": single}], matrix


def doubled(x, *fitted):
    """The same, for an estimator that computes in doubles, unless one of `fitted` is of 32 bits, as the rows are then."""
    steps, matrix = checked(x)
    if matrix.single:
        if any(getattr(part, "dtype", None) == np.float32 for part in fitted):
            raise Unsupported("sums of 32-bit numbers")
        steps, matrix = [*steps, {"op": "matrix", "width": matrix.width, "single": False}], replace(matrix, single=False)
    return steps, matrix


def doubles(x, what):
    """Refuses a matrix of 32-bit numbers: `what` sums them in an order that the library does not tell."""
    if x.single:
        raise Unsupported(f"{what} of 32-bit numbers")


def number(value):
    """A finite number, as a header may hold it."""
    if not np.isfinite(value):
        raise Unsupported("a parameter that is not finite")
    return float(value)


def chain(steps, node):
    """`node` behind `steps`."""
    return {"op": "chain", "steps": [*steps, node]} if steps else node


def width_of(estimator, x):
    """Refuses an `x` that `estimator` was not fitted on."""
    fitted = getattr(estimator, "n_features_in_", x.width)
    if fitted != x.width:
        raise Unsupported(f"{type(estimator).__name__} was fitted on {fitted} columns, and gets {x.width}")
    return x.width


def plain_labels(classes):
    """Refuses classes that are not one list of labels."""
    if isinstance(classes, list) or np.ndim(classes) != 1:
        raise Unsupported("it predicts more than one label a row")
    return classes
