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
    "bayes": ("BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"),
    "chain": ("Pipeline",),
    "clusters": (
        "AffinityPropagation",
        "Birch",
        "BisectingKMeans",
        "KMeans",
        "MeanShift",
        "MiniBatchKMeans",
        "NearestCentroid",
    ),
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
    "gaussians": ("BayesianGaussianMixture", "EllipticEnvelope", "GaussianMixture", "QuadraticDiscriminantAnalysis"),
    "imputers": ("SimpleImputer",),
    "lightgbm": ("LGBMClassifier", "LGBMRanker", "LGBMRegressor"),
    "linear": ("LinearRegression", "LogisticRegression", "Ridge"),
    "kernels": ("GaussianProcessRegressor", "KernelRidge", "NuSVC", "NuSVR", "OneClassSVM", "SVC", "SVR"),
    "linear": (
        "ARDRegression",
        "BayesianRidge",
        "ElasticNet",
        "ElasticNetCV",
        "GammaRegressor",
        "HuberRegressor",
        "Lars",
        "LarsCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "LinearRegression",
        "LinearSVC",
        "LinearSVR",
        "LogisticRegression",
        "LogisticRegressionCV",
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
        "Perceptron",
        "PoissonRegressor",
        "QuantileRegressor",
        "RANSACRegressor",
        "Ridge",
        "RidgeCV",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "SGDClassifier",
        "SGDOneClassSVM",
        "SGDRegressor",
        "TheilSenRegressor",
        "TweedieRegressor",
    ),
    "neighbours": (
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "LocalOutlierFactor",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
    ),
    "networks": ("MLPClassifier", "MLPRegressor"),
    "projections": ("CCA", "LinearDiscriminantAnalysis", "PLSCanonical", "PLSRegression"),
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
