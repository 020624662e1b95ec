"""`TransformedTargetRegressor`: the inverses of what its target was transformed by."""

import numpy as np

from . import members
from .kinds import Says, Unsupported

# Functions of numpy, and what they are in `crates/native/src/ops/untarget.rs`.
FUNCTIONS = {
    np.exp: "exp",
    np.exp2: "exp2",
    np.expm1: "expm1",
    np.log: "log",
    np.log10: "log10",
    np.log1p: "log1p",
    np.log2: "log2",
    np.sqrt: "sqrt",
    np.square: "square",
    np.cbrt: "cbrt",
    np.reciprocal: "reciprocal",
    np.negative: "negative",
    np.sinh: "sinh",
    np.arcsinh: "arcsinh",
}
# Those that are exact in 32 bits when computed in 64 and rounded.
EXACT = ("sqrt", "square", "reciprocal", "negative")


def export(model, x, writer):
    """The regressor, and the inverse of the target's transformer."""
    node, says = members.said(model.regressor_, x, writer)
    if says.classes is not None:
        raise Unsupported("a classifier with a transformed target")
    steps = [members.gather([(node, [members.prediction(says, writer)])])]
    steps += inverse(model.transformer_, says.width, says.single, writer)
    return {"op": "chain", "steps": [*steps, {"op": "untarget", "steps": []}]}, Says(width=says.width, single=says.single)


def inverse(transformer, width, single, writer):
    """The steps that do what `inverse_transform` does."""
    kind = type(transformer).__name__
    if not type(transformer).__module__.startswith("sklearn.") or kind not in INVERSES:
        raise Unsupported(f"the inverse of {kind}")
    return INVERSES[kind](transformer, width, single, writer)


def _pipeline(pipeline, width, single, writer):
    steps = []
    for _, step in reversed(pipeline.steps):
        if step is not None and not isinstance(step, str):
            steps += inverse(step, width, single, writer)
    return steps


def _function(transformer, width, single, writer):
    del width, writer
    function = transformer.inverse_func
    steps = [{"op": "check", "nan": False, "single": False}] if transformer.validate else []
    if function is None:
        return steps
    if transformer.inv_kw_args or not isinstance(function, np.ufunc) or function not in FUNCTIONS:
        raise Unsupported(f"the function {getattr(function, '__name__', function)!r}")
    name = FUNCTIONS[function]
    if single and name not in EXACT:
        raise Unsupported(f"{name} of numbers of 32 bits")
    return [*steps, {"op": "untarget", "steps": [{"do": name}]}]


def _scale(width, does, writer):
    steps = [{"do": what, "by": writer.array(np.broadcast_to(by, (width,)))} for what, by in does if by is not None]
    return [{"op": "check", "nan": True, "single": False}, {"op": "scale", "width": width, "steps": steps}]


def _standard(scaler, width, single, writer):
    by = (scaler.scale_ if scaler.with_std else None, scaler.mean_ if scaler.with_mean else None)
    if single:  # it rounds its own numbers to the 32 bits of those that it is given
        by = tuple(None if numbers is None else np.asarray(numbers, np.float32) for numbers in by)
    return _scale(width, [("multiply", by[0]), ("add", by[1])], writer)


def _in_double(single):
    if single:
        raise Unsupported("an inverse of numbers of 32 bits")


def _min_max(scaler, width, single, writer):
    _in_double(single)
    return _scale(width, [("subtract", scaler.min_), ("divide", scaler.scale_)], writer)


def _max_abs(scaler, width, single, writer):
    _in_double(single)
    return _scale(width, [("multiply", scaler.scale_)], writer)


def _robust(scaler, width, single, writer):
    _in_double(single)
    by = (scaler.scale_ if scaler.with_scaling else None, scaler.center_ if scaler.with_centering else None)
    return _scale(width, [("multiply", by[0]), ("add", by[1])], writer)


def _power(transformer, width, single, writer):
    _in_double(single)
    steps = _standard(transformer._scaler, width, single, writer) if transformer.standardize else _scale(width, [], writer)
    name = {"yeo-johnson": "yeo_johnson", "box-cox": "box_cox"}[transformer.method]
    return [*steps, {"op": "untarget", "steps": [{"do": name, "by": writer.array(transformer.lambdas_)}]}]


def _quantile(transformer, width, single, writer):
    _in_double(single)
    columns = [{"at": writer.array(column)} for column in transformer.quantiles_.T]
    normal = transformer.output_distribution == "normal"
    step = {"do": "quantiles", "shares": writer.array(transformer.references_), "columns": columns, "normal": normal}
    return [*_scale(width, [], writer), {"op": "untarget", "steps": [step]}]


INVERSES = {
    "FunctionTransformer": _function,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "Pipeline": _pipeline,
    "PowerTransformer": _power,
    "QuantileTransformer": _quantile,
    "RobustScaler": _robust,
    "StandardScaler": _standard,
}
