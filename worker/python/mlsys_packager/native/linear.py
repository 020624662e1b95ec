"""Linear models."""

import numpy as np

from . import kinds
from .kinds import Says


def export(model, x, writer):
    """A `linear`."""
    steps, matrix = kinds.checked(x)
    width = kinds.width_of(model, matrix)
    coefficients = np.atleast_2d(model.coef_)
    outputs = len(coefficients)
    intercepts = np.broadcast_to(np.asarray(model.intercept_, dtype=float), (outputs,))
    classes = getattr(model, "classes_", None)
    says = "values"
    if classes is not None:
        kinds.plain_labels(classes)
        says = "softmax" if outputs > 1 else "logistic"
    node = {
        "op": "linear",
        "features": width,
        "coefficients": writer.array(coefficients),
        "intercepts": writer.array(intercepts),
        "says": says,
    }
    return kinds.chain(steps, node), Says(classes, probabilities=classes is not None, width=outputs)
