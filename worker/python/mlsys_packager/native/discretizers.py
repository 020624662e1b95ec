"""`KBinsDiscretizer` and `Binarizer`."""

import numpy as np

from . import kinds
from .kinds import Matrix, Unsupported

ENCODE = {"ordinal": "place", "onehot-dense": "dense", "onehot": "sparse"}


def export(model, x, writer):
    """A `bins` or a `map`."""
    return _binarizer(model, x) if type(model).__name__ == "Binarizer" else _bins(model, x, writer)


def _bins(model, x, writer):
    steps, matrix = kinds.as_matrix(x)
    width = kinds.width_of(model, matrix)
    single = matrix.single if model.dtype is None else np.dtype(model.dtype) == np.float32
    if single != matrix.single:
        steps = [*steps, {"op": "matrix", "width": width, "single": single}]
    steps = [*steps, {"op": "check", "nan": False, "single": single}]
    edges = [np.asarray(edges, dtype=float)[1:-1] for edges in model.bin_edges_]
    encode = ENCODE[model.encode]
    if encode == "sparse" and single:
        raise Unsupported("KBinsDiscretizer that makes a sparse matrix of 32-bit numbers")
    node = {
        "op": "bins",
        "edges": writer.array(np.concatenate(edges)),
        "sizes": writer.array([len(these) for these in edges], "u4"),
        "encode": encode,
    }
    out = width if encode == "place" else sum(len(these) + 1 for these in edges)
    return kinds.chain(steps, node), Matrix(out, single, sparse=encode == "sparse")


def _binarizer(model, x):
    steps, matrix = kinds.checked(x)
    threshold = model.threshold
    # A number of Python's takes the rows' type; one of numpy's keeps its own.
    if matrix.single and getattr(threshold, "dtype", None) != np.float64:
        threshold = np.float32(threshold)
    node = {"op": "map", "width": kinds.width_of(model, matrix), "do": "above", "by": float(threshold)}
    return kinds.chain(steps, node), matrix
