"""XGBoost's estimators. All of its arithmetic is in 32-bit floats."""

import ctypes
import itertools
import json
import math

import numpy as np

from . import codes, kinds, trees, ubjson
from .kinds import Says, Unsupported

LOGISTIC = {"link": "logistic", "factor": 1.0}
# By objective: what is made of the sums, and what of `base_score` they start with.
OBJECTIVES = {
    "binary:hinge": ({"link": "step"}, None),
    "binary:logistic": (LOGISTIC, "logit"),
    "binary:logitraw": ({"link": "identity"}, None),
    "count:poisson": ({"link": "exp"}, "log"),
    "multi:softprob": ({"link": "softmax"}, None),
    "rank:map": ({"link": "identity"}, None),
    "rank:ndcg": ({"link": "identity"}, None),
    "rank:pairwise": ({"link": "identity"}, None),
    "reg:absoluteerror": ({"link": "identity"}, None),
    "reg:gamma": ({"link": "exp"}, "log"),
    "reg:logistic": (LOGISTIC, "logit"),
    "reg:pseudohubererror": ({"link": "identity"}, None),
    "reg:quantileerror": ({"link": "identity"}, None),
    "reg:squarederror": ({"link": "identity"}, None),
    "reg:squaredlogerror": ({"link": "identity"}, None),
    "reg:tweedie": ({"link": "exp"}, "log"),
    "survival:aft": ({"link": "exp"}, "log"),
    "survival:cox": ({"link": "exp"}, "log"),
}


def export(model, x, writer):
    """A `scores` of `trees`, or of an `xgboost_linear`."""
    if callable(model.objective) and hasattr(model, "n_classes_"):
        raise Unsupported("XGBoost's classes with an objective of one's own")
    learner = ubjson.loads(model.get_booster().save_raw("ubj"))["learner"]
    objective, booster = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in OBJECTIVES:
        raise Unsupported(f"XGBoost's objective {objective}")
    link, of_base = OBJECTIVES[objective]
    parameters = learner["learner_model_param"]
    outputs = max(int(parameters.get("num_class", 0)), int(parameters.get("num_target", 1)), 1)
    base = np.atleast_1d(np.asarray(json.loads(parameters["base_score"]), np.float32))
    base = np.broadcast_to([_margin(score, of_base) for score in base], (outputs,)).astype(np.float32)
    width = kinds.width_of(model, x)
    steps, _ = codes.as_matrix(x, _known(booster, x), writer)
    if int(parameters["num_feature"]) > width:
        raise Unsupported("XGBoost with columns that are not there")
    missing = _missing(model)
    if booster["name"] == "gblinear":
        node = _linear(booster["model"], width, base, missing, writer)
    else:
        node = _trees(model, booster, width, base, missing, writer)
    if not hasattr(model, "n_classes_"):
        return kinds.chain(steps, trees.scores(node, **link)), Says(width=outputs, single=True)
    classes = np.arange(model.n_classes_)
    if int(parameters.get("num_target", 1)) > 1 or (outputs > 1) != (len(classes) > 2):
        raise Unsupported("XGBoost with several labels a row")
    labels = "half" if outputs == 1 else "most_probable"
    node = trees.scores(node, **link, labels=labels, probabilities=True)
    return kinds.chain(steps, node), Says(classes, probabilities=True, single=True)


def _known(booster, x):
    """Of each column, the categories of its rows, with their places among those that it was fitted on."""
    listed = booster.get("gbtree", booster).get("model", {}).get("cats", {}).get("enc", [])
    fitted = [_names(enc) for enc in listed] or [[]] * x.width
    known = [None] * x.width
    for at, column in enumerate(getattr(x, "columns", ())):
        if codes.are_categories(column):
            own = list(column.dtype.categories)
            # Before 3.1, it took the places in the rows' own list.
            names = _texts(own) if column.type == "text" else own
            places = {name: place for place, name in enumerate(fitted[at] if listed else names)}
            if len(set(names)) < len(own) or not set(names) <= set(places):
                raise Unsupported("XGBoost with categories that it was not fitted on")
            known[at] = {category: places[name] for category, name in zip(own, names, strict=True)}
    if [at for at, names in enumerate(fitted) if names] != [at for at, found in enumerate(known) if found and listed]:
        raise Unsupported("XGBoost with other columns of categories than it was fitted on")
    return known


