"""Bags of estimators."""

from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    IsolationForest,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeRegressor

from .boosting import gaps, gaps_labels, gaps_value


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression())


def small(model, *given, **options):
    return lambda: model(*given, n_estimators=12, random_state=0, **options)


CASES = {
    "trees": (small(BaggingClassifier), gaps, gaps_labels),
    "trees_some_columns": (small(BaggingClassifier, max_features=0.6), "frame", "labels"),
    "trees_columns_twice": (small(BaggingRegressor, max_features=0.8, bootstrap_features=True), gaps, gaps_value),
    "trees_value": (small(BaggingRegressor, ExtraTreeRegressor()), "float32", "value"),
    "trees_some_classes": (small(BaggingClassifier, max_samples=3), "array", "labels"),
    "logistic": (small(BaggingClassifier, logistic(), max_features=3), "frame", "labels"),
    "ridge": (small(BaggingRegressor, Ridge(), max_features=3), "frame", "value"),
    "ridge_pair": (small(BaggingRegressor, Ridge()), "array", "pair"),
    "forests": (small(BaggingClassifier, ExtraTreesClassifier(5)), "frame", "binary"),
    "ada": (small(AdaBoostClassifier), "frame", "binary"),
    "ada_three": (small(AdaBoostClassifier, DecisionTreeClassifier(max_depth=3)), "array", "labels"),
    "ada_logistic": (small(AdaBoostClassifier, LogisticRegression(max_iter=20)), "frame", "labels"),
    "ada_logistic_two": (small(AdaBoostClassifier, LogisticRegression(max_iter=20)), "array", "binary"),
    "ada_value": (small(AdaBoostRegressor), "frame", "value"),
    "ada_value_square": (small(AdaBoostRegressor, loss="square"), "float32", "value"),
    "ada_ridge": (small(AdaBoostRegressor, Ridge()), "array", "value"),
    "isolation": (small(IsolationForest), "frame", "value"),
    "isolation_share": (small(IsolationForest, contamination=0.1), gaps, gaps_value),
    "isolation_some": (small(IsolationForest, max_features=0.5, max_samples=50), "array", "value"),
    "isolation_twice": (small(IsolationForest, max_features=3, bootstrap=True), "float32", "value"),
    "embedding_dense": (
        lambda: make_pipeline(RandomTreesEmbedding(9, sparse_output=False), LogisticRegression(max_iter=50)),
        "array",
        "binary",
    ),
    "embedding": (
        lambda: make_pipeline(RandomTreesEmbedding(20, max_depth=4), LogisticRegression(max_iter=500)),
        "frame",
        "labels",
    ),
}
