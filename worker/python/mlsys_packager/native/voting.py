"""`VotingClassifier` and `VotingRegressor`."""

import numpy as np

from . import kinds, members
from .kinds import Says, Unsupported


def export(model, x, writer):
    """A `gather`, and an `average` or a `vote` behind it."""
    said = [members.said(part, x, writer) for part in model.estimators_]
    weights = model._weights_not_none
    if not hasattr(model, "voting"):
        if any(says.classes is not None or says.width != 1 for _, says in said):
            raise Unsupported("a vote of regressors that predict something else than one number")
        takes = [members.prediction(says, writer) for _, says in said]
        return _mean(said, takes, 1, weights, Says(single=members.single([s for _, s in said]) and weights is None), writer)
    classes = kinds.plain_labels(model.classes_)
    if any(says.classes is None or not _are_places(says.classes, len(classes)) for _, says in said):
        raise Unsupported("a vote of classifiers that were fitted on other labels")
    if model.voting == "soft":
        takes = [members.probabilities(says, len(classes)) for _, says in said]
        single = members.single([says for _, says in said]) and weights is None
        return _mean(said, takes, len(classes), weights, Says(classes, probabilities=True, single=single), writer)
    weights = np.ones(len(said)) if weights is None else np.asarray(weights, dtype=float)
    if not (weights > 0).all():
        raise Unsupported("votes that count nothing")
    votes = members.gather([(node, [members.prediction(says, writer)]) for node, says in said])
    vote = {"op": "vote", "classes": len(classes), "weights": writer.array(weights)}
    return kinds.chain([votes], vote), Says(classes)


def _are_places(labels, count):
    return np.array_equal(np.asarray(labels), np.arange(count))


def _mean(said, takes, width, weights, says, writer):
    gathered = members.gather([(node, [take]) for (node, _), take in zip(said, takes, strict=True)])
    return kinds.chain([gathered], average(len(said), width, weights, says, writer)), says


def average(parts, width, weights, says, writer):
    """An `average` of so many parts of so many columns."""
    if weights is not None:
        weights = np.asanyarray(weights)
        if weights.dtype.kind not in "iu" and weights.dtype != np.float64:
            raise Unsupported(f"weights that are {weights.dtype}")
        weights = writer.array([*weights, np.sum(weights, dtype=float)])
    return {"op": "average", "width": width, "parts": parts, "weights": weights, "classifies": says.classes is not None}
