"""Conversions of an estimator to ONNX, best guess first. None of them is trusted: see `verify`."""

import copy

import numpy as np

from . import boosters, operators
from .graph import OPSET
from .schema import NUMBERS, TEXT

# Classifiers whose converters, or whose own arithmetic, know float32 only.
FLOAT32_CLASSIFIERS = ("GradientBoosting", "XGB", "LGBM", "AdaBoost")
FORESTS = ("DecisionTree", "ExtraTree", "RandomForest")
# Whose estimators have conversions.
PACKAGES = ("sklearn", "xgboost", "lightgbm", "imblearn")
# The inputs' names while converting: columns by position.
PLACEHOLDER = "mlsys_column_"
# Stands for a missing text value where the estimator has no such category.
ABSENT = "__missing__"


def variants(model, signature):
    """Descriptions of the conversions worth trying: `{"name","numbers","cast","layout","holes"}`.

    scikit-learn computes in float64 and boosted trees compare in float32: behind a scaler a value falls on the right
    side of a split only if the scaler computes in double and the cast to float comes after it. Forests cast for themselves.
    """
    columns = signature.get("columns")
    if columns is None:
        layouts = ["matrix"]
    elif any(column["type"] == TEXT for column in columns) or _selects_by_name(model):
        layouts = ["columns"]
    else:
        layouts = ["matrix", "columns"]
    staged = hasattr(model, "steps") and len(model.steps) > 1
    if not any(type(part).__name__.startswith(FLOAT32_CLASSIFIERS) and hasattr(part, "classes_") for part in parts(model)):
        numbers = [("double", False), ("float", False), ("double", True)]
    elif staged:
        numbers = [("double", True), ("float", False)]
    else:
        numbers = [("float", False)]
    trees = any(type(part).__name__.startswith(FORESTS) for part in parts(model))
    for kind, cast in numbers:
        for layout in layouts:
            for holes in (False, True) if trees else (False,):
                name = (
                    f"{kind} {layout}"
                    + (", cast to float before the last step" if cast else "")
                    + (", holes" if holes else "")
                )
                if staged or not cast:
                    yield {"name": name, "numbers": kind, "cast": cast, "layout": layout, "holes": holes}


def blocker(model, signature):
    """Why no conversion can work, or `None`."""
    for part in parts(model):
        name = type(part).__name__
        if name.startswith("HistGradientBoosting"):
            return "HistGradientBoosting estimators have no ONNX conversion"
        if type(part).__module__.split(".")[0] not in PACKAGES:
            return f"{name} has no ONNX conversion"
    if signature["kind"] == "tensor":
        dtype, shape = signature["tensor"]["dtype"], signature["tensor"]["shape"]
        if len(shape) != 2 or dtype in ("object", "str"):
            return f"the input is an array of {dtype} with {len(shape)} axes, not a matrix of numbers"
        return None
    texts = [column["name"] for column in signature["columns"] if column["type"] == TEXT]
    if texts and not hasattr(model, "steps") and not _selects_by_name(model):
        return f"column {texts[0]!r} goes into the estimator as text or a category, with no encoder before it"
    odd = [column["name"] for column in signature["columns"] if column["type"] not in (*NUMBERS, TEXT)]
    return f"column {odd[0]!r} is neither a number nor text" if odd else None


def parts(model):
    """A model and every fitted estimator inside it."""
    yield model
    inner = []
    if hasattr(model, "best_estimator_"):
        inner = [model.best_estimator_]
    elif hasattr(model, "steps"):
        inner = [step for _, step in model.steps]
    elif hasattr(model, "transformers_"):
        inner = [step for _, step, _ in model.transformers_]
    elif hasattr(model, "transformer_list"):
        inner = [step for _, step in model.transformer_list]
    elif hasattr(model, "calibrated_classifiers_"):
        inner = [calibrated.estimator for calibrated in model.calibrated_classifiers_]
    elif type(model).__name__.startswith(("Voting", "Stacking")):
        inner = [*model.estimators_, getattr(model, "final_estimator_", None)]
    for part in inner:
        if part is not None and not isinstance(part, str):
            yield from parts(part)


def missing_string(model):
    """The text by which the converted encoders know a missing value."""
    for part in parts(model):
        for categories in getattr(part, "categories_", ()):
            if categories.dtype == object:
                for value in categories:
                    if value is None or value != value:
                        return str(value)
    return ABSENT


