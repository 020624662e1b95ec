"""Scalers, and the other transformers that keep each column in its place."""

import numpy as np

from . import kinds, registry
from .kinds import Matrix, Unsupported


def export(scaler, x, writer):
    """A `scale`, `normalize`, `power` or `quantile`."""
    return _EXPORTS[type(scaler).__name__](scaler, x, writer)


def _standard(scaler, x, writer):
    does = []
    if scaler.with_mean:
        does.append(("subtract", scaler.mean_))
    if scaler.with_std:
        does.append(("divide", scaler.scale_))
    # Before they are used, they become numbers of the rows' type.
    return _scale(scaler, x, writer, [(do, _rounded(by, x)) for do, by in does])


def _min_max(scaler, x, writer):
    does = [("multiply", scaler.scale_), ("add", scaler.min_)]
    return _scale(scaler, x, writer, does, scaler.feature_range if scaler.clip else None)


def _max_abs(scaler, x, writer):
    return _scale(scaler, x, writer, [("divide", scaler.scale_)], (-1.0, 1.0) if scaler.clip else None)


def _robust(scaler, x, writer):
    does = [("subtract", scaler.center_)] if scaler.with_centering else []
    return _scale(scaler, x, writer, [*does, ("divide", scaler.scale_)] if scaler.with_scaling else does)


def _scale(scaler, x, writer, does, clip=None):
    steps, matrix = kinds.checked(x, nan=True)
    width = kinds.width_of(scaler, matrix)
    if matrix.sparse:
        if any(do == "add" or do == "subtract" for do, _ in does):
            raise Unsupported(f"{type(scaler).__name__} of a sparse matrix, which it does not take")
        # Of a sparse matrix, all of them multiply by what they would divide by.
        does = [("multiply", 1.0 / by) for do, by in does if do == "divide"]
    does = [{"do": do, "by": writer.array(by)} for do, by in does]
    if clip is not None:
        low, high = (float(np.float32(end)) if matrix.single else float(end) for end in clip)
        does.append({"do": "clip", "low": low, "high": high})
    return kinds.chain(steps, {"op": "scale", "width": width, "steps": does}), _numbers(matrix)


def _normalizer(scaler, x, writer):
    del writer
    steps, matrix = kinds.checked(x)
    if scaler.norm != "max":
        kinds.doubles(matrix, "Normalizer")
    node = {"op": "normalize", "width": kinds.width_of(scaler, matrix), "norm": scaler.norm}
    return kinds.chain(steps, node), _numbers(matrix)


def _power(transformer, x, writer):
    steps, matrix = kinds.checked(x, nan=True)
    kinds.doubles(matrix, "PowerTransformer")
    kinds.width_of(transformer, matrix)
    out = _numbers(matrix)
    node = {"op": "power", "method": transformer.method, "lambdas": writer.array(transformer.lambdas_)}
    nodes = [*steps, node]
    if transformer.standardize:
        scale, out = registry.export(transformer._scaler, out, writer)
        nodes.append(scale)
    return {"op": "chain", "steps": nodes}, out


def _quantile(transformer, x, writer):
    from scipy import stats
    from sklearn.preprocessing._data import BOUNDS_THRESHOLD

    steps, matrix = kinds.checked(x, nan=True)
    kinds.width_of(transformer, matrix)
    quantiles = np.asarray(transformer.quantiles_, dtype=float).T
    if matrix.sparse or np.isnan(quantiles).any():
        raise Unsupported("QuantileTransformer of a sparse matrix or of an empty column")
    node = {"op": "quantile", "quantiles": writer.array(quantiles), "shares": writer.array(transformer.references_)}
    if transformer.output_distribution == "normal":
        kinds.doubles(matrix, "QuantileTransformer")
        low = BOUNDS_THRESHOLD - np.spacing(1)
        node |= {"low": float(stats.norm.ppf(low)), "high": float(stats.norm.ppf(1 - low))}
    return kinds.chain(steps, node), _numbers(matrix)


def _numbers(matrix):
    return Matrix(matrix.width, matrix.single, matrix.sparse)


def _rounded(numbers, x):
    return np.asarray(numbers, dtype=np.float32) if kinds.as_matrix(x)[1].single else numbers


_EXPORTS = {
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "Normalizer": _normalizer,
    "PowerTransformer": _power,
    "QuantileTransformer": _quantile,
    "RobustScaler": _robust,
    "StandardScaler": _standard,
}
