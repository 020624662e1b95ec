"""scikit-learn's boosted trees."""

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor


def gaps(draw, count):
    """An array with missing values, ties and extremes."""
    x = draw.normal(size=(count, 5)) * [1, 10, 1e-3, 1e6, 1]
    x[:, 4] = draw.integers(0, 4, count)
    x[draw.random(x.shape) < 0.1] = np.nan
    return x


def gaps_value(x, draw):
    return np.nan_to_num(x[:, 0]) + 0.1 * np.nan_to_num(x[:, 1]) + np.isnan(x[:, 2])


def gaps_count(x, draw):
    return np.exp(gaps_value(x, draw) / 3) + 0.1


def gaps_labels(x, draw):
    return np.array(["a", "b", "c"])[np.digitize(gaps_value(x, draw), [-1, 1])]


def plain(model, **options):
    return lambda: model(n_estimators=15, random_state=0, **options)


def histogram(model, **options):
    return lambda: model(max_iter=8, random_state=0, **options)


CASES = {
    "binary": (plain(GradientBoostingClassifier), "frame", "binary"),
    "three": (plain(GradientBoostingClassifier, subsample=0.5), "array", "labels"),
    "exponential": (plain(GradientBoostingClassifier, loss="exponential"), "float32", "binary"),
    "from_zero": (plain(GradientBoostingClassifier, init="zero"), "frame", "labels"),
    "from_forest": (plain(GradientBoostingClassifier, init=RandomForestClassifier(5, max_depth=3)), "frame", "binary"),
    "from_forest_three": (plain(GradientBoostingClassifier, init=RandomForestClassifier(9, max_depth=3)), "frame", "labels"),
    "from_tree": (plain(GradientBoostingRegressor, init=DecisionTreeRegressor(max_depth=2)), "frame", "value"),
    "from_means": (plain(GradientBoostingRegressor, init=RandomForestRegressor(5)), "float32", "value"),
    "scaled": (lambda: make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=9)), "frame", "value"),
    "histogram": (histogram(HistGradientBoostingClassifier), "frame", "binary"),
    "histogram_three": (histogram(HistGradientBoostingClassifier), gaps, gaps_labels),
    "histogram_holes": (histogram(HistGradientBoostingClassifier, max_bins=20), "holes", "binary"),
    "histogram_single": (histogram(HistGradientBoostingRegressor), "float32", "value"),
    "histogram_whole": (histogram(HistGradientBoostingRegressor), "whole", "value"),
    "histogram_linked": (
        lambda: make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=6, early_stopping=True)),
        gaps,
        gaps_value,
    ),
    **{
        loss: (plain(GradientBoostingRegressor, loss=loss), "frame", "value")
        for loss in ("squared_error", "absolute_error", "huber", "quantile")
    },
    **{
        f"histogram_{loss}": (histogram(HistGradientBoostingRegressor, loss=loss, quantile=0.7), gaps, gaps_count)
        for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile")
    },
}
