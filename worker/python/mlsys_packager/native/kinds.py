"""What flows between operators, as far as an exporter must know it."""

from dataclasses import dataclass, replace

import numpy as np


class Unsupported(Exception):
    """An estimator, or a way of using it, that has no native form; the text says which."""


@dataclass(frozen=True)
class Kind:
    """One column of a table.

    `type`: `float`, `int`, `bool` or `text`. `single`: its numbers are of 32 bits. `gap`: what the estimator sees where a value
    is missing, `nan`, `none` or `na` (pandas' own); what a client's `null` becomes.
    """

    type: str
    single: bool = False
    gap: str = "nan"


@dataclass(frozen=True)
class Table:
    """Columns of their own types."""

    columns: tuple

    @property
    def width(self):
        """How many columns there are."""
        return len(self.columns)

    def take(self, places):
        """Some columns, in an order."""
        return Table(tuple(self.columns[at] for at in places))


@dataclass(frozen=True)
class Matrix:
    """Numbers. `single`: of 32 bits. `sparse`: most of them are zero."""

    width: int
    single: bool = False
    sparse: bool = False

    def take(self, places):
        """Some columns, in an order."""
        return replace(self, width=len(places))


@dataclass(frozen=True)
class Says:
    """What an estimator says. `classes`: those whose places it predicts; `None` for numbers, `width` of them a row.

    `transformed`: what comes out of it where it is a step among others, if it transforms, too.
    """

    classes: object = None
    probabilities: bool = False
    decision: bool = False
    width: int = 1
    transformed: object = None


def as_matrix(x):
    """The steps that make `x` a matrix as `numpy.asarray` does, and that matrix."""
    if isinstance(x, Matrix):
        return [], x
    if any(column.type == "text" for column in x.columns):
        raise Unsupported("text goes where numbers are computed with")
    single = bool(x.columns) and all(column.single for column in x.columns)
    return [{"op": "matrix", "width": x.width, "single": single}], Matrix(x.width, single)


def checked(x, nan=False, single=False):
    """The same, and the check of an estimator that refuses infinities, and NaN unless `nan`; `single`: it casts to 32 bits."""
    steps, matrix = as_matrix(x)
    return [*steps, {"op": "check", "nan": nan, "single": single}], matrix


def doubled(x, *fitted):
    """The same, for an estimator that computes in doubles, unless one of `fitted` is of 32 bits, as the rows are then."""
    steps, matrix = checked(x)
    if matrix.single:
        if any(getattr(part, "dtype", None) == np.float32 for part in fitted):
            raise Unsupported("sums of 32-bit numbers")
        steps, matrix = [*steps, {"op": "matrix", "width": matrix.width, "single": False}], replace(matrix, single=False)
    return steps, matrix


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
