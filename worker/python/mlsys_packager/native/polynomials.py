"""`PolynomialFeatures` and `SplineTransformer`."""

from itertools import combinations, combinations_with_replacement

import numpy as np

from . import kinds
from .kinds import Matrix, Unsupported

LARGEST = 100_000
BEYOND = {"error": "refused", "continue": "continued", "periodic": "periodic", "constant": "constant", "linear": "linear"}


def export(model, x, writer):
    """A `polynomial` or a `spline`."""
    return _polynomial(model, x, writer) if type(model).__name__ == "PolynomialFeatures" else _spline(model, x, writer)


def _polynomial(model, x, writer):
    steps, matrix = kinds.checked(x)
    features = kinds.width_of(model, matrix)
    if model._n_out_full > LARGEST:
        raise Unsupported(f"PolynomialFeatures of more than {LARGEST} products")
    some = combinations if model.interaction_only else combinations_with_replacement
    places, times, columns, skip = {(): -1}, [], [], 0
    for degree in range(1, model._max_degree + 1):
        for chosen in some(range(features), degree):
            places[chosen] = len(times)
            times.append(places[chosen[1:]])
            columns.append(chosen[0])
            skip += degree < model._min_degree
    node = {
        "op": "polynomial",
        "features": features,
        "bias": bool(model.include_bias),
        "times": writer.array(times, "i4"),
        "columns": writer.array(columns, "u4"),
        "skip": skip,
    }
    width = len(times) - skip + bool(model.include_bias)
    return kinds.chain(steps, node), Matrix(width, matrix.single, matrix.sparse)


def _spline(model, x, writer):
    zeros = getattr(model, "handle_missing", "error") == "zeros"
    steps, matrix = kinds.as_matrix(x) if zeros else kinds.checked(x)
    features = kinds.width_of(model, matrix)
    degree, beyond = int(model.degree), BEYOND[model.extrapolation]
    if model.sparse_output and beyond == "periodic" and degree == 0:
        raise Unsupported("SplineTransformer of degree 0 that is periodic and sparse")
    if beyond == "constant" and degree == 0:
        raise Unsupported("SplineTransformer of degree 0 that is constant beyond its knots")
    count = int(model.bsplines_[0].c.shape[1])
    columns, edge = [], degree
    for spline in model.bsplines_:
        column = {"knots": writer.array(spline.t)}
        if beyond in ("constant", "linear"):
            low, high = spline.t[edge], spline.t[-edge - 1]
            column |= {
                "edge": edge,
                "at_low": writer.array(spline(low)),
                "at_high": writer.array(spline(high)),
                "low_slope": writer.array(spline(low, nu=1)),
                "high_slope": writer.array(spline(high, nu=1)),
            }
            # As the library has it, each column of a low degree moves the edge of those behind it.
            edge += beyond == "linear" and edge <= 1
            column["reach"] = edge
            if low > high or edge > count:
                raise Unsupported("SplineTransformer of a low degree and few knots")
        columns.append(column)
    kept = count - (not model.include_bias)
    node = {
        "op": "spline",
        "degree": degree,
        # A periodic one has as many coefficients more as its degree; they are the first ones again.
        "count": count,
        "kept": kept,
        "beyond": beyond,
        "columns": columns,
        "sparse": bool(model.sparse_output),
    }
    if any(not np.isfinite(spline.t).all() or (np.diff(spline.t) < 0).any() for spline in model.bsplines_):
        raise Unsupported("SplineTransformer with knots that do not ascend")
    out = Matrix(features * kept, matrix.single and not model.sparse_output, bool(model.sparse_output))
    return kinds.chain(steps, node), out
