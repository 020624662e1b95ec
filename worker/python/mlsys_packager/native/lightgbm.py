"""LightGBM's estimators and its `Booster`. All of their arithmetic is in doubles."""

import numpy as np

from . import codes, kinds, trees
from .kinds import Says, Unsupported

# How a node tests: its `decision_type`.
CATEGORICAL, DEFAULT_LEFT = 1, 2
# By missing type (none, zero, NaN): what becomes of a number, as `trees` has it.
PREPARE = np.array([1, 2, 3], "u1")
IDENTITY = ("fair", "huber", "lambdarank", "mape", "quantile", "rank_xendcg", "regression_l1", "regression")


def export(model, x, writer):
    """A `scores` of `trees`."""
    booster = getattr(model, "booster_", model)
    if not hasattr(booster, "model_to_string"):
        raise Unsupported("a booster of another library")
    header, found = _parsed(booster.model_to_string())
    outputs = int(header["num_tree_per_iteration"])
    link = _link(header.get("objective", "").split())
    width = kinds.width_of(model, x)
    steps, _ = codes.as_matrix(x, _known(booster, x), writer)
    if int(header["max_feature_idx"]) + 1 != width:
        raise Unsupported("LightGBM with columns that are not there")
    node = _trees(header, found, width, outputs, writer)
    classes = getattr(model, "classes_", None)
    if classes is None:
        return kinds.chain(steps, trees.scores(node, **link)), Says(width=outputs)
    kinds.plain_labels(classes)
    if callable(model.objective):
        raise Unsupported("LightGBM's classes with an objective of one's own")
    if len(classes) < 2 or outputs != (1 if len(classes) == 2 else len(classes)):
        raise Unsupported("LightGBM with another number of scores than classes")
    node = trees.scores(node, **link, labels="most_probable", probabilities=True)
    return kinds.chain(steps, node), Says(classes, probabilities=True)


def _known(booster, x):
    """Of each column, the categories that it was fitted on, with their places."""
    listed = booster.pandas_categorical or []
    places = [at for at, column in enumerate(getattr(x, "columns", ())) if codes.are_categories(column)]
    if len(listed) != len(places):
        raise Unsupported("LightGBM with other columns of categories than it was fitted on")
    known = {at: {name: place for place, name in enumerate(names)} for at, names in zip(places, listed, strict=True)}
    return [known.get(at) for at in range(x.width)]


def _link(objective):
    """What is made of the sums: nothing, if the objective was one of one's own."""
    name, options = (objective or ["regression"])[0], dict(option.partition(":")[::2] for option in objective[1:])
    if "sqrt" in options:
        return {"link": "square"}
    if name in IDENTITY:
        return {"link": "identity"}
    if name in ("poisson", "gamma", "tweedie"):
        return {"link": "exp"}
    if name in ("binary", "multiclassova"):
        return {"link": "logistic", "factor": float(options["sigmoid"])}
    if name == "cross_entropy":
        return {"link": "logistic", "factor": 1.0}
    if name == "cross_entropy_lambda":
        return {"link": "softplus"}
    if name == "multiclass":
        return {"link": "softmax"}
    raise Unsupported(f"LightGBM's objective {name}")


def _parsed(text):
    """The header of a model's text, and its trees, as dictionaries of texts."""
    blocks = text.partition("\nend of trees")[0].split("\nTree=")
    return [_fields(blocks[0]), [_fields(block) for block in blocks[1:]]]


def _fields(block):
    return {line.partition("=")[0]: line.partition("=")[2] for line in block.splitlines()}


def _numbers(tree, name, dtype):
    text = tree.get(name, "").strip()
    return np.fromstring(text, dtype, sep=" ") if text else np.empty(0, dtype)


def _trees(header, found, width, outputs, writer):
    prepare = np.zeros(width, "u1")
    made, values, sets = [], [], trees.Sets()
    for tree in found:
        made.append(_tree(tree, prepare, sets))
        values.append(_numbers(tree, "leaf_value", "f8"))
    options = {"start": [0.0] * outputs, "groups": list(range(outputs)) * (len(found) // outputs)}
    if "average_output" in header:
        options["divide"] = len(found) // outputs
    if any(int(tree.get("is_linear", 0)) for tree in found):
        options["linear"] = _linear(found, values, writer)
    options["prepare"] = writer.array(prepare, "u1")
    return trees.node(writer, width, made, values, **options, **sets.options(writer))


def _tree(tree, prepare, sets):
    feature, how = _numbers(tree, "split_feature", "i4"), _numbers(tree, "decision_type", "i4")
    threshold = _numbers(tree, "threshold", "f8")
    inner, leaves = len(feature), int(tree["num_leaves"])
    boundaries, words = _numbers(tree, "cat_boundaries", "i4"), _numbers(tree, "cat_threshold", "u4")
    categorical = (how & CATEGORICAL) != 0
    sets.tree(inner + leaves)
    for node in np.flatnonzero(categorical):
        start, end = boundaries[int(threshold[node]) : int(threshold[node]) + 2]
        sets.add(node, words[start:end])
    numbers, wanted = feature[~categorical], PREPARE[how[~categorical] >> 2 & 3]
    known = prepare[numbers]
    prepare[numbers] = wanted
    if ((known != 0) & (known != wanted)).any() or (prepare[numbers] != wanted).any():
        raise Unsupported("LightGBM with a column whose missing values are of several types")
    nothing = np.zeros(leaves)

    def children(name):
        child = _numbers(tree, name, "i4")
        return np.r_[np.where(child < 0, inner + ~child, child), nothing - 1]

    return {
        "feature": np.r_[feature, nothing],
        "threshold": np.r_[threshold, nothing],
        "left": children("left_child"),
        "right": children("right_child"),
        "missing_left": np.r_[(how & DEFAULT_LEFT) != 0, nothing],
        "cover": np.r_[np.zeros(inner), _numbers(tree, "leaf_count", "f8") if inner else [1]],
    }


def _linear(found, values, writer):
    starts, columns, coefficients, constants = [0], [], [], []
    for tree, value in zip(found, values, strict=True):
        if not int(tree.get("is_linear", 0)):
            counts, constant = np.zeros(len(value), int), value
        else:
            counts, constant = _numbers(tree, "num_features", "i4"), _numbers(tree, "leaf_const", "f8")
            columns.extend(_numbers(tree, "leaf_features", "i4"))
            coefficients.extend(_numbers(tree, "leaf_coeff", "f8"))
        starts.extend(starts[-1] + np.cumsum(counts))
        constants.extend(constant)
    return {
        "starts": writer.array(starts, "u4"),
        "columns": writer.array(columns, "u4"),
        "coefficients": writer.array(coefficients),
        "constants": writer.array(constants),
    }
