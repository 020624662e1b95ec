"""`StandardScaler`."""

from . import kinds


def export(scaler, x, writer):
    """A `scale`."""
    steps, matrix = kinds.checked(x, nan=True)
    kinds.width_of(scaler, matrix)
    does = []
    if scaler.with_mean:
        does.append({"do": "subtract", "by": writer.array(scaler.mean_)})
    if scaler.with_std:
        does.append({"do": "divide", "by": writer.array(scaler.scale_)})
    return kinds.chain(steps, {"op": "scale", "width": matrix.width, "steps": does}), matrix
