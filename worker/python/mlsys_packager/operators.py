"""Conversions of our own, where skl2onnx's are slow, endless or not double: forests, and the imputing of numbers.

scikit-learn's trees cast a row to float32 and compare it with float64 thresholds. The float32 threshold that decides
alike is the largest one not above the original. Missing values go where the tree sends them.
Source of the operator: ONNX, domain `ai.onnx.ml` version 3, `TreeEnsembleRegressor`.
"""

import math
from functools import partial

import numpy as np


def conversions(holes):
    """Converters by estimator type, for `skl2onnx.convert_sklearn(custom_conversion_functions=…)`.

    `holes`: trees are to know missing values. ONNX Runtime walks trees that don't a quarter faster.
    """
    from sklearn import ensemble, tree
    from sklearn.impute import SimpleImputer

    forests = (
        tree.DecisionTreeClassifier, tree.DecisionTreeRegressor, tree.ExtraTreeClassifier, tree.ExtraTreeRegressor,
        ensemble.RandomForestClassifier, ensemble.RandomForestRegressor,
        ensemble.ExtraTreesClassifier, ensemble.ExtraTreesRegressor,
    )
    return {**dict.fromkeys(forests, partial(_forest, holes)), SimpleImputer: _imputer}


def _forest(holes, scope, operator, container):
    """The sum of the trees, then the estimator's own mean and choice: added up any other way, ties would fall otherwise."""
    model = operator.raw_operator
    if model.n_outputs_ != 1:
        raise NotImplementedError("trees with several outputs")
    trees = [part.tree_ for part in getattr(model, "estimators_", [model])]
    leaves = _leaves(trees, 1 if len(getattr(model, "classes_", ())) == 2 else 0)
    sums, total = scope.get_unique_variable_name("sums"), scope.get_unique_variable_name("total")
    container.add_node(
        "TreeEnsembleRegressor", [_as_float32(scope, operator.inputs, container)], [sums], op_domain="ai.onnx.ml", op_version=3,
        name=scope.get_unique_operator_name("Forest"), aggregate_function="SUM", post_transform="NONE",
        n_targets=max(leaves["target_ids"]) + 1, **_nodes(trees, holes), **leaves,
    )
    output = operator.outputs[-1]
    _cast_to(output.type, sums, total, container)
    count = _constant(scope, container, output.type, len(trees))
    if not hasattr(model, "classes_"):
        container.add_node("Div", [total, count], [output.full_name], op_version=14, name=scope.get_unique_operator_name("Mean"))
    elif len(model.classes_) == 2:
        second, first = scope.get_unique_variable_name("second"), scope.get_unique_variable_name("first")
        one = _constant(scope, container, output.type, 1)
        container.add_node("Div", [total, count], [second], op_version=14, name=scope.get_unique_operator_name("Mean"))
        container.add_node("Sub", [one, second], [first], op_version=14, name=scope.get_unique_operator_name("Rest"))
        container.add_node("Concat", [first, second], [output.full_name], op_version=13, axis=1, name=scope.get_unique_operator_name("Both"))
        _label(scope, np.asarray(model.classes_), output.full_name, operator.outputs[0].full_name, container)
    else:
        container.add_node("Div", [total, count], [output.full_name], op_version=14, name=scope.get_unique_operator_name("Mean"))
        _label(scope, np.asarray(model.classes_), sums, operator.outputs[0].full_name, container)


def _constant(scope, container, kind, value):
    name = scope.get_unique_variable_name("constant")
    container.add_initializer(name, _element_type(kind), [], [value])
    return name


def _label(scope, labels, scores, target, container):
    """The first of the classes with the highest score."""
    from onnx import TensorProto

    whole = labels.dtype.kind in "iufb"
    known, best = scope.get_unique_variable_name("labels"), scope.get_unique_variable_name("best")
    values = labels.astype(np.int64).tolist() if whole else [str(label).encode() for label in labels]
    container.add_initializer(known, TensorProto.INT64 if whole else TensorProto.STRING, [len(labels)], values)
    container.add_node("ArgMax", [scores], [best], op_version=13, axis=1, keepdims=0, name=scope.get_unique_operator_name("ArgMax"))
    container.add_node("Gather", [known, best], [target], op_version=13, name=scope.get_unique_operator_name("Label"))


def _nodes(trees, holes):
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
        **({"nodes_missing_value_tracks_true": np.concatenate([t.missing_go_to_left for t in trees]).astype(int).tolist()} if holes else {}),
    }


def _leaves(trees, first):
    """What each leaf adds to each output, from output `first` on: a class's share, or a value."""
    leaves = [np.flatnonzero(t.children_left < 0) for t in trees]
    values = np.concatenate([t.value[leaf, 0, first:] for t, leaf in zip(trees, leaves, strict=True)])
    width = values.shape[1]
    return {
        "target_treeids": np.repeat(np.arange(len(trees)), [len(leaf) * width for leaf in leaves]).tolist(),
        "target_nodeids": np.repeat(np.concatenate(leaves), width).tolist(),
        "target_ids": np.tile(np.arange(width), len(values)).tolist(),
        "target_weights": values.ravel().tolist(),
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
    """The declared type is what later operators compute in."""
    container.add_node("Cast", [source], [target], op_version=13, to=_element_type(kind), name=f"{target}_cast")


def _element_type(kind):
    from skl2onnx.common.data_types import guess_proto_type

    return guess_proto_type(kind)
