"""Estimators that leave the answer to another one: searches, `FrozenEstimator`, `SelfTrainingClassifier`."""

from . import kinds, registry
from .kinds import Unsupported


def export(model, x, writer):
    """The operator of the estimator inside."""
    if type(model).__name__ != "SelfTrainingClassifier":
        return registry.export(_inside(model), x, writer)
    steps, matrix = kinds.as_matrix(x)
    kinds.width_of(model, matrix)
    node, says = registry.export(model.estimator_, matrix, writer)
    return kinds.chain(steps, node), says


def transform(model, x, writer):
    """The same, as a step among others."""
    return registry.export(_inside(model), x, writer, True)


def _inside(model):
    if type(model).__name__ == "FrozenEstimator":
        return model.estimator
    if not hasattr(model, "best_estimator_"):
        raise Unsupported("a search without a best estimator")
    return model.best_estimator_
