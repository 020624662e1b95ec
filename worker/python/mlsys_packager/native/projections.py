"""Estimators that both predict and transform linearly: the linear discriminant, partial least squares."""

import numpy as np

from . import kinds
from .kinds import Matrix, Says, Unsupported
from .linear import scores


def export(model, x, writer):
    """A `split`: one `linear` predicts, another one transforms."""
    if type(model).__name__ == "LinearDiscriminantAnalysis":
        return _discriminant(model, x, writer)
    return _least_squares(model, x, writer)


def _discriminant(model, x, writer):
    steps, matrix = kinds.doubled(x, model.coef_)
    width, classes = kinds.width_of(model, matrix), kinds.plain_labels(model.classes_)
    says = "logistic" if len(classes) == 2 else "softmax"
    node = {"op": "split", "answer": scores(width, model.coef_, model.intercept_, says, writer)}
    projected = None
    if model.solver != "lsqr":
        axes = model.scalings_[:, : model._max_components]
        node["transform"] = _behind(width, [("subtract", model.xbar_)] if model.solver == "svd" else [], axes, writer)
        projected = Matrix(axes.shape[1])
    return kinds.chain(steps, node), Says(classes, probabilities=True, decision=True, transformed=projected)


def _least_squares(model, x, writer):
    steps, matrix = kinds.checked(x)
    if matrix.single:
        raise Unsupported("partial least squares of 32-bit numbers")
    width, mean = kinds.width_of(model, matrix), ("subtract", model._x_mean)
    node = {
        "op": "split",
        "answer": _behind(width, [mean], model.coef_.T, writer, model.intercept_),
        "transform": _behind(width, [mean, ("divide", model._x_std)], model.x_rotations_, writer),
    }
    return kinds.chain(steps, node), Says(width=len(model.coef_), transformed=Matrix(model.x_rotations_.shape[1]))


def _behind(width, does, axes, writer, intercepts=0.0):
    """Rows times `axes`, `[features, outputs]`, after they have been scaled."""
    linear = scores(width, np.asarray(axes).T, intercepts, "values", writer)
    if not does:
        return linear
    does = [{"do": do, "by": writer.array(np.broadcast_to(by, (width,)))} for do, by in does]
    return {"op": "chain", "steps": [{"op": "scale", "width": width, "steps": does}, linear]}
