"""Which module exports which class. A module is imported when one of its classes is met."""

import importlib

from .kinds import Unsupported

# A class of another package, or derived from one of these, may do anything.
PACKAGES = ("sklearn", "xgboost", "lightgbm", "imblearn")
MODULES = {
    "bags": ("AdaBoostClassifier", "AdaBoostRegressor", "BaggingClassifier", "BaggingRegressor", "IsolationForest"),
    "boosting": (
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
    ),
    "chain": ("Pipeline",),
    "columns": ("ColumnTransformer", "FeatureUnion"),
    "encoders": ("OneHotEncoder",),
    "forests": (
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "RandomTreesEmbedding",
    ),
    "imputers": ("SimpleImputer",),
    "lightgbm": ("Booster", "LGBMClassifier", "LGBMRanker", "LGBMRegressor"),
    "linear": ("LinearRegression", "LogisticRegression", "Ridge"),
    "scalers": ("StandardScaler",),
    "xgboost": ("XGBClassifier", "XGBRanker", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"),
}
_MODULE_OF = {name: module for module, names in MODULES.items() for name in names}


def export(estimator, x, writer):
    """The operator of any estimator, and what comes out of it."""
    kind = type(estimator)
    module = _MODULE_OF.get(kind.__name__) if kind.__module__.split(".")[0] in PACKAGES else None
    if module is None:
        raise Unsupported(f"{kind.__name__} has no native form")
    return importlib.import_module(f".{module}", __package__).export(estimator, x, writer)
