"""Scalers, and the other transformers that keep each column in its place."""

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor

SCALERS = {
    "standard": StandardScaler,
    "standard_mean": lambda: StandardScaler(with_std=False),
    "standard_deviation": lambda: StandardScaler(with_mean=False),
    "min_max": MinMaxScaler,
    "min_max_clip": lambda: MinMaxScaler((-1, 3), clip=True),
    "max_abs": MaxAbsScaler,
    "max_abs_clip": lambda: MaxAbsScaler(clip=True),
    "robust": RobustScaler,
    "robust_center": lambda: RobustScaler(with_scaling=False),
    "robust_unit": lambda: RobustScaler(with_centering=False, quantile_range=(5, 95), unit_variance=True),
    "normalizer": Normalizer,
    "normalizer_l1": lambda: Normalizer("l1"),
    "normalizer_max": lambda: Normalizer("max"),
    "power": PowerTransformer,
    "power_unscaled": lambda: PowerTransformer(standardize=False),
    "quantile": lambda: QuantileTransformer(n_quantiles=100),
    "quantile_normal": lambda: QuantileTransformer(n_quantiles=600, output_distribution="normal"),
}
SINGLE = ("standard", "min_max_clip", "max_abs_clip", "robust", "normalizer_max", "quantile")
SPARSE = ("standard_deviation", "max_abs", "max_abs_clip", "robust_unit", "normalizer", "normalizer_l1", "normalizer_max")


def positive(draw, count):
    """Columns of positive numbers."""
    return draw.lognormal(0, 1, (count, 3)) + np.array([0, 1, 1e-6])


def encoded(scaler):
    """`scaler` behind an encoder that makes a sparse matrix."""
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["b", "flag"]), (MinMaxScaler(clip=True), ["c d"]), sparse_threshold=1
    )
    return make_pipeline(encoder, scaler, Ridge())


def _cases():
    for name, make in SCALERS.items():
        yield name, (lambda make=make: make_pipeline(make(), Ridge()), "frame", "value")
        yield f"{name}_array", (lambda make=make: make_pipeline(make(), Ridge()), "array", "value")
        if name in SINGLE:
            yield f"{name}_float32", (lambda make=make: make_pipeline(make(), DecisionTreeRegressor()), "float32", "value")
        if name in SPARSE:
            yield f"{name}_sparse", (lambda make=make: encoded(make()), "frame", "value")
    for name, scaler in (("box_cox", PowerTransformer("box-cox")),):
        yield name, (lambda scaler=scaler: make_pipeline(scaler, Ridge()), positive, lambda made, draw: made.sum(axis=1))


CASES = dict(_cases())
