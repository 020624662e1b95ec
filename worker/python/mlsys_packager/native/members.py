"""Estimators inside another one, and which of their answers the outer one computes with: `crates/native/src/ops/member.rs`."""

import numpy as np

from . import kinds, registry
from .kinds import Matrix, Says, Unsupported

PROBABILITIES = {"of": "probabilities"}
DECISION = {"of": "decision"}
POSITIVE = {"of": "probabilities", "column": 1}


def said(estimator, x, writer):
    """The operator of an estimator inside another one, and what it says."""
    node, says = registry.export(estimator, x, writer)
    if not isinstance(says, Says):
        raise Unsupported(f"{type(estimator).__name__} is a transformer where an estimator must be")
    if says.classes is not None:
        kinds.plain_labels(says.classes)
    return node, says


def prediction(says, writer):
    """What `predict` says as a number: a label must be one."""
    if says.classes is None:
        return {"of": "prediction"}
    labels = np.asarray(says.classes)
    if labels.dtype.kind not in "biuf":
        raise Unsupported("another estimator computes with labels that are text")
    return {"of": "prediction", "labels": writer.array(labels)}


def probabilities(says, width=None):
    """What `predict_proba` says, of `width` classes."""
    if not says.probabilities or (width is not None and len(says.classes) != width):
        raise Unsupported("an estimator without the probabilities that another one computes with")
    return PROBABILITIES


def score(estimator, says, writer):
    """What `sklearn.multiclass._predict_binary` takes of a binary estimator."""
    if says.classes is None:
        return prediction(says, writer)
    if len(says.classes) != 2:
        raise Unsupported("a binary estimator that was fitted on another number of classes")
    if hasattr(estimator, "decision_function"):
        return DECISION
    probabilities(says)
    return POSITIVE


def gather(members):
    """A `gather` of `(operator, what is taken of it)`."""
    return {"op": "gather", "members": [{"then": node, "takes": takes} for node, takes in members]}


def single(all_said):
    """Whether what is gathered are numbers of 32 bits."""
    return bool(all_said) and all(says.single for says in all_said)


def wanted(takes):
    """Places of several answers among what is gathered of one estimator, each answer once."""
    unique = [take for at, take in enumerate(takes) if take not in takes[:at]]
    return unique, [unique.index(take) for take in takes]


def matrix(width, all_said):
    """What a `gather` of these estimators gives."""
    return Matrix(width, single(all_said))
