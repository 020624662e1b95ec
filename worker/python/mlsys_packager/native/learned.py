"""Transformers that learn how to put columns together: `FeatureAgglomeration`, `NeighborhoodComponentsAnalysis`."""

import numpy as np

from . import kinds, members
from .kinds import Matrix, Unsupported


def export(model, x, writer):
    """A `pool`, or a `linear` that is taken for a matrix."""
    steps, matrix = kinds.checked(x)
    width = kinds.width_of(model, matrix)
    if matrix.sparse or matrix.single:
        raise Unsupported(f"{type(model).__name__} of a sparse matrix, or of numbers of 32 bits")
    if hasattr(model, "pooling_func"):
        if model.pooling_func is not np.mean:
            raise Unsupported("FeatureAgglomeration by another function than the mean")
        return kinds.chain(steps, {"op": "pool", "clusters": writer.array(model.labels_, "u4")}), Matrix(
            int(max(model.labels_)) + 1
        )
    components = np.asarray(model.components_, dtype=float)
    linear = {
        "op": "linear",
        "features": width,
        "coefficients": writer.array(components),
        "intercepts": writer.array(np.zeros(len(components))),
        "says": "values",
    }
    return kinds.chain(steps, members.gather([(linear, [{"of": "prediction"}])])), Matrix(len(components))
