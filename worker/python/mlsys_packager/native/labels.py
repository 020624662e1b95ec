"""Several labels a row: the operator `labels`, and the one list of what its places stand for.

What such an estimator says has a list of classes for each output: `kinds.Says.classes` is a list of arrays.
"""

import numpy as np

from . import kinds, members
from .kinds import Says, Unsupported

KINDS = (str, bool, int, float, np.bool_, np.number)


def are_several(classes):
    """Whether these are the classes of several outputs."""
    return isinstance(classes, list)


def union(classes):
    """Every class of several outputs once, in their order: its key, and its place. 1 and True are two."""
    places = {}
    for one in classes:
        if one.dtype.kind not in "biufUO" or not all(isinstance(label, KINDS) for label in one.tolist()):
            raise Unsupported("several labels a row that are neither text nor numbers nor truths")
        for label in one.tolist():
            places.setdefault(key(label), len(places))
    return places


def key(label):
    """What tells a label from others."""
    return type(label), label


def of_each(said, writer):
    """A `gather` of classifiers, one for each output, and the labels of their places."""
    if any(says.classes is None for _, says in said):
        raise Unsupported("several outputs that are no classes")
    classes = [np.asarray(says.classes) for _, says in said]
    places = union(classes)
    parts = []
    for (node, _), one in zip(said, classes, strict=True):
        own = writer.array([places[key(label)] for label in one.tolist()])
        parts.append((node, [{"of": "prediction", "labels": own}]))
    node = {"op": "labels", "by": "place", "width": len(parts)}
    return kinds.chain([members.gather(parts)], node), Says(classes, width=len(parts))


def largest(steps, classes, writer):
    """Of each output, the class of its first largest number: `steps` give one for each of its classes, output after output."""
    places = union(classes)
    of_columns = [places[key(label)] for one in classes for label in one.tolist()]
    node = {
        "op": "labels",
        "by": "largest",
        "width": len(of_columns),
        "sizes": writer.array([len(one) for one in classes], "u4"),
        "places": writer.array(of_columns, "u4"),
    }
    return kinds.chain(steps, node), Says(classes, width=len(classes))


def above(steps, threshold, scores, width=None, positives=(), decides=False):
    """Of each output, whether its score is above a threshold, 0 or 1. `scores` and `positives`: the columns of what `steps` give, so
    many, that are an output's score and its probability."""
    node = {
        "op": "labels",
        "by": "threshold",
        "width": width or len(scores),
        "scores": list(scores),
        "positives": list(positives),
        "threshold": threshold,
        "decides": decides,
    }
    classes = [np.array([0, 1])] * len(scores)
    return kinds.chain(steps, node), Says(classes, bool(positives), decides, len(scores))
