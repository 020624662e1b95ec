"""Decision trees, the forests that are means of them, and the embedding that says which leaves are reached."""

import numpy as np

from . import kinds, labels, trees
from .kinds import Matrix, Says, Unsupported


def export(model, x, writer):
    """The mean of the trees, or which leaves are reached."""
    found = [part.tree_ for part in getattr(model, "estimators_", [model])]
    steps, matrix = kinds.checked(x, nan=takes_missing(model, x), single=True)
    width = kinds.width_of(model, matrix)
    made = [trees.sklearn_tree(tree) for tree in found]
    if hasattr(model, "one_hot_encoder_"):
        return _embedding(model, steps, width, made, writer)
    classes = getattr(model, "classes_", None)
    if labels.are_several(classes):
        return labels.largest([*steps, _shares(writer, width, found, made, classes)], classes, writer)
    if classes is not None:
        kinds.plain_labels(classes)
    node = mean(writer, width, found, made, classes, one=found[0] is getattr(model, "tree_", None))
    return kinds.chain(steps, node), Says(classes, probabilities=classes is not None, width=model.n_outputs_)


def mean(writer, width, found, made, classes, one=False):
    """The mean of `found`, which `made` are of; of `one` tree, that itself."""
    values = [tree.value[tree.children_left < 0] for tree in found]
    values = [value[:, :, 0] if classes is None else value[:, 0, :] for value in values]
    options = {} if one else {"divide": len(found)}
    node = trees.node(writer, width, made, values, start=[0.0] * values[0].shape[1], single=True, **options)
    if classes is None:
        return trees.scores(node)
    return trees.scores(node, labels="most_probable", probabilities=True, pair=False)


def _shares(writer, width, found, made, classes):
    """Of several outputs, the shares of their classes side by side."""
    values = []
    for tree in found:
        leaves = tree.value[tree.children_left < 0]
        values.append(np.concatenate([leaves[:, at, : len(one)] for at, one in enumerate(classes)], axis=1))
    start = [0.0] * values[0].shape[1]
    return trees.node(writer, width, made, values, start=start, single=True, divide=len(found))


def takes_missing(model, x):
    """Whether NaN may pass."""
    first = getattr(model, "estimators_", [model])[0]
    return not getattr(x, "sparse", False) and bool(first._support_missing_values(np.zeros((1, 1))))


def _embedding(model, steps, width, made, writer):
    for tree, known in zip(made, model.one_hot_encoder_.categories_, strict=True):
        if not np.array_equal(np.flatnonzero(tree["left"] < 0), known):
            raise Unsupported("RandomTreesEmbedding with leaves that no row reached")
    node = trees.node(writer, width, made, [], start=[], single=True, one_hot=True)
    sparse = bool(model.sparse_output)
    leaves = sum(len(known) for known in model.one_hot_encoder_.categories_)
    if not sparse:
        node = {"op": "join", "parts": [{"columns": None, "then": node}], "sparse": False}
    return kinds.chain(steps, node), Matrix(leaves, sparse=sparse)
