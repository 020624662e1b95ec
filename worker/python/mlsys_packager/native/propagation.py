"""`LabelPropagation` and `LabelSpreading`."""

import numpy as np

from . import kinds
from .kinds import Says, Unsupported


def export(model, x, writer):
    """A `propagate`."""
    if model.kernel != "rbf":
        raise Unsupported(f"{type(model).__name__} by another kernel than rbf")
    steps, matrix = kinds.checked(x)
    width = kinds.width_of(model, matrix)
    fitted = np.asarray(model.X_)
    if matrix.sparse or matrix.single or fitted.dtype == np.float32 or not isinstance(model.X_, np.ndarray):
        raise Unsupported(f"{type(model).__name__} of a sparse matrix, or of numbers of 32 bits")
    node = {
        "op": "propagate",
        "features": width,
        "classes": len(kinds.plain_labels(model.classes_)),
        "gamma": float(model.gamma),
        "rows": writer.array(fitted),
        "shares": writer.array(model.label_distributions_),
    }
    return kinds.chain(steps, node), Says(model.classes_, probabilities=True)
