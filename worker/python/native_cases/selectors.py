"""Selectors of columns."""

from sklearn.compose import make_column_transformer
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    chi2,
    f_regression,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

SELECTORS = {
    "variance": lambda: VarianceThreshold(1),
    "best": lambda: SelectKBest(f_regression, k=2),
    "percentile": lambda: SelectPercentile(f_regression, percentile=40),
    "fpr": lambda: SelectFpr(f_regression),
    "fdr": lambda: SelectFdr(f_regression),
    "fwe": lambda: SelectFwe(f_regression),
    "univariate": lambda: GenericUnivariateSelect(f_regression, mode="k_best", param=3),
    "model": lambda: SelectFromModel(DecisionTreeRegressor(max_depth=4)),
    "sequential": lambda: SequentialFeatureSelector(Ridge(), n_features_to_select=2, cv=2),
    "rfe": lambda: RFE(Ridge(), n_features_to_select=2),
}


def sparse():
    """Selectors behind an encoder that makes a sparse matrix."""
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["b", "flag"]))
    return make_pipeline(encoder, VarianceThreshold(0.01), SelectKBest(chi2, k=9), LogisticRegression())


CASES = {
    **{name: (lambda make=make: make_pipeline(make(), Ridge()), "frame", "value") for name, make in SELECTORS.items()},
    **{
        f"{name}_float32": (lambda make=make: make_pipeline(make(), DecisionTreeRegressor()), "float32", "value")
        for name, make in SELECTORS.items()
    },
    "pandas": (
        lambda: make_pipeline(StandardScaler(), VarianceThreshold(), SelectKBest(k=2), LogisticRegression()).set_output(
            transform="pandas"
        ),
        "frame",
        "labels",
    ),
    "rfe_itself": (lambda: RFE(LogisticRegression(max_iter=500), n_features_to_select=2), "frame", "labels"),
    "rfecv_itself": (lambda: RFECV(DecisionTreeRegressor(max_depth=5), cv=2), "array", "value"),
    "sparse": (sparse, "frame", "binary"),
}
