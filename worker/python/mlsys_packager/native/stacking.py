"""`StackingClassifier` and `StackingRegressor`."""

import numpy as np

from . import kinds, members
from .kinds import Matrix, Says, Unsupported


def export(model, x, writer):
    """A `gather`, and the final estimator behind it."""
    classes = getattr(model, "classes_", None)
    gathered, matrix = transform(model, x, writer)
    final, says = members.said(model.final_estimator_, matrix, writer)
    if classes is not None:
        if not np.array_equal(np.asarray(says.classes), np.arange(len(classes))):
            raise Unsupported("a stack whose final estimator was fitted on other labels")
        says = Says(classes, says.probabilities, says.decision, says.width, says.single)
    return {"op": "chain", "steps": [gathered, final]}, says


def transform(model, x, writer):
    """What it gives as a step among others: the `gather`."""
    classes = getattr(model, "classes_", None)
    if classes is not None:
        kinds.plain_labels(classes)
    parts, all_said = [], []
    for part, method in zip(model.estimators_, model.stack_method_, strict=True):
        node, says = members.said(part, x, writer)
        parts.append((node, [_taken(says, method, classes, writer)]))
        all_said.append(says)
    width = sum(model._n_feature_outs)
    single = members.single(all_said)
    if model.passthrough:
        steps, own = kinds.as_matrix(x)
        if own.sparse:
            raise Unsupported("a stack that passes sparse rows through")
        rows = {"op": "matrix", "width": own.width, "single": own.single}
        parts.append((kinds.chain(steps, rows), [{"of": "transform"}]))
        width, single = width + own.width, single and own.single
    return members.gather(parts), Matrix(width, single)


def _taken(says, method, classes, writer):
    if method == "predict":
        return members.prediction(says, writer)
    if method == "decision_function":
        return members.DECISION
    members.probabilities(says)
    if len(classes) != 2:
        return members.PROBABILITIES
    if len(says.classes) != 2:
        raise Unsupported("a stack of classifiers that were fitted on other labels")
    return members.POSITIVE
