"""Linear models, for numbers and for classes."""

import numpy as np

from . import kinds, labels, registry
from .kinds import Says, Unsupported

LINKS = {"IdentityLink": "values", "LogLink": "exp", "LogitLink": "logit"}
INLIERS = np.array([-1, 1])


def export(model, x, writer):
    """A `linear`."""
    if hasattr(model, "estimator_"):  # of a RANSACRegressor, which hands on what it gets
        return registry.export(model.estimator_, x, writer)
    intercept = -model.offset_ if type(model).__name__ == "SGDOneClassSVM" else model.intercept_
    steps, matrix = kinds.doubled(x, model.coef_)
    binarizer = getattr(model, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_ == "multilabel-indicator" and not binarizer.sparse_input_:
        node = scores(kinds.width_of(model, matrix), model.coef_, intercept, "values", writer)
        return labels.above([*steps, node], 0.0, range(len(model.coef_)), decides=True)
    classes, says = _says(model)
    node = scores(kinds.width_of(model, matrix), model.coef_, intercept, says, writer)
    return kinds.chain(steps, node), _said(model, classes, np.atleast_2d(model.coef_))


def scores(features, coefficients, intercepts, says, writer, above=None):
    """The operator itself. `coefficients`: `[outputs, features]`, or those of one output."""
    coefficients = np.atleast_2d(np.asarray(coefficients, dtype=float))
    if coefficients.shape[1] != features:
        raise Unsupported("coefficients of another number of columns")
    intercepts = np.broadcast_to(np.asarray(intercepts, dtype=float), (len(coefficients),))
    node = {"op": "linear", "features": features, "says": says}
    node.update(coefficients=writer.array(coefficients), intercepts=writer.array(intercepts))
    return node if above is None else {**node, "above": kinds.number(above)}


def _says(model):
    """The classes, and what is made of the scores."""
    if type(model).__name__ == "SGDOneClassSVM":
        return INLIERS, "inliers"
    classes = getattr(model, "classes_", None)
    if classes is None:
        link = getattr(getattr(model, "_base_loss", None), "link", None)
        says = "values" if link is None else LINKS.get(type(link).__name__)
        if says is None:
            raise Unsupported(f"a {type(link).__name__}")
        return None, says
    binarizer = getattr(model, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        raise Unsupported("it predicts more than one label a row")
    kinds.plain_labels(classes)
    if not hasattr(model, "predict_proba"):
        return classes, "classes"
    if getattr(model, "loss", None) in ("log_loss", "modified_huber"):
        return classes, "logistic" if model.loss == "log_loss" else "huber"
    return classes, "softmax" if len(classes) > 2 else "logistic"


def _said(model, classes, coefficients):
    if classes is None:
        return Says(width=len(coefficients))
    if len(coefficients) != (1 if len(classes) == 2 else len(classes)):
        raise Unsupported("another number of scores than of classes")
    probabilities = hasattr(model, "predict_proba")
    return Says(classes, probabilities=probabilities, decision=hasattr(model, "decision_function"))