def _names(enc):
    """One column's categories: texts as bytes, one after the other, or numbers."""
    return _cut(enc["values"], enc["offsets"]) if "offsets" in enc else [int(value) for value in enc["values"]]


def _texts(categories):
    """Texts as XGBoost compares them: it cuts their bytes where their characters end."""
    return _cut("".join(categories).encode(), np.cumsum([0, *map(len, categories)]))


def _cut(values, ends):
    raw = bytes(int(byte) & 255 for byte in values)
    return [raw[start:end] for start, end in itertools.pairwise(ends)]


def _missing(model):
    missing = np.float32(np.nan if model.missing is None else model.missing)
    if np.isinf(missing):
        raise Unsupported("XGBoost that takes infinity for missing")
    return None if np.isnan(missing) else float(missing)


def _margin(score, of_base):
    """What the sums start with, computed by the C library as XGBoost does."""
    if of_base is None:
        return score
    try:
        log = ctypes.CDLL(None).logf
        log.argtypes, log.restype = [ctypes.c_float], ctypes.c_float
    except (AttributeError, OSError):
        log = math.log
    return log(score) if of_base == "log" else -log(np.float32(1) / score - np.float32(1))


def _linear(model, width, base, missing, writer):
    weights = np.asarray(model["weights"], np.float32).reshape(-1, len(base))
    if len(weights) != width + 1:
        raise Unsupported("XGBoost with columns that are not there")
    # Every output starts with the base of the first.
    return {
        "op": "xgboost_linear",
        "columns": width,
        "start": writer.array(weights[-1] + base[0]),
        "weights": writer.array(weights[:-1]),
        "missing": missing,
    }


def _trees(model, booster, width, base, missing, writer):
    drop = booster.get("weight_drop")
    booster = booster.get("gbtree", booster)["model"]
    found, groups = booster["trees"], booster["tree_info"]
    end = _end(model, booster, len(base))
    found, groups = found[:end], groups[:end]
    made, values, sets = [], [], trees.Sets()
    vector = bool(found) and int(found[0]["tree_param"]["size_leaf_vector"]) > 1
    for at, tree in enumerate(found):
        left, value = np.asarray(tree["left_children"]), np.asarray(tree["split_conditions"], np.float32)
        leaf = left < 0
        missing_left = np.asarray(tree["default_left"])
        right = np.asarray(tree["right_children"])
        if vector:
            if "leaf_weights" not in tree:
                raise Unsupported("XGBoost's leaves of several values, of before 3.2")
            weights = np.asarray(tree["leaf_weights"], np.float32).reshape(-1, len(base))
            values.append(weights[right[leaf]])
        else:
            values.append(value[leaf])
        if drop is not None:
            # As the in-place prediction of a dropped tree does: it starts with the base, too, and that is taken off again.
            start = base if vector else base[groups[at]]
            values[-1] = ((values[-1] + start) - start) * np.float32(drop[at])
        left, right = _categories(tree, left, right, missing_left, sets)
        made.append(
            {
                "feature": tree["split_indices"],
                "threshold": np.where(leaf, 0, value),
                "left": left,
                "right": right,
                "missing_left": missing_left,
                "cover": np.asarray(tree.get("sum_hessian", []), np.float32),
            }
        )
    options = {"missing": missing} if missing is not None else {}
    if not vector:
        options["groups"] = groups
    options.update(sets.options(writer), start=base, single=True, single_sums=True, strict=True, absent_is_missing=True)
    return trees.node(writer, width, made, values, **options)


def _end(model, booster, outputs):
    """How many trees are used: up to the best iteration."""
    try:
        rounds = model.best_iteration + 1
    except AttributeError:
        return len(booster["trees"])
    if "iteration_indptr" in booster:
        return booster["iteration_indptr"][rounds]
    return rounds * outputs * int(booster["gbtree_model_param"]["num_parallel_tree"])


def _categories(tree, left, right, missing_left, sets):
    """The children, swapped where a node's categories go right: in `trees`, they go left."""
    left, right = left.copy(), right.copy()
    sets.tree(len(left))
    segments = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    for node, start, size in segments:
        left[node], right[node] = right[node], left[node]
        sets.add(
            node, trees.bits([int(place) for place in tree["categories"][start : start + size]]), not missing_left[node]
        )
    return left, right
