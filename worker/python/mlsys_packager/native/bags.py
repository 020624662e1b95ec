"""Bags of estimators: `Bagging…`, `AdaBoost…` and `IsolationForest`. Bags of trees become `trees`, others a `poll`."""

import numpy as np

from . import forests, kinds, registry, trees
from .kinds import Says, Unsupported

TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")


def export(model, x, writer):
    """The operator of a bag."""
    name = type(model).__name__
    if name == "IsolationForest":
        return _isolation(model, x, writer)
    return (_bagging if name.startswith("Bagging") else _boosting)(model, x, writer)


def _all_trees(model):
    return all(type(part).__name__ in TREES and type(part).__module__.startswith("sklearn.") for part in model.estimators_)


def _bagging(model, x, writer):
    classes, parts = getattr(model, "classes_", None), model.estimators_
    if classes is not None:
        kinds.plain_labels(classes)
    columns = _columns(model)
    whole = classes is None or all(len(part.classes_) == len(classes) for part in parts)
    if _all_trees(model) and whole and parts[0].n_outputs_ == 1:
        steps, matrix = kinds.checked(x, nan=forests.takes_missing(parts[0], x), single=True)
        width = kinds.width_of(model, matrix)
        found = [part.tree_ for part in parts]
        made = [trees.sklearn_tree(tree, taken) for tree, taken in zip(found, columns, strict=True)]
        node = forests.mean(writer, width, found, made, classes)
        return kinds.chain(steps, node), Says(classes, probabilities=classes is not None)
    steps, matrix = kinds.as_matrix(x)
    kinds.width_of(model, matrix)
    chances = classes is not None and all(hasattr(part, "predict_proba") for part in parts)
    if classes is not None and not chances and any(hasattr(part, "predict_proba") for part in parts):
        raise Unsupported("a bag of estimators of which some give probabilities")
    adds = "values" if classes is None else ("probabilities" if chances else "votes")
    polled, outputs = [], 1
    for part, taken in zip(parts, columns, strict=True):
        node, says = _exported(part, matrix if taken is None else matrix.take(taken), writer, classes is not None)
        polled.append({"columns": None if taken is None else [int(at) for at in taken], "of": node})
        outputs = says.width
        if classes is not None:
            # Its classes are places in the bag's; a label that is not a place of its own counts where it says.
            own = [int(label) for label in part.classes_]
            outputs = len(classes)
            polled[-1].update({"classes": own} if chances else {"votes": writer.array(np.eye(outputs)[own])})
    node = {"op": "poll", "parts": polled, "adds": adds, "start": writer.array([0.0] * outputs), "divide": len(parts)}
    if classes is None:
        return kinds.chain(steps, trees.scores(node)), Says(width=outputs)
    return kinds.chain(steps, trees.scores(node, labels="most_probable", probabilities=True, pair=False)), Says(
        classes, probabilities=True
    )


def _columns(model):
    every = np.arange(model.n_features_in_)
    return [None if np.array_equal(taken, every) else taken for taken in model.estimators_features_]


def _exported(part, matrix, writer, classifies):
    node, says = registry.export(part, matrix, writer)
    if not isinstance(says, Says) or (says.classes is not None) != classifies:
        raise Unsupported("a bag of something else than such estimators")
    return node, says


def _boosting(model, x, writer):
    parts, weights = model.estimators_, np.asarray(model.estimator_weights_, float)[: len(model.estimators_)]
    classes = getattr(model, "classes_", None)
    if classes is None:
        return _median(model, x, writer, parts, weights)
    kinds.plain_labels(classes)
    count = len(classes)
    if count < 2:
        raise Unsupported("AdaBoostClassifier of one class")
    votes = [_votes(part.classes_, classes, weight) for part, weight in zip(parts, weights, strict=True)]
    outputs = votes[0].shape[1]
    options = {"divide": float(model.estimator_weights_.sum())}
    if _all_trees(model):
        steps, node = _tree_votes(model, x, writer, votes, options)
    else:
        # It leaves it to its estimators what they refuse.
        steps, matrix = kinds.as_matrix(x)
        kinds.width_of(model, matrix)
        polled = []
        for part, vote in zip(parts, votes, strict=True):
            node, _ = _exported(part, matrix, writer, True)
            polled.append({"columns": None, "of": node, "votes": writer.array(vote)})
        node = {"op": "poll", "parts": polled, "adds": "votes", "start": writer.array([0.0] * outputs), **options}
    labels = "positive" if count == 2 else "largest"
    node = trees.scores(node, "divided", labels=labels, decision=True, probabilities=True, by=count - 1)
    return kinds.chain(steps, node), Says(classes, probabilities=True, decision=True)


