"""Which module exports which class. A module is imported when one of its classes is met."""

import importlib

from .kinds import Unsupported

# A class of another package, or derived from one of these, may do anything.
PACKAGES = ("sklearn", "xgboost", "lightgbm", "imblearn")
MODULES = {
    "bags": (
        "AdaBoostClassifier",
        "AdaBoostRegressor",
        "BaggingClassifier",
        "BaggingRegressor",
        "IsolationForest",
    ),
    "bayes": (
        "BernoulliNB",
        "CategoricalNB",
        "ComplementNB",
        "GaussianNB",
        "MultinomialNB",
    ),
    "boosting": (
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
    ),
    "calibration": ("CalibratedClassifierCV",),
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
    "columns": (
        "ColumnTransformer",
        "FeatureUnion",
    ),
    "decompositions": (
        "BernoulliRBM",
        "FactorAnalysis",
        "FastICA",
        "GaussianRandomProjection",
        "IncrementalPCA",
        "MiniBatchSparsePCA",
        "PCA",
        "PLSSVD",
        "SparsePCA",
        "SparseRandomProjection",
        "TruncatedSVD",
    ),
    "discretizers": (
        "Binarizer",
        "KBinsDiscretizer",
    ),
    "dummies": (
        "DummyClassifier",
        "DummyRegressor",
    ),
    "encoders": (
        "OneHotEncoder",
        "OrdinalEncoder",
        "TargetEncoder",
    ),
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
    "functions": ("FunctionTransformer",),
    "gaussians": (
        "BayesianGaussianMixture",
        "EllipticEnvelope",
        "GaussianMixture",
        "QuadraticDiscriminantAnalysis",
    ),
    "imputers": (
        "IterativeImputer",
        "KNNImputer",
        "MissingIndicator",
        "SimpleImputer",
    ),
    "isotonic": ("IsotonicRegression",),
    "kernel_maps": (
        "AdditiveChi2Sampler",
        "KernelCenterer",
        "KernelPCA",
        "Nystroem",
        "PolynomialCountSketch",
        "RBFSampler",
        "SkewedChi2Sampler",
    ),
    "kernels": (
        "GaussianProcessRegressor",
        "KernelRidge",
        "NuSVC",
        "NuSVR",
        "OneClassSVM",
        "SVC",
        "SVR",
    ),
    "learned": (
        "FeatureAgglomeration",
        "NeighborhoodComponentsAnalysis",
    ),
    "lightgbm": (
        "Booster",
        "LGBMClassifier",
        "LGBMRanker",
        "LGBMRegressor",
    ),
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
    "multiclass": (
        "OneVsOneClassifier",
        "OneVsRestClassifier",
        "OutputCodeClassifier",
    ),
    "multioutput": (
        "ClassifierChain",
        "MultiOutputClassifier",
        "MultiOutputRegressor",
        "RegressorChain",
    ),
    "neighbours": (
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "LocalOutlierFactor",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
    ),
    "networks": (
        "MLPClassifier",
        "MLPRegressor",
    ),
    "polynomials": (
        "PolynomialFeatures",
        "SplineTransformer",
    ),
    "projections": (
        "CCA",
        "LinearDiscriminantAnalysis",
        "PLSCanonical",
        "PLSRegression",
    ),
    "propagation": (
        "LabelPropagation",
        "LabelSpreading",
    ),
    "scalers": (
        "MaxAbsScaler",
        "MinMaxScaler",
        "Normalizer",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "StandardScaler",
    ),
    "selectors": (
        "GenericUnivariateSelect",
        "RFE",
        "RFECV",
        "SelectFdr",
        "SelectFpr",
        "SelectFromModel",
        "SelectFwe",
        "SelectKBest",
        "SelectPercentile",
        "SequentialFeatureSelector",
        "VarianceThreshold",
    ),
    "stacking": (
        "StackingClassifier",
        "StackingRegressor",
    ),
    "targets": ("TransformedTargetRegressor",),
    "text": (
        "CountVectorizer",
        "HashingVectorizer",
        "TfidfTransformer",
        "TfidfVectorizer",
    ),
    "thresholds": (
        "FixedThresholdClassifier",
        "TunedThresholdClassifierCV",
    ),
    "voting": (
        "VotingClassifier",
        "VotingRegressor",
    ),
    "wrappers": (
        "FrozenEstimator",
        "GridSearchCV",
        "HalvingGridSearchCV",
        "HalvingRandomSearchCV",
        "RandomizedSearchCV",
        "SelfTrainingClassifier",
    ),
    "xgboost": (
        "XGBClassifier",
        "XGBRFClassifier",
        "XGBRFRegressor",
        "XGBRanker",
        "XGBRegressor",
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
