"""Which module exports which class. A module is imported when one of its classes is met."""

import importlib

from .kinds import Unsupported

# A class of another package, or derived from one of these, may do anything.
PACKAGES = ("sklearn", "xgboost", "lightgbm", "imblearn")
MODULES = {
    "calibration": ("CalibratedClassifierCV",),
    "chain": ("Pipeline",),
    "columns": ("ColumnTransformer", "FeatureUnion"),
    "dummies": ("DummyClassifier", "DummyRegressor"),
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
    ),
    "imputers": ("SimpleImputer",),
    "linear": ("LinearRegression", "LogisticRegression", "Ridge"),
    "multiclass": ("OneVsOneClassifier", "OneVsRestClassifier", "OutputCodeClassifier"),
    "learned": ("FeatureAgglomeration", "NeighborhoodComponentsAnalysis"),
    "multioutput": ("ClassifierChain", "MultiOutputClassifier", "MultiOutputRegressor", "RegressorChain"),
    "propagation": ("LabelPropagation", "LabelSpreading"),
    "scalers": ("StandardScaler",),
    "stacking": ("StackingClassifier", "StackingRegressor"),
    "targets": ("TransformedTargetRegressor",),
    "thresholds": ("FixedThresholdClassifier", "TunedThresholdClassifierCV"),
    "voting": ("VotingClassifier", "VotingRegressor"),
    "wrappers": (
        "FrozenEstimator",
        "GridSearchCV",
        "HalvingGridSearchCV",
        "HalvingRandomSearchCV",
        "RandomizedSearchCV",
        "SelfTrainingClassifier",
    ),
}
_MODULE_OF = {name: module for module, names in MODULES.items() for name in names}


def export(estimator, x, writer, transforms=False):
    """The operator of any estimator, and what comes out of it. `transforms`: it stands where its `transform` is called, even if it
    also predicts; its module then has a function of that name."""
    kind = type(estimator)
    module = _MODULE_OF.get(kind.__name__) if kind.__module__.split(".")[0] in PACKAGES else None
    if module is None:
        raise Unsupported(f"{kind.__name__} has no native form")
    module = importlib.import_module(f".{module}", __package__)
    return (getattr(module, "transform", module.export) if transforms else module.export)(estimator, x, writer)
