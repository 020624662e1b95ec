"""Bins, thresholds, products and splines of numbers."""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

BINS = {"quantile_method": "averaged_inverted_cdf"}
MAKERS = {
    "bins": lambda: KBinsDiscretizer(6, **BINS),
    "bins_dense": lambda: KBinsDiscretizer(6, encode="onehot-dense", strategy="uniform"),
    "bins_places": lambda: KBinsDiscretizer(6, encode="ordinal", strategy="kmeans", random_state=0),
    "binarizer": lambda: Binarizer(threshold=3.3),
    "polynomial": PolynomialFeatures,
    "polynomial_cubes": lambda: PolynomialFeatures((2, 3), include_bias=False, order="F"),
    "polynomial_interactions": lambda: PolynomialFeatures(3, interaction_only=True),
    "spline": SplineTransformer,
    "spline_quantile": lambda: SplineTransformer(knots="quantile", degree=2, include_bias=False),
    "spline_linear": lambda: SplineTransformer(extrapolation="linear"),
    "spline_line": lambda: SplineTransformer(degree=1, extrapolation="linear"),
    "spline_continue": lambda: SplineTransformer(extrapolation="continue"),
    "spline_periodic": lambda: SplineTransformer(n_knots=7, extrapolation="periodic"),
    "spline_sparse": lambda: SplineTransformer(sparse_output=True, degree=4),
}
SINGLE = ("bins_dense", "bins_places", "binarizer", "polynomial", "polynomial_cubes", "spline", "spline_linear")


def bins_single():
    """Numbers that become 32-bit ones first."""
    return KBinsDiscretizer(6, encode="ordinal", strategy="uniform", dtype=np.float32)


def _cases():
    yield "bins_of_float32", (lambda: make_pipeline(bins_single(), DecisionTreeRegressor()), "frame", "value")
    for name, make in MAKERS.items():
        yield name, (lambda make=make: make_pipeline(StandardScaler(), make(), Ridge()), "frame", "value")
        yield (
            f"{name}_array",
            (lambda make=make: make_pipeline(make(), StandardScaler(with_mean=False), Ridge()), "array", "value"),
        )
        if name in SINGLE:
            yield f"{name}_float32", (lambda make=make: make_pipeline(make(), DecisionTreeRegressor()), "float32", "value")


CASES = {
    **dict(_cases()),
    "gaps": (
        lambda: make_pipeline(SplineTransformer(handle_missing="zeros"), StandardScaler(), Ridge()),
        lambda draw, count: np.where(draw.random((count, 3)) < 0.1, np.nan, draw.normal(size=(count, 3))),
        lambda made, draw: np.nansum(made, axis=1),
    ),
}
