"""The models that the packager is tried on, and the rows they are fitted and asked on."""

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor


def numbers(draw, rows):
    """Columns of doubles, whole numbers and truths."""
    return pd.DataFrame(
        {
            "a": draw.normal(0, 10, rows),
            "b": draw.integers(0, 50, rows),
            "c d": draw.random(rows) * 1e3,
            "flag": draw.random(rows) < 0.5,
        }
    )


def mixed(draw, rows):
    """Numbers and text, with missing values in both."""
    table = numbers(draw, rows).drop(columns=["flag"])
    table["town"] = draw.choice(["x", "y", "z"], rows)
    table["kind"] = draw.choice(["p", "q"], rows)
    table.loc[draw.random(rows) < 0.1, "town"] = None
    table.loc[draw.random(rows) < 0.1, "a"] = np.nan
    return table


def target(table, kind):
    """Something learnable: `binary`, `truth`, `labels` (three texts), `value` (on both sides of zero) or `count`."""
    score = table["a"].fillna(0) + table["b"] * 0.5 + np.sin(table["c d"]) - 10
    if kind == "value":
        return score * 3
    if kind == "count":
        return np.round(np.exp(score / 20) * 10)
    if kind == "labels":
        return np.array(["low", "mid", "top"])[np.digitize(score, [-5, 8])]
    return (score > 0) if kind == "truth" else (score > 0).astype(int)


def logistic():
    return LogisticRegression(max_iter=500)


def behind_columns(last):
    """`last` behind imputers, a scaler and an encoder."""
    number = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(ColumnTransformer([("number", number, ["a", "b", "c d"]), ("text", text, ["town", "kind"])]), last)


CLASSIFIERS = {
    "logistic": logistic,
    "forest": lambda: RandomForestClassifier(20),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=20),
    "extra_trees": lambda: ExtraTreesClassifier(20),
    "svc": lambda: SVC(probability=True),
    "neighbours": KNeighborsClassifier,
    "network": lambda: MLPClassifier((15,), max_iter=40),
    "tree": DecisionTreeClassifier,
    "bayes": GaussianNB,
    "linear_svc": LinearSVC,
    "xgboost": lambda: XGBClassifier(n_estimators=15),
    "lightgbm": lambda: LGBMClassifier(n_estimators=15, verbose=-1),
    "voting": lambda: VotingClassifier([("l", logistic()), ("f", RandomForestClassifier(10))], voting="soft"),
    "stacking": lambda: StackingClassifier([("l", logistic()), ("f", RandomForestClassifier(10))], cv=3),
    "calibrated": lambda: CalibratedClassifierCV(RandomForestClassifier(10), cv=3),
}
REGRESSORS = {
    "linear": LinearRegression,
    "ridge": Ridge,
    "lasso": Lasso,
    "forest_regressor": lambda: RandomForestRegressor(20),
    "extra_regressor": lambda: ExtraTreesRegressor(20),
    "tree_regressor": DecisionTreeRegressor,
    "boosting_regressor": GradientBoostingRegressor,
    "boosting_median": lambda: GradientBoostingRegressor(loss="quantile", alpha=0.5, n_estimators=20),
    "boosting_from_zero": lambda: GradientBoostingRegressor(init="zero", n_estimators=20),
    "xgboost_regressor": XGBRegressor,
    "lightgbm_regressor": lambda: LGBMRegressor(verbose=-1),
    "lightgbm_forest": lambda: LGBMRegressor(
        boosting_type="rf", subsample=0.5, subsample_freq=1, n_estimators=15, verbose=-1
    ),
    "ada_regressor": lambda: AdaBoostRegressor(n_estimators=10),
    "bagging_regressor": BaggingRegressor,
    "neighbours_regressor": KNeighborsRegressor,
    "network_regressor": lambda: MLPRegressor(hidden_layer_sizes=(15,), max_iter=40),
    "voting_regressor": lambda: VotingRegressor(
        [("l", Ridge()), ("f", RandomForestRegressor(10)), ("b", XGBRegressor(n_estimators=10))]
    ),
    "stacking_regressor": lambda: StackingRegressor(
        [("l", Ridge()), ("b", GradientBoostingRegressor(n_estimators=10))], cv=3
    ),
}
KNOWN_TEXT = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
# Name: (model, rows, target, whether it is converted).
SPECIAL = {
    "min_max": (lambda: make_pipeline(MinMaxScaler(), logistic()), "frame", "binary", True),
    "pca_forest": (
        lambda: make_pipeline(StandardScaler(), PCA(3), RandomForestClassifier(20, max_depth=4)),
        "frame",
        "binary",
        True,
    ),
    "polynomial": (lambda: make_pipeline(StandardScaler(), PolynomialFeatures(2), logistic()), "frame", "binary", True),
    "passthrough": (
        lambda: make_pipeline(make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough"), logistic()),
        "frame",
        "binary",
        True,
    ),
    "drop_ordinal": (
        lambda: make_pipeline(
            make_column_transformer(
                (
                    make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OrdinalEncoder(**KNOWN_TEXT)),
                    ["town", "kind"],
                ),
                (SimpleImputer(), ["a"]),
            ),
            RandomForestClassifier(20),
        ),
        "mixed",
        "binary",
        True,
    ),
    "one_hot_missing": (
        lambda: make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town", "kind"]), remainder=SimpleImputer()),
            logistic(),
        ),
        "mixed",
        "labels",
        True,
    ),
    "selectors": (
        lambda: make_pipeline(
            make_column_transformer(
                (StandardScaler(), make_column_selector(dtype_include=float)),
                (OneHotEncoder(handle_unknown="ignore"), ["b"]),
            ),
            logistic(),
        ),
        "frame",
        "binary",
        True,
    ),
    "grid_search": (
        lambda: GridSearchCV(
            make_pipeline(StandardScaler(), RandomForestClassifier(10)), {"randomforestclassifier__max_depth": [3, 5]}, cv=2
        ),
        "frame",
        "binary",
        True,
    ),
    "forest_missing": (lambda: RandomForestClassifier(20), "holes", "binary", True),
    "xgboost_missing": (lambda: XGBClassifier(n_estimators=10), "holes", "binary", True),
    "lightgbm_missing": (lambda: LGBMClassifier(n_estimators=10, verbose=-1), "holes", "binary", True),
    "forest_regressor_missing": (lambda: RandomForestRegressor(20), "holes", "value", True),
    "xgboost_regressor_missing": (lambda: XGBRegressor(n_estimators=10), "holes", "value", True),
    "lightgbm_regressor_missing": (lambda: LGBMRegressor(n_estimators=10, verbose=-1), "holes", "value", True),
    "xgboost_counts": (lambda: XGBRegressor(objective="count:poisson", n_estimators=15), "frame", "count", True),
    "lightgbm_counts": (lambda: LGBMRegressor(objective="poisson", n_estimators=15, verbose=-1), "frame", "count", True),
    "boosting_from_tree": (
        lambda: GradientBoostingRegressor(init=DecisionTreeRegressor(max_depth=2)),
        "frame",
        "value",
        False,
    ),
    "lightgbm_zeros": (lambda: LGBMRegressor(zero_as_missing=True, verbose=-1), "frame", "value", False),
    "xgboost_dart": (lambda: XGBRegressor(booster="dart", n_estimators=10), "frame", "value", False),
    "svr": (lambda: make_pipeline(StandardScaler(), SVR()), "frame", "value", False),  # its conversion knows float32 only
    "truths": (logistic, "frame", "truth", True),
    "several_values": (LinearRegression, "frame", "pair", True),
    "float32_array": (logistic, "float32", "binary", True),
    "whole_number_array": (logistic, "whole", "binary", True),
    "histogram_boosting": (HistGradientBoostingClassifier, "frame", "binary", False),
    "categories": (lambda: LGBMClassifier(n_estimators=10, verbose=-1), "categories", "binary", False),
    "nullable": (HistGradientBoostingClassifier, "nullable", "binary", False),
    "text": (lambda: make_pipeline(TfidfVectorizer(), logistic()), "text", "binary", False),
}