def _votes(own, classes, weight):
    """What each of a part's labels adds. Of two classes, the sums of both are each other's negative: one is enough."""
    hits = np.asarray(own)[:, None] == np.asarray(classes)[None, :]
    votes = np.where(hits, weight, -1 / (len(classes) - 1) * weight)
    return 2 * votes[:, 1:] if len(classes) == 2 else votes


def _tree_votes(model, x, writer, votes, options):
    parts = model.estimators_
    steps, matrix = kinds.checked(x, nan=forests.takes_missing(parts[0], x), single=True)
    width = kinds.width_of(model, matrix)
    values = []
    for part, vote in zip(parts, votes, strict=True):
        tree = part.tree_
        values.append(vote[np.argmax(tree.value[tree.children_left < 0, 0, :], axis=1)])
    made = [trees.sklearn_tree(part.tree_) for part in parts]
    return steps, trees.node(writer, width, made, values, start=np.zeros(votes[0].shape[1]), single=True, **options)


def _median(model, x, writer, parts, weights):
    if _all_trees(model):
        steps, matrix = kinds.checked(x, nan=forests.takes_missing(parts[0], x), single=True)
        width = kinds.width_of(model, matrix)
        found = [part.tree_ for part in parts]
        values = [tree.value[tree.children_left < 0, 0, 0] for tree in found]
        made = [trees.sklearn_tree(tree) for tree in found]
        places = range(len(parts))
        node = trees.node(writer, width, made, values, start=np.zeros(len(parts)), groups=places, single=True)
    else:
        steps, matrix = kinds.as_matrix(x)
        kinds.width_of(model, matrix)
        polled = [{"columns": None, "of": _exported(part, matrix, writer, False)[0]} for part in parts]
        node = {"op": "poll", "parts": polled, "adds": "beside", "start": writer.array([0.0] * len(parts))}
    return kinds.chain(steps, {"op": "median", "of": node, "weights": writer.array(weights)}), Says()


def _isolation(model, x, writer):
    steps, matrix = kinds.as_matrix(x)
    width = kinds.width_of(model, matrix)
    found = [part.tree_ for part in model.estimators_]
    some = model._max_features != width
    columns = model.estimators_features_ if some else [None] * len(found)
    made = [trees.sklearn_tree(tree, taken) for tree, taken in zip(found, columns, strict=True)]
    values = []
    for at, tree in enumerate(found):
        leaf = tree.children_left < 0
        depths = model._decision_path_lengths[at] + model._average_path_length_per_tree[at] - 1.0
        values.append(depths[leaf])
    node = trees.node(writer, width, made, values, start=[0.0], groups=[0] * len(found), single=True)
    average = len(found) * float(_average_path_length(model._max_samples))
    offset = float(model.offset_)
    node = {"op": "isolation", "depths": node, "average": average, "offset": offset, "limit": _limit(average, offset)}
    return kinds.chain(steps, node), Says(np.array([-1, 1]), decision=True)


def _average_path_length(samples):
    from sklearn.ensemble._iforest import _average_path_length

    return _average_path_length([samples])[0]


def _limit(average, offset):
    """The least depth of a row that is no outlier, by numpy's own power: the score of a deeper row is never less."""
    if average == 0:
        return -1.0 if -(2**-1.0) - offset >= 0 else np.finfo(float).max

    def inside(depth):
        return bool((-(2 ** -(np.array([depth]) / average)) - offset >= 0)[0])

    low, high = 0.0, 100 * average
    if inside(low):
        return low
    if not inside(high):
        return np.finfo(float).max
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return high
        low, high = (low, middle) if inside(middle) else (middle, high)
