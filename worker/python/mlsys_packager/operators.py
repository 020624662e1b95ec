"""Conversions of our own, where skl2onnx's are slow, endless or not double: forests, and the imputing of numbers.

scikit-learn's trees cast a row to float32 and compare it with float64 thresholds. The float32 threshold that decides
alike is the largest one not above the original. Missing values go where the tree sends them.
Source of the operator: ONNX, domain `ai.onnx.ml` version 3, `TreeEnsembleClassifier` and `TreeEnsembleRegressor`.
"""

import math

import numpy as np


def conversions():
    """Converters by estimator type, for `skl2onnx.convert_sklearn(custom_conversion_functions=…)`."""
    from sklearn import ensemble, tree
    from sklearn.impute import SimpleImputer

    forests = (
        tree.DecisionTreeClassifier, tree.DecisionTreeRegressor, tree.ExtraTreeClassifier, tree.ExtraTreeRegressor,
        ensemble.RandomForestClassifier, ensemble.RandomForestRegressor,
        ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor,
    )
    return {**dict.fromkeys(forests, _forest), SimpleImputer: _imputer}


def _forest(scope, operator, container):
    model = operator.raw_operator
    if model.n_outputs_ != 1:
        raise NotImplementedError("trees with several outputs")
    trees = [part.tree_ for part in getattr(model, "estimators_", [model])]
    features = _as_float32(scope, operator.inputs, container)
    if hasattr(model, "classes_"):
        weights, targets = "class_weights", "class"
        labels = np.asarray(model.classes_)
        kind = "classlabels_int64s" if labels.dtype.kind in "iufb" else "classlabels_strings"
        outputs = {kind: labels.astype(np.int64).tolist() if kind == "classlabels_int64s" else [str(label) for label in labels]}
    else:
        weights, targets = "target_weights", "target"
        outputs = {"n_targets": 1, "aggregate_function": "SUM"}
    results = [scope.get_unique_variable_name("forest") for _ in operator.outputs]
    container.add_node(
        "TreeEnsembleClassifier" if "n_targets" not in outputs else "TreeEnsembleRegressor",
        [features], results, op_domain="ai.onnx.ml", op_version=3, name=scope.get_unique_operator_name("Forest"),
        post_transform="NONE", **outputs, **_nodes(trees), **_leaves(trees, weights, targets),
    )
    for result, output in zip(results, operator.outputs, strict=True):
        _cast_to(output.type, result, output.full_name, container)


def _nodes(trees):
    """The trees' nodes as parallel lists, in the order of each tree's arrays."""
    left, right = (np.concatenate([getattr(t, f"children_{side}") for t in trees]) for side in ("left", "right"))
    leaf = left < 0
    exact = np.concatenate([t.threshold for t in trees])
    limits = exact.astype(np.float32)
    limits = np.where(limits.astype(np.float64) > exact, np.nextafter(limits, np.float32(-np.inf)), limits)
    return {
        "nodes_treeids": np.repeat(np.arange(len(trees)), [t.node_count for t in trees]).tolist(),
        "nodes_nodeids": np.concatenate([np.arange(t.node_count) for t in trees]).tolist(),
        "nodes_featureids": np.where(leaf, 0, np.concatenate([t.feature for t in trees])).tolist(),
        "nodes_values": np.where(leaf, np.float32(0), limits).astype(np.float32).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, right).tolist(),
        "nodes_missing_value_tracks_true": np.concatenate([t.missing_go_to_left for t in trees]).astype(int).tolist(),
    }


def _leaves(trees, weights, targets):
    """What each leaf adds to each output: its value, divided by the number of trees.

    Of two classes only the second one's share is written, under id 0: ONNX Runtime's binary case.
    """
    leaves = [np.flatnonzero(t.children_left < 0) for t in trees]
    values = np.concatenate([t.value[leaf, 0, :] for t, leaf in zip(trees, leaves, strict=True)]) / len(trees)
    if values.shape[1] == 2:
        values = values[:, 1:]
    width = values.shape[1]
    return {
        f"{targets}_treeids": np.repeat(np.arange(len(trees)), [len(leaf) * width for leaf in leaves]).tolist(),
        f"{targets}_nodeids": np.repeat(np.concatenate(leaves), width).tolist(),
        f"{targets}_ids": np.tile(np.arange(width), sum(map(len, leaves))).tolist(),
        weights: values.ravel().tolist(),
    }


def _imputer(scope, operator, container):
    from skl2onnx.common.data_types import StringTensorType
    from skl2onnx.operator_converters.common import concatenate_variables
    from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer

    model = operator.raw_operator
    if isinstance(operator.inputs[0].type, StringTensorType):
        convert_sklearn_imputer(scope, operator, container)
        return
    fill = np.asarray(model.statistics_, dtype=np.float64)
    not_nan = not isinstance(model.missing_values, float) or not math.isnan(model.missing_values)
    if not_nan or np.isnan(fill).any() or model.indicator_ is not None:
        raise NotImplementedError("SimpleImputer with an indicator, an empty column, or a missing value other than NaN")
    values = concatenate_variables(scope, operator.inputs, container)
    missing, filler = scope.get_unique_variable_name("missing"), scope.get_unique_variable_name("filler")
    container.add_initializer(filler, _element_type(operator.inputs[0].type), [1, len(fill)], fill.tolist())
    container.add_node("IsNaN", [values], [missing], op_version=13, name=scope.get_unique_operator_name("IsNaN"))
    result = scope.get_unique_variable_name("imputed")
    container.add_node("Where", [missing, filler, values], [result], op_version=9, name=scope.get_unique_operator_name("Where"))
    _cast_to(operator.outputs[0].type, result, operator.outputs[0].full_name, container)


def _as_float32(scope, variables, container):
    from onnx import TensorProto
    from skl2onnx.operator_converters.common import concatenate_variables

    name = scope.get_unique_variable_name("float32")
    container.add_node(
        "Cast", [concatenate_variables(scope, variables, container)], [name], op_version=13, to=TensorProto.FLOAT,
        name=scope.get_unique_operator_name("Cast"),
    )
    return name


def _cast_to(kind, source, target, container):
    """The declared type is what later operators compute in; text and labels pass as they are."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    if isinstance(kind, (DoubleTensorType, FloatTensorType)):
        container.add_node("Cast", [source], [target], op_version=13, to=_element_type(kind), name=target + "_cast")
    else:
        container.add_node("Identity", [source], [target], op_version=14, name=target + "_as_is")


def _element_type(kind):
    from skl2onnx.common.data_types import guess_proto_type

    return guess_proto_type(kind)