def cases():
    for name, make in {**CLASSIFIERS, **REGRESSORS}.items():
        kind = "value" if name in REGRESSORS else "binary"
        converted = (
            None if name == "svc" else True
        )  # its conversion knows float32 only: verified on some data and not on other
        yield f"{name}-frame", make, "frame", kind, converted
        yield f"{name}-array", make, "array", kind, converted
        yield f"{name}-columns", lambda make=make: behind_columns(make()), "mixed", kind, converted
        if name in CLASSIFIERS and name not in (
            "xgboost",
            "svc",
        ):  # whole labels only; verified on some data and not on other
            yield f"{name}-labels", make, "frame", "labels", True
    for name, (make, rows, kind, converted) in SPECIAL.items():
        yield name, make, rows, kind, converted


def data(rows, kind, seed, count):
    draw = np.random.default_rng(seed)
    table = mixed(draw, count) if rows in ("mixed", "holes", "categories", "nullable", "text") else numbers(draw, count)
    y = np.c_[target(table, "value"), table["b"] * 2.0] if kind == "pair" else np.asarray(target(table, kind))
    forms = {
        "array": lambda: table.to_numpy(float),
        "float32": lambda: table.to_numpy("float32"),
        "whole": lambda: table[["b"]].assign(n=table["a"].astype(int)).to_numpy("int64"),
        "holes": lambda: table[["a", "b", "c d"]],
        "categories": lambda: table.astype({"town": "category", "kind": "category"}),
        "nullable": lambda: table[["a", "b"]].astype({"b": "Int64"}),
        "text": lambda: (table["kind"] + " " + table["b"].map(lambda b: "big town" if b > 25 else "tiny town")).rename(
            "words"
        ),
    }
    return forms.get(rows, lambda: table)(), y
