"""Trees of columns of categories."""

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from xgboost import XGBClassifier, XGBRegressor

from .xgboost import codes, codes_value

MANY = [f"t{place}" for place in range(60)]


def frame(draw, count):
    """Numbers, and categories of text and of whole numbers, in an order of their own, some of them missing or never met."""
    table = pd.DataFrame(
        {
            "a": draw.normal(size=count),
            "c": pd.Categorical(draw.choice(["u", "vé", "w"], count), categories=["w", "u", "vé", "zz"]),
            "d": pd.Categorical(draw.choice([5, 7, 99], count), categories=[99, 5, 7]),
            "e": pd.Categorical(draw.choice(MANY, count), categories=MANY),
            "i": draw.integers(0, 9, count),
            "flag": draw.random(count) < 0.4,
        }
    )
    table.loc[draw.random(count) < 0.1, "c"] = None
    table.loc[draw.random(count) < 0.1, "a"] = np.nan
    return table


def some(draw, count):
    return frame(draw, count)[["flag", "a", "c"]]


def only(draw, count):
    return frame(draw, count)[["c", "e"]]


def value(table, draw):
    score = (table["c"] == "u") * 2.0
    for name, weight in (("a", 1.0), ("i", 0.1), ("flag", 0.5)):
        score += weight * table[name].fillna(0) if name in table else 0
    return np.asarray(score + (2 * np.sin(table["e"].cat.codes) if "e" in table else 0))


def binary(table, draw):
    return (value(table, draw) > 1).astype(int)


def boosted(model, **options):
    return lambda: model(n_estimators=12, n_jobs=1, random_state=0, **options)


def histogram(model, **options):
    return lambda: model(max_iter=8, random_state=0, **options)


CASES = {
    "lightgbm": (boosted(LGBMRegressor, verbose=-1), frame, value),
    "lightgbm_class": (boosted(LGBMClassifier, verbose=-1), frame, binary),
    "lightgbm_only": (boosted(LGBMRegressor, verbose=-1), only, value),
    "lightgbm_frame": (boosted(LGBMClassifier, verbose=-1), "categories", "binary"),
    "xgboost": (boosted(XGBRegressor, enable_categorical=True), frame, value),
    "xgboost_class": (boosted(XGBClassifier, enable_categorical=True), frame, binary),
    "xgboost_only": (boosted(XGBRegressor, enable_categorical=True), only, value),
    "histogram": (histogram(HistGradientBoostingRegressor), frame, value),
    "histogram_class": (histogram(HistGradientBoostingClassifier), frame, binary),
    "histogram_only": (histogram(HistGradientBoostingRegressor), only, value),
    "histogram_chosen": (histogram(HistGradientBoostingRegressor, categorical_features=["c", "flag"]), some, value),
    "histogram_array": (histogram(HistGradientBoostingRegressor, categorical_features=[0, 1]), codes, codes_value),
    "nullable": (histogram(HistGradientBoostingClassifier), "nullable", "binary"),
}