def unwrap(model):
    """The estimator that predicts: a finished search stands for its best one."""
    while hasattr(model, "best_estimator_"):
        model = model.best_estimator_
    return model


def convert(model, signature, variant):
    """`model` as an ONNX model in one variant. Raises whatever the converter raises."""
    import skl2onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    _register_boosters(model)
    number = DoubleTensorType if variant["numbers"] == "double" else FloatTensorType
    columns = signature.get("columns")
    if variant["layout"] == "matrix":
        width = len(columns) if columns else signature["tensor"]["shape"][1]
        inputs = [("input", number([None, width]))]
    else:
        kinds = [StringTensorType if column["type"] == TEXT else number for column in columns]
        inputs = [(f"{PLACEHOLDER}{i}", kind([None, 1])) for i, kind in enumerate(kinds)]
    ready = _prepared(model, missing_string(model))
    if variant["cast"]:
        ready = _with_cast(ready)
    last = ready.steps[-1][1] if hasattr(ready, "steps") else ready
    graph = skl2onnx.convert_sklearn(
        ready,
        initial_types=inputs,
        target_opset=OPSET,
        options={id(last): {"zipmap": False} if hasattr(model, "predict_proba") else {}},
        custom_conversion_functions=operators.conversions(variant["holes"]),
    )
    if variant["layout"] == "columns":
        _name_inputs(graph.graph, [column["name"] for column in columns])
    return graph


def _selects_by_name(model):
    return any(hasattr(part, "transformers_") for part in parts(model))


def _prepared(model, absent):
    """A shallow copy in a form the converter takes; the fitted model itself stays as it is."""
    model = unwrap(model)
    if hasattr(model, "steps"):
        model = copy.copy(model)
        model.steps = [(name, _prepared(step, absent)) for name, step in model.steps if step not in (None, "passthrough")]
    elif hasattr(model, "transformers_"):
        names = getattr(model, "feature_names_in_", None)
        where = model._transformer_to_input_indices
        model = copy.copy(model)
        model.transformers_ = [
            (name, step if isinstance(step, str) else _prepared(step, absent), _columns(names, where.get(name, [])))
            for name, step, _ in model.transformers_
        ]
    elif hasattr(model, "transformer_list"):
        model = copy.copy(model)
        model.transformer_list = [(name, _prepared(step, absent)) for name, step in model.transformer_list]
    elif type(model).__name__ == "SimpleImputer" and model.statistics_.dtype == object:
        model = copy.copy(model)
        model.missing_values = absent  # the converter imputes text only where a text stands for "missing"
    elif hasattr(model, "flatten_transform"):
        model = copy.copy(model)
        model.flatten_transform = False
    elif type(model).__module__.startswith("xgboost") and model.get_booster().feature_names:
        model = copy.copy(model)
        model._Booster = model.get_booster().copy()
        model._Booster.feature_names = None  # the converter knows columns by position,
        model._Booster.feature_types = None  # and splits by a number
    return model


def _columns(names, indices):
    return list(indices) if names is None else [f"{PLACEHOLDER}{i}" for i in indices]


def _name_inputs(graph, names):
    """Gives the graph's inputs the columns' own names, which the converter would not take as they are."""
    inner = {output for node in graph.node for output in node.output} | {value.name for value in graph.initializer}
    renamed = {name: f"mlsys_inner_{name}" for name in inner & set(names)}
    renamed |= {f"{PLACEHOLDER}{i}": name for i, name in enumerate(names)}
    for value in [*graph.input, *graph.output, *graph.initializer]:
        value.name = renamed.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]


def _with_cast(pipeline):
    from skl2onnx.sklapi import CastTransformer

    pipeline = copy.copy(pipeline)
    pipeline.steps = [*pipeline.steps[:-1], ("cast", CastTransformer(dtype=np.float32)), pipeline.steps[-1]]
    return pipeline


def _register_boosters(model):
    """Make the XGBoost and LightGBM converters known to skl2onnx, where the model has such a part."""
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes as classifier
    from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes as regressor

    for part in parts(model):
        kind = type(part)
        family = kind.__module__.split(".")[0]
        if family not in ("xgboost", "lightgbm"):
            continue
        if not hasattr(part, "classes_"):
            update_registered_converter(kind, "Mlsys" + kind.__name__, regressor, getattr(boosters, family))
            continue
        if family == "xgboost":
            from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as converter
        else:
            from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as converter
        options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
        update_registered_converter(kind, "Mlsys" + kind.__name__, classifier, converter, options=options)
