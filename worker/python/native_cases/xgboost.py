"""XGBoost's estimators."""

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from .boosting import gaps, gaps_count, gaps_value


def gaps_binary(x, draw):
    return (gaps_value(x, draw) > 0).astype(int)


def gaps_three(x, draw):
    return np.digitize(gaps_value(x, draw), [-1, 1])


def gaps_share(x, draw):
    return np.clip(gaps_value(x, draw) / 9 + 0.5, 0, 1)


def gaps_pair(x, draw):
    value = gaps_value(x, draw)
    return np.c_[value, value**2]


def codes(draw, count):
    """Places of categories in an array."""
    return np.c_[draw.integers(0, 40, count), draw.integers(0, 3, count), draw.normal(size=count)]


def codes_value(x, draw):
    return np.sin(x[:, 0]) * (x[:, 1] - 1) + x[:, 2]


def whole(draw, count):
    return draw.integers(0, 9, (count, 4))


def whole_value(x, draw):
    return x[:, 0] * 1.0 - x[:, 1] * x[:, 2]


def boosted(model, **options):
    return lambda: model(n_estimators=12, random_state=0, n_jobs=1, **options)


def own(truth, raw):
    """An objective of one's own."""
    return 2 * (raw - truth), np.full_like(truth, 2.0)


class Early:
    """Fitted with rows to stop early on."""

    def __init__(self, model):
        self.model = model

    def fit(self, x, y):
        return self.model.fit(x, y, eval_set=[(np.asarray(x)[::-1][:100], np.asarray(y)[:100])], verbose=False)


CASES = {
    "binary": (boosted(XGBClassifier), gaps, gaps_binary),
    "frame": (boosted(XGBClassifier), "frame", "binary"),
    "holes": (boosted(XGBRegressor), "holes", "value"),
    "single": (boosted(XGBRegressor), "float32", "value"),
    "whole": (boosted(XGBRegressor), "whole", "value"),
    "three": (boosted(XGBClassifier), gaps, gaps_three),
    "forest": (boosted(XGBRFClassifier), gaps, gaps_binary),
    "forest_three": (boosted(XGBRFClassifier, max_depth=4), gaps, gaps_three),
    "forest_value": (boosted(XGBRFRegressor), "frame", "value"),
    "parallel": (boosted(XGBRegressor, num_parallel_tree=3, subsample=0.5), gaps, gaps_value),
    "lossguide": (boosted(XGBRegressor, grow_policy="lossguide", max_leaves=9, max_depth=0), gaps, gaps_value),
    "exact": (boosted(XGBRegressor, tree_method="exact", gamma=5), gaps, gaps_value),
    "approx": (boosted(XGBRegressor, tree_method="approx"), gaps, gaps_value),
    "constant": (lambda: XGBRegressor(n_estimators=0), gaps, gaps_value),
    "dart": (boosted(XGBRegressor, booster="dart", rate_drop=0.3), gaps, gaps_value),
    "dart_three": (boosted(XGBClassifier, booster="dart", rate_drop=0.3, one_drop=True), gaps, gaps_three),
    "linear": (boosted(XGBRegressor, booster="gblinear"), gaps, gaps_value),
    "linear_three": (boosted(XGBClassifier, booster="gblinear"), gaps, gaps_three),
    "missing": (boosted(XGBRegressor, missing=0.0), whole, whole_value),
    "missing_one": (boosted(XGBClassifier, missing=1.0), "frame", "binary"),
    "early": (lambda: Early(XGBRegressor(early_stopping_rounds=2, n_estimators=60, n_jobs=1)), gaps, gaps_value),
    "early_three": (lambda: Early(XGBClassifier(early_stopping_rounds=2, num_parallel_tree=2, n_jobs=1)), gaps, gaps_three),
    "hinge": (boosted(XGBClassifier, objective="binary:hinge"), gaps, gaps_binary),
    "raw": (boosted(XGBClassifier, objective="binary:logitraw"), gaps, gaps_binary),
    "base": (boosted(XGBClassifier, base_score=0.3), gaps, gaps_binary),
    "own": (boosted(XGBRegressor, objective=own), gaps, gaps_value),
    "share": (boosted(XGBRegressor, objective="reg:logistic"), gaps, gaps_share),
    "categories": (boosted(XGBRegressor, feature_types=["c", "c", "q"], enable_categorical=True), codes, codes_value),
    "categories_one": (
        boosted(XGBRegressor, feature_types=["c", "c", "q"], enable_categorical=True, max_cat_to_onehot=99),
        codes,
        codes_value,
    ),
    "sparse": (
        lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), XGBRegressor(n_estimators=9)),
        whole,
        whole_value,
    ),
    "pair": (boosted(XGBRegressor), gaps, gaps_pair),
    "pair_leaves": (boosted(XGBRegressor, multi_strategy="multi_output_tree"), gaps, gaps_pair),
    "quantiles": (boosted(XGBRegressor, objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9]), gaps, gaps_value),
    **{
        objective.split(":")[1]: (boosted(XGBRegressor, objective=objective), gaps, gaps_count)
        for objective in (
            "count:poisson",
            "reg:absoluteerror",
            "reg:gamma",
            "reg:pseudohubererror",
            "reg:squaredlogerror",
            "reg:tweedie",
            "survival:cox",
        )
    },
}
