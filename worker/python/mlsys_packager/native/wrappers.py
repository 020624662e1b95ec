"""Estimators that leave the answer to another one: searches, `FrozenEstimator`, `SelfTrainingClassifier`."""

from . import kinds, registry
from .kinds import Unsupported


def export(model, x, writer):
    """The operator of the estimator inside."""
    kind = type(model).__name__
    if kind == "FrozenEstimator":
        return registry.export(model.estimator, x, writer)
    if kind == "SelfTrainingClassifier":
        steps, matrix = kinds.as_matrix(x)
        kinds.width_of(model, matrix)
        node, says = registry.export(model.estimator_, matrix, writer)
        return kinds.chain(steps, node), says
    if not hasattr(model, "best_estimator_"):
        raise Unsupported("a search without a best estimator")
    return registry.export(model.best_estimator_, x, writer)
