"""Linear models."""

from sklearn import linear_model
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier, TweedieRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from . import behind_encoders

REGRESSORS = [
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor",
    "QuantileRegressor",
    "RANSACRegressor",
    "RidgeCV",
    "SGDRegressor",
    "TheilSenRegressor",
]
CLASSIFIERS = ["PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV", "SGDClassifier"]
SEVERAL = ["Lasso", "MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV", "Ridge", "RidgeCV"]


def scaled(make):
    """The model behind a scaler."""
    return lambda: make_pipeline(StandardScaler(), make())


def sgd(loss):
    """A classifier of that loss."""
    return scaled(lambda: SGDClassifier(loss=loss, random_state=0))


CASES = {
    "logistic_two": (lambda: LogisticRegression(max_iter=500), "frame", "binary"),
    "logistic_three": (lambda: LogisticRegression(max_iter=500), "frame", "labels"),
    "logistic_columns": (lambda: behind_encoders(LogisticRegression()), "mixed", "labels"),
    "logistic_liblinear": (lambda: LogisticRegression(solver="liblinear"), "array", "binary"),
    "logistic_cv": (
        scaled(lambda: linear_model.LogisticRegressionCV(Cs=2, cv=2, use_legacy_attributes=False)),
        "frame",
        "labels",
    ),
    "logistic_truth": (LogisticRegression, "whole", "truth"),
    "linear": (LinearRegression, "frame", "value"),
    "linear_pair": (LinearRegression, "array", "pair"),
    "linear_whole": (LinearRegression, "whole", "value"),
    "linear_single_column": (
        LinearRegression,
        lambda draw, count: draw.normal(size=(count, 1)),
        lambda x, draw: 3 * x[:, 0],
    ),
    "ridge_scaled": (lambda: make_pipeline(StandardScaler(), Ridge()), "frame", "value"),
    "ridge_columns": (lambda: behind_encoders(Ridge()), "mixed", "value"),
    "linear_svc_float32": (LinearSVC, "float32", "binary"),
    "sgd_log": (sgd("log_loss"), "frame", "binary"),
    "sgd_log_three": (sgd("log_loss"), "array", "labels"),
    "sgd_huber": (sgd("modified_huber"), "frame", "binary"),
    "sgd_huber_three": (sgd("modified_huber"), "array", "labels"),
    "one_class": (scaled(lambda: linear_model.SGDOneClassSVM(random_state=0)), "array", "binary"),
    "linear_svc": (scaled(LinearSVC), "frame", "labels"),
    "linear_svr": (scaled(LinearSVR), "array", "value"),
    "poisson": (scaled(linear_model.PoissonRegressor), "frame", "count"),
    "gamma": (
        scaled(linear_model.GammaRegressor),
        lambda draw, count: draw.normal(size=(count, 3)),
        lambda x, draw: draw.random(len(x)) + 1,
    ),
    "tweedie": (scaled(lambda: TweedieRegressor(power=1.5)), "frame", "count"),
    "tweedie_identity": (scaled(lambda: TweedieRegressor(power=0)), "frame", "value"),
    **{name: (scaled(getattr(linear_model, name)), "frame", "value") for name in REGRESSORS},
    **{f"{name}_two": (scaled(getattr(linear_model, name)), "array", "binary") for name in CLASSIFIERS},
    **{f"{name}_three": (scaled(getattr(linear_model, name)), "frame", "labels") for name in CLASSIFIERS},
    **{f"{name}_pair": (scaled(getattr(linear_model, name)), "array", "pair") for name in SEVERAL},
}
