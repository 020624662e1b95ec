"""`FunctionTransformer` of functions that are known: of nothing, and of numpy's and scipy's own."""

import numpy as np

from . import kinds
from .kinds import Matrix, Table, Unsupported

# Those whose 32-bit results are the rounded 64-bit ones; all of them leave whole numbers whole.
EXACT = ("abs", "ceil", "floor", "negative", "rint", "sign", "square")
# Those that wrap around at the end of a type, or divide without a rest, where the numbers are whole.
WRAPPING = ("abs", "negative", "reciprocal", "square", "exp2")
# Those that scipy knows of a sparse matrix, and whose zero is zero.
SPARSE = ("abs", "ceil", "expm1", "floor", "log1p", "rint", "sign", "sin", "sqrt", "tan", "tanh")


def _known():
    known = {
        name: getattr(np, name)
        for name in (*EXACT, "arctan", "cbrt", "cos", "degrees", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2")
    }
    return known | {
        name: getattr(np, name) for name in ("radians", "reciprocal", "sin", "sqrt", "tan", "tanh", "nan_to_num")
    }


ALSO = {"rad2deg": "degrees", "deg2rad": "radians", "fabs": "abs", "absolute": "abs"}


def name_of(function):
    """The name of a known function, or `None`."""
    for name, known in _known().items():
        if function is known:
            return name
    for name, same in ALSO.items():
        if function is getattr(np, name):
            return same
    from scipy import special

    for name in ("cbrt", "exp2", "expm1", "log1p"):
        if function is getattr(special, name):
            return name
    return "logistic" if function is special.expit else None


def export(model, x, writer):
    """A `map`; of no function, a `take` of everything."""
    del writer
    if model.kw_args:
        raise Unsupported("FunctionTransformer with arguments")
    if model.func is None:
        steps, out = kinds.checked(x) if model.validate else ([], x)
        return kinds.chain(steps, {"op": "take", "width": out.width, "columns": list(range(out.width))}), out
    name = name_of(model.func)
    if name is None:
        raise Unsupported("FunctionTransformer of a function that is not numpy's")
    _check_types(name, x)
    steps, matrix = kinds.checked(x) if model.validate else kinds.as_matrix(x)
    kinds.width_of(model, matrix)
    if matrix.sparse and name not in SPARSE:
        raise Unsupported(f"FunctionTransformer of {name} and a sparse matrix")
    if matrix.single and name not in (*EXACT, "sqrt", "reciprocal"):
        raise Unsupported(f"FunctionTransformer of {name} and 32-bit numbers")
    whole = matrix.whole and name in EXACT
    return kinds.chain(steps, {"op": "map", "width": matrix.width, "do": name}), Matrix(
        matrix.width, matrix.single, matrix.sparse, whole
    )


def _check_types(name, x):
    """Each column of a table is computed in its own type."""
    if isinstance(x, Matrix):
        if x.whole and name in WRAPPING:
            raise Unsupported(f"FunctionTransformer of {name} and whole numbers")
        return
    assert isinstance(x, Table)
    if any(column.type == "bool" for column in x.columns):
        raise Unsupported("FunctionTransformer of truths")
    if any(column.type == "int" for column in x.columns) and name in WRAPPING:
        raise Unsupported(f"FunctionTransformer of {name} and whole numbers")
    short = {column.single for column in x.columns}
    if len(short) > 1 or (True in short and any(column.type == "int" for column in x.columns)):
        raise Unsupported("FunctionTransformer of 32-bit and other numbers")
