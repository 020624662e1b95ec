"""`IsotonicRegression`."""

import numpy as np

from . import kinds
from .kinds import Says, Unsupported

OUTSIDE = {"nan": "nan", "clip": "nearest", "raise": "refused"}


def export(model, x, writer):
    """An `interpolate`."""
    steps, matrix = kinds.checked(x)
    if matrix.width != 1 or matrix.sparse:
        raise Unsupported("IsotonicRegression of several columns")
    if model.X_thresholds_.dtype != np.float64:
        raise Unsupported("IsotonicRegression that was fitted on 32-bit numbers")
    node = {
        "op": "interpolate",
        "at": writer.array(model.X_thresholds_),
        "values": writer.array(model.y_thresholds_),
        "outside": OUTSIDE[model.out_of_bounds],
    }
    # The numbers become doubles first.
    steps = [*steps, {"op": "matrix", "width": 1, "single": False}]
    return kinds.chain(steps, node), Says()
