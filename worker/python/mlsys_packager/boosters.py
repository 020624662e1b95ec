"""Boosted trees that predict a value, from scikit-learn, LightGBM and XGBoost, each in the arithmetic of its library."""

import json

import numpy as np

from .graph import Graph, element_type
from .trees import Tree, running_sums_in_float, sums_in_double

# Objectives whose trees predict a logarithm, as LightGBM and XGBoost write them.
LOGARITHMIC = ("poisson", "gamma", "tweedie", "count:poisson", "reg:gamma", "reg:tweedie")
# LightGBM's `decision_type`: two bits, and the kind of missing values above them.
CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
ZERO_IS_MISSING, NAN_IS_MISSING = 1, 2


def gradient_boosting(scope, operator, container):
    """`GradientBoostingRegressor`: rows rounded to float32, all else in double."""
    from onnx import TensorProto

    model, graph = operator.raw_operator, Graph(scope, container)
    start = 0.0
    if model.init_ != "zero":
        if type(model.init_).__name__ != "DummyRegressor":
            raise NotImplementedError("GradientBoostingRegressor that starts from another estimator")
        start = float(np.ravel(model.init_.constant_)[0])
    trees = [_scaled(stage.tree_, model.learning_rate) for stage in model.estimators_[:, 0]]
    rounded = graph.cast(graph.joined(operator.inputs), TensorProto.FLOAT)
    sums = sums_in_double(graph, graph.cast(rounded, TensorProto.DOUBLE), trees, start)
    _answer(graph, sums, operator)


def lightgbm(scope, operator, container):
    """LightGBM: double throughout."""
    from onnx import TensorProto

    graph = Graph(scope, container)
    head, *blocks = operator.raw_operator.booster_.model_to_string().split("end of trees")[0].split("\nTree=")
    trees = [_lightgbm_tree(dict(line.split("=", 1) for line in block.splitlines() if "=" in line)) for block in blocks]
    header = dict(line.partition("=")[::2] for line in head.splitlines())
    if "average_output" in header:
        trees = [_scaled(tree, 1 / len(trees)) for tree in trees]
    source = graph.cast(graph.joined(operator.inputs), TensorProto.DOUBLE)
    _answer(graph, sums_in_double(graph, source, trees, holes=True), operator, header.get("objective", ""))


def xgboost(scope, operator, container):
    """XGBoost: float32 throughout, and the trees added in their order, since float32 sums depend on it."""
    from onnx import TensorProto

    model, graph = operator.raw_operator, Graph(scope, container)
    booster, best = model.get_booster(), getattr(model, "best_iteration", None)
    learner = json.loads((booster if best is None else booster[: best + 1]).save_raw("json"))["learner"]
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    if booster["name"] != "gbtree" or not np.isnan(model.missing):
        raise NotImplementedError(f"XGBoost's booster {booster['name']} with {model.missing} for missing values")
    trees = [_xgboost_tree(tree) for tree in booster["model"]["trees"]]
    start = np.float32(np.ravel(json.loads(learner["learner_model_param"]["base_score"]))[0])
    if objective in LOGARITHMIC:
        start = np.log(start)
    source = graph.cast(graph.joined(operator.inputs), TensorProto.FLOAT)
    _answer(graph, running_sums_in_float(graph, source, trees, start), operator, objective)


def _answer(graph, sums, operator, objective=""):
    if objective.split(" ")[0] in LOGARITHMIC:
        sums = graph.add("Exp", [sums])
    output = operator.outputs[0]
    graph.cast(sums, element_type(output), output.full_name)


def _scaled(tree, factor):
    return Tree(
        tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.missing_go_to_left, tree.value * factor
    )


def _lightgbm_tree(fields):
    """A tree from LightGBM's text, in which node `-1 - i` is leaf `i`; here the leaves come after the other nodes."""

    def column(name, dtype):
        return np.array(fields.get(name, "").split(), dtype=dtype)

    leaf, decision, threshold = column("leaf_value", float), column("decision_type", int), column("threshold", float)
    missing = decision >> MISSING_SHIFT
    if (decision & CATEGORICAL).any() or (missing == ZERO_IS_MISSING).any() or fields.get("is_linear", "0") != "0":
        raise NotImplementedError("LightGBM with category splits, missing zeros or linear leaves")
    # Without missing values in training, LightGBM takes NaN for a zero.
    go_left = np.where(missing == NAN_IS_MISSING, decision & DEFAULT_LEFT, threshold >= 0) != 0
    inner, rest = len(decision), np.zeros(len(leaf), int)
    left, right = (
        np.where(side < 0, inner - 1 - side, side) for side in (column("left_child", int), column("right_child", int))
    )
    return Tree(
        np.r_[left, rest - 1],
        np.r_[right, rest - 1],
        np.r_[column("split_feature", int), rest],
        np.r_[threshold, rest],
        np.r_[go_left, rest],
        np.r_[np.zeros(inner), leaf][:, None, None],
    )


def _xgboost_tree(fields):
    if any(fields["split_type"]) or fields["tree_param"]["size_leaf_vector"] not in ("0", "1"):
        raise NotImplementedError("XGBoost with category splits or several outputs")
    left, right, feature, split, default = (
        np.array(fields[name])
        for name in ("left_children", "right_children", "split_indices", "split_conditions", "default_left")
    )
    return Tree(left, right, feature, split, default, split[:, None, None])
