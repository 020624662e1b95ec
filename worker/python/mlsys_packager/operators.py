"""Conversions of our own, where skl2onnx's are slow, endless or not double: trees, and the imputing of numbers.

scikit-learn's trees cast a row to float32 and compare it with float64 thresholds. Missing values go where the tree
sends them.
"""

import math
from functools import partial

import numpy as np

from . import boosters
from .graph import Graph, element_type
from .trees import sums_in_double, sums_in_float


def conversions(holes):
    """Converters by estimator type, for `skl2onnx.convert_sklearn(custom_conversion_functions=…)`.

    `holes`: forests are to know missing values; boosted trees know what theirs were trained on.
    """
    from sklearn import ensemble, tree
    from sklearn.impute import SimpleImputer

    classifiers = (
        tree.DecisionTreeClassifier,
        tree.ExtraTreeClassifier,
        ensemble.RandomForestClassifier,
        ensemble.ExtraTreesClassifier,
    )
    regressors = (
        tree.DecisionTreeRegressor,
        tree.ExtraTreeRegressor,
        ensemble.RandomForestRegressor,
        ensemble.ExtraTreesRegressor,
    )
    return {
        **dict.fromkeys(classifiers, partial(_classifying_forest, holes)),
        **dict.fromkeys(regressors, partial(_forest, holes)),
        ensemble.GradientBoostingRegressor: boosters.gradient_boosting,
        SimpleImputer: _imputer,
    }


def _forest(holes, scope, operator, container):
    from onnx import TensorProto

    graph, trees, output = Graph(scope, container), _trees(operator.raw_operator), operator.outputs[0]
    source = graph.cast(_rounded(graph, operator), TensorProto.DOUBLE)
    sums = sums_in_double(graph, source, trees, holes=holes)
    mean = graph.add("Div", [sums, graph.constant(len(trees), TensorProto.DOUBLE)])
    graph.cast(mean, element_type(output), output.full_name)


def _classifying_forest(holes, scope, operator, container):
    """The sum of the trees, then the estimator's own mean and choice: added up any other way, ties would fall otherwise."""
    graph, trees = Graph(scope, container), _trees(operator.raw_operator)
    labels, (label, shares) = np.asarray(operator.raw_operator.classes_), operator.outputs
    kind, two = element_type(shares), len(labels) == 2
    sums = sums_in_float(graph, _rounded(graph, operator), trees, 1 if two else 0, holes)
    mean = [graph.cast(sums, kind), graph.constant(len(trees), kind)]
    if two:
        second = graph.add("Div", mean)
        first = graph.add("Sub", [graph.constant(1, kind), second])
        graph.add("Concat", [first, second], shares.full_name, axis=1)
        _label(graph, labels, shares.full_name, label.full_name)
    else:
        graph.add("Div", mean, shares.full_name)
        _label(graph, labels, sums, label.full_name)


def _trees(model):
    if model.n_outputs_ != 1:
        raise NotImplementedError("trees with several outputs")
    return [part.tree_ for part in getattr(model, "estimators_", [model])]


def _rounded(graph, operator):
    from onnx import TensorProto

    return graph.cast(graph.joined(operator.inputs), TensorProto.FLOAT)


def _label(graph, labels, scores, target):
    """The first of the classes with the highest score."""
    from onnx import TensorProto

    if labels.dtype.kind in "iufb":
        known = graph.constant(labels.astype(np.int64), TensorProto.INT64)
    else:
        known = graph.constant([str(label).encode() for label in labels], TensorProto.STRING)
    graph.add("Gather", [known, graph.add("ArgMax", [scores], axis=1, keepdims=0)], target)


def _imputer(scope, operator, container):
    from skl2onnx.common.data_types import StringTensorType
    from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer

    model = operator.raw_operator
    if isinstance(operator.inputs[0].type, StringTensorType):
        convert_sklearn_imputer(scope, operator, container)
        return
    fill = np.asarray(model.statistics_, dtype=np.float64)
    not_nan = not isinstance(model.missing_values, float) or not math.isnan(model.missing_values)
    if not_nan or np.isnan(fill).any() or model.indicator_ is not None:
        raise NotImplementedError("SimpleImputer with an indicator, an empty column, or a missing value other than NaN")
    graph, output = Graph(scope, container), operator.outputs[0]
    values = graph.joined(operator.inputs)
    filler = graph.constant(fill[None, :], element_type(operator.inputs[0]))
    result = graph.add("Where", [graph.add("IsNaN", [values]), filler, values])
    graph.cast(result, element_type(output), output.full_name)
