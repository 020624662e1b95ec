"""`FixedThresholdClassifier` and `TunedThresholdClassifierCV`."""

import numpy as np

from . import kinds, members
from .kinds import Says, Unsupported


def export(model, x, writer):
    """A `threshold`."""
    inner = model.estimator_ if hasattr(model, "estimator_") else model.estimator
    node, says = members.said(inner, x, writer)
    classes = np.asarray(kinds.plain_labels(says.classes))
    if len(classes) != 2 or (classes.dtype.kind == "f" and (classes % 1 != 0).any()):
        raise Unsupported("a threshold between more than two classes, or between fractions")
    if hasattr(model, "best_threshold_"):
        label, threshold = model._curve_scorer._get_pos_label(), model.best_threshold_
    else:
        label, threshold = model.pos_label, model.threshold
    place = 1 if label is None else int(np.flatnonzero(classes == label)[0])
    methods = model._get_response_method()
    decides = methods == "decision_function" or not hasattr(inner, "predict_proba")
    if not decides:
        members.probabilities(says)
    if isinstance(threshold, str):
        threshold = 0.0 if decides else 0.5
    if says.single and not isinstance(threshold, np.float64):
        threshold = np.float32(threshold)
    node = {
        "op": "threshold",
        "then": node,
        "column": None if decides else place,
        "negated": decides and place == 0,
        "threshold": writer.array([threshold]),
        "below": 1 - place,
        "above": place,
    }
    return node, Says(says.classes, says.probabilities, says.decision, says.width, single=says.single)
