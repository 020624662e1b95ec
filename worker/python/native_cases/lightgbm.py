"""LightGBM's estimators."""

import numpy as np
from lightgbm import Dataset, LGBMClassifier, LGBMRegressor, early_stopping, train
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from .boosting import gaps, gaps_count, gaps_labels, gaps_value
from .xgboost import codes, codes_value, gaps_share, gaps_three, whole, whole_value


def tiny(draw, count):
    """Numbers that LightGBM takes for 0, or nearly."""
    x = gaps(draw, count)
    x[:, 3] = draw.choice([0.0, -0.0, 1e-35, -1e-35, 1e-36, 1e-34, -1e-34, 1.0, -1.0, np.inf, -np.inf], count)
    return x


def tiny_value(x, draw):
    return gaps_value(x, draw) + (x[:, 3] > 0) - (x[:, 3] < -1e-35)


def boosted(model, **options):
    return lambda: model(n_estimators=20, random_state=0, verbose=-1, n_jobs=1, **options)


def own(truth, raw):
    """An objective of one's own."""
    return 2 * (raw - truth), np.full_like(truth, 2.0)


class Early:
    """Fitted with rows to stop early on."""

    def __init__(self, model):
        self.model = model

    def fit(self, x, y):
        return self.model.fit(x, y, eval_set=[(x[::-1], y)], callbacks=[early_stopping(3, verbose=False)])


class Categories:
    """Fitted with two columns of categories."""

    def __init__(self, model):
        self.model = model

    def fit(self, x, y):
        return self.model.fit(x, y, categorical_feature=[0, 1])


class Trained:
    """Trained by LightGBM's own function."""

    def __init__(self, **options):
        self.options = {"verbose": -1, "num_threads": 1, **options}

    def fit(self, x, y):
        return train(self.options, Dataset(x, y), 12)


FOREST = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}
CASES = {
    "binary": (boosted(LGBMClassifier), "frame", "binary"),
    "sigmoid": (boosted(LGBMClassifier, sigmoid=0.7), "array", "binary"),
    "three": (boosted(LGBMClassifier), gaps, gaps_labels),
    "three_each": (boosted(LGBMClassifier, objective="multiclassova", sigmoid=1.3), gaps, gaps_labels),
    "holes": (boosted(LGBMRegressor), "holes", "value"),
    "single": (boosted(LGBMRegressor), "float32", "value"),
    "whole": (boosted(LGBMRegressor), "whole", "value"),
    "tiny": (boosted(LGBMRegressor), tiny, tiny_value),
    "zero_missing": (boosted(LGBMRegressor, zero_as_missing=True), tiny, tiny_value),
    "not_missing": (boosted(LGBMRegressor, use_missing=False), tiny, tiny_value),
    "forest": (boosted(LGBMRegressor, **FOREST), gaps, gaps_value),
    "forest_three": (boosted(LGBMClassifier, **FOREST), gaps, gaps_labels),
    "dart": (boosted(LGBMClassifier, boosting_type="dart", drop_rate=0.4), "frame", "binary"),
    "linear": (boosted(LGBMRegressor, linear_tree=True), gaps, gaps_value),
    "linear_frame": (boosted(LGBMRegressor, linear_tree=True), "frame", "value"),
    "categories": (lambda: Categories(boosted(LGBMRegressor)()), codes, codes_value),
    "categories_one": (lambda: Categories(boosted(LGBMRegressor, max_cat_to_onehot=99)()), codes, codes_value),
    "early": (lambda: Early(boosted(LGBMRegressor)()), gaps, gaps_value),
    "constant": (boosted(LGBMRegressor, min_child_samples=500), gaps, gaps_value),
    "square": (boosted(LGBMRegressor, reg_sqrt=True), gaps, gaps_value),
    "sparse": (lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), boosted(LGBMRegressor)()), whole, whole_value),
    "own": (boosted(LGBMRegressor, objective=own), gaps, gaps_value),
    "trained": (lambda: Trained(objective="binary"), "frame", "binary"),
    "trained_three": (lambda: Trained(objective="multiclass", num_class=3), gaps, gaps_three),
    "linear_tiny": (boosted(LGBMRegressor, linear_tree=True), tiny, tiny_value),
    "share": (boosted(LGBMRegressor, objective="cross_entropy"), gaps, gaps_share),
    "share_lambda": (boosted(LGBMRegressor, objective="cross_entropy_lambda"), gaps, gaps_share),
    **{
        objective: (boosted(LGBMRegressor, objective=objective), gaps, gaps_count)
        for objective in ("poisson", "gamma", "tweedie", "regression_l1", "huber", "fair", "quantile", "mape")
    },
}
