"""`VotingClassifier` and `VotingRegressor`."""

import numpy as np

from . import kinds, members
from .kinds import Matrix, Says, Unsupported


def export(model, x, writer):
    """A `gather`, and an `average` or a `vote` behind it."""
    gathered, _, all_said = _gathered(model, x, writer)
    weights = model._weights_not_none
    single = members.single(all_said) and weights is None
    if not hasattr(model, "voting"):
        says = Says(single=single)
        return kinds.chain([gathered], average(len(all_said), 1, weights, says, writer)), says
    classes = model.classes_
    if model.voting == "soft":
        says = Says(classes, probabilities=True, single=single)
        return kinds.chain([gathered], average(len(all_said), len(classes), weights, says, writer)), says
    weights = np.ones(len(all_said)) if weights is None else np.asarray(weights, dtype=float)
    if not (weights > 0).all():
        raise Unsupported("votes that count nothing")
    vote = {"op": "vote", "classes": len(classes), "weights": writer.array(weights)}
    return kinds.chain([gathered], vote), Says(classes)


def transform(model, x, writer):
    """What it gives as a step among others: the `gather`."""
    if not getattr(model, "flatten_transform", True) and model.voting == "soft":
        raise Unsupported("VotingClassifier that transforms into three dimensions")
    gathered, width, all_said = _gathered(model, x, writer)
    return gathered, Matrix(width, members.single(all_said))


def _gathered(model, x, writer):
    """What is gathered of the members, of how many columns, and what the members say."""
    said = [members.said(part, x, writer) for part in model.estimators_]
    all_said = [says for _, says in said]
    columns = 1
    if not hasattr(model, "voting"):
        if any(says.classes is not None or says.width != 1 for says in all_said):
            raise Unsupported("a vote of regressors that predict something else than one number")
    else:
        classes = kinds.plain_labels(model.classes_)
        if any(says.classes is None or not _are_places(says.classes, len(classes)) for says in all_said):
            raise Unsupported("a vote of classifiers that were fitted on other labels")
        if model.voting == "soft":
            columns = len(classes)
            takes = [members.probabilities(says, columns) for says in all_said]
    if columns == 1:
        takes = [members.prediction(says, writer) for says in all_said]
    gathered = members.gather([(node, [take]) for (node, _), take in zip(said, takes, strict=True)])
    return gathered, columns * len(said), all_said


def _are_places(labels, count):
    return np.array_equal(np.asarray(labels), np.arange(count))


def average(parts, width, weights, says, writer):
    """An `average` of so many parts of so many columns."""
    if weights is not None:
        weights = np.asanyarray(weights)
        if weights.dtype.kind not in "iu" and weights.dtype != np.float64:
            raise Unsupported(f"weights that are {weights.dtype}")
        weights = writer.array([*weights, np.sum(weights, dtype=float)])
    return {"op": "average", "width": width, "parts": parts, "weights": weights, "classifies": says.classes is not None}
