"""Decision trees, and the forests that are means of them."""

import numpy as np

from . import kinds
from .kinds import Says, Unsupported


def export(model, x, writer):
    """A `forest`."""
    if model.n_outputs_ != 1:
        raise Unsupported("trees with several outputs")
    trees = [part.tree_ for part in getattr(model, "estimators_", [model])]
    steps, matrix = kinds.checked(x, nan=True, single=True)
    width = kinds.width_of(model, matrix)
    classes = getattr(model, "classes_", None)
    if classes is not None:
        kinds.plain_labels(classes)
    node = {
        "op": "forest",
        "features": width,
        "outputs": 1 if classes is None else len(classes),
        "classifies": classes is not None,
        "sizes": writer.array([tree.node_count for tree in trees], "u4"),
        "feature": writer.array(np.concatenate([tree.feature for tree in trees]), "i4"),
        "threshold": writer.array(np.concatenate([tree.threshold for tree in trees])),
        "left": writer.array(np.concatenate([tree.children_left for tree in trees]), "i4"),
        "right": writer.array(np.concatenate([tree.children_right for tree in trees]), "i4"),
        "missing_left": writer.array(np.concatenate([tree.missing_go_to_left for tree in trees]), "u1"),
        "values": writer.array(np.concatenate([tree.value[tree.children_left < 0, 0, :] for tree in trees])),
    }
    return kinds.chain(steps, node), Says(classes, probabilities=classes is not None)
