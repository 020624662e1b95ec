"""Naive Bayes."""

import numpy as np

from . import kinds
from .gaussians import gaussians
from .kinds import Says, Unsupported
from .linear import scores


def export(model, x, writer):
    """What the class's own exporter answers; all of them predict the likeliest class."""
    classes = kinds.plain_labels(model.classes_)
    steps, node = EXPORTERS[type(model).__name__](model, x, writer)
    return kinds.chain(steps, node), Says(classes, probabilities=True)


def _gaussian(model, x, writer):
    steps, matrix = kinds.doubled(x, model.theta_)
    width = kinds.width_of(model, matrix)
    constants = np.log(model.class_prior_) + np.array([-0.5 * np.sum(np.log(2.0 * np.pi * var)) for var in model.var_])
    form = {"form": "scaled", "centers": model.theta_, "variances": model.var_}
    return steps, gaussians(width, form, constants, writer)


def _linear(model, x, writer):
    logs, priors, above = model.feature_log_prob_, model.class_log_prior_, None
    if type(model).__name__ == "ComplementNB" and len(model.classes_) > 1:
        priors = 0.0
    if type(model).__name__ == "BernoulliNB":
        above = model.binarize
        not_there = np.log(1 - np.exp(logs))
        logs, priors = logs - not_there, priors + not_there.sum(axis=1)
    if not np.isfinite(logs).all():
        raise Unsupported("a probability of zero")  # the sums would be of other infinities
    if len(model.classes_) == 1:
        raise Unsupported("one class only")
    steps, matrix = kinds.doubled(x, logs)
    return steps, scores(kinds.width_of(model, matrix), logs, priors, "posterior", writer, above)


def _categorical(model, x, writer):
    steps, matrix = kinds.doubled(x)
    if matrix.sparse:
        raise Unsupported("CategoricalNB of a sparse matrix")
    kinds.width_of(model, matrix)
    columns = [{"logs": writer.array(logs.T)} for logs in model.feature_log_prob_]
    return steps, {"op": "categorical", "columns": columns, "priors": writer.array(model.class_log_prior_)}


EXPORTERS = {
    "BernoulliNB": _linear,
    "CategoricalNB": _categorical,
    "ComplementNB": _linear,
    "GaussianNB": _gaussian,
    "MultinomialNB": _linear,
}
