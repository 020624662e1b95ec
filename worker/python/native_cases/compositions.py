"""Estimators made of others."""

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, RandomizedSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier


def behind_columns(last):
    gaps = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(
        ColumnTransformer([("n", gaps, ["a", "b", "c d"]), ("t", OneHotEncoder(handle_unknown="ignore"), ["town", "kind"])]),
        last,
    )


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression())


def forest():
    return RandomForestClassifier(7, max_depth=4, random_state=0)


def pair():
    return [("l", logistic()), ("f", forest())]


def regressors():
    return [
        ("r", Ridge()),
        ("f", RandomForestRegressor(5, max_depth=4, random_state=0)),
        ("o", "drop"),
        ("l", LinearRegression()),
    ]


def positive(rows, draw):
    return np.exp(rows[:, 0] / 3 + draw.normal(size=len(rows)) / 10)


def normal(draw, count):
    return draw.normal(size=(count, 3))


def some_unlabelled(rows, draw):
    return np.where(draw.random(len(rows)) < 0.4, -1, (rows[:, 0] > 0).astype(int))


def four(rows, draw):
    del draw
    return np.array(["n", "e", "s", "w"])[(rows[:, 0] > 0).astype(int) + 2 * (rows[:, 1] > 0)]


def back(**options):
    return lambda: TransformedTargetRegressor(Ridge(), **options)


_VOTING = {
    "voting_soft": (lambda: VotingClassifier(pair(), voting="soft"), "frame", "labels"),
    "voting_soft_weights": (lambda: VotingClassifier(pair(), voting="soft", weights=[2, 0.7]), "array", "labels"),
    "voting_hard": (lambda: VotingClassifier([*pair(), ("t", DecisionTreeClassifier())]), "array", "labels"),
    "voting_hard_ties": (lambda: VotingClassifier(pair()), "frame", "labels"),
    "voting_hard_weights": (
        lambda: VotingClassifier([*pair(), ("t", DecisionTreeClassifier())], weights=[0.1, 0.2, 0.3]),
        "frame",
        "labels",
    ),
    "voting_columns": (lambda: behind_columns(VotingClassifier(pair(), voting="soft")), "mixed", "binary"),
    "voting_of_columns": (
        lambda: VotingClassifier([("a", behind_columns(forest())), ("b", behind_columns(logistic()))], voting="soft"),
        "mixed",
        "labels",
    ),
    "voting_regressor": (lambda: VotingRegressor(regressors()), "frame", "value"),
    "voting_regressor_weights": (lambda: VotingRegressor(regressors(), weights=[1, 2, 9, 3]), "array", "value"),
}
_STACKING = {
    "stacking_two": (lambda: StackingClassifier(pair(), cv=2), "frame", "binary"),
    "stacking_three": (lambda: StackingClassifier(pair(), forest(), cv=2), "array", "labels"),
    "stacking_decisions": (
        lambda: StackingClassifier([("l", logistic())], forest(), cv=2, stack_method="decision_function"),
        "frame",
        "labels",
    ),
    "stacking_decision": (
        lambda: StackingClassifier([("l", logistic())], forest(), cv=2, stack_method="decision_function"),
        "frame",
        "binary",
    ),
    "stacking_labels": (lambda: StackingClassifier(pair(), cv=2, stack_method="predict"), "frame", "labels"),
    "stacking_through": (lambda: StackingClassifier(pair(), forest(), cv=2, passthrough=True), "frame", "labels"),
    "stacking_regressor": (lambda: StackingRegressor(regressors(), LinearRegression(), cv=2), "frame", "value"),
    "stacking_regressor_through": (
        lambda: StackingRegressor(regressors(), Ridge(), cv=2, passthrough=True),
        "array",
        "value",
    ),
}
_CALIBRATED = {
    f"calibrated_{method}_{kind}_{inner.__name__}_{ensemble}": (
        lambda method=method, inner=inner, ensemble=ensemble: CalibratedClassifierCV(
            inner(), method=method, cv=2, ensemble=ensemble
        ),
        rows,
        kind,
    )
    for method in ("sigmoid", "isotonic", "temperature")
    for inner, ensemble, rows in ((logistic, True, "array"), (forest, False, "frame"))
    for kind in ("binary", "labels")
}
_MULTICLASS = {
    "rest_logistic": (lambda: OneVsRestClassifier(logistic()), "frame", "labels"),
    "rest_forest": (lambda: OneVsRestClassifier(forest()), "array", "labels"),
    "rest_two": (lambda: OneVsRestClassifier(logistic()), "frame", "binary"),
    "rest_two_forest": (lambda: OneVsRestClassifier(forest()), "frame", "truth"),
    "rest_regressor": (lambda: OneVsRestClassifier(Ridge()), "frame", "labels"),
    "rest_four": (lambda: OneVsRestClassifier(DecisionTreeClassifier(max_depth=2)), normal, four),
    "one_logistic": (lambda: OneVsOneClassifier(logistic()), "frame", "labels"),
    "one_two": (lambda: OneVsOneClassifier(logistic()), "frame", "binary"),
    "one_forest": (lambda: OneVsOneClassifier(forest()), normal, four),
    "one_regressor": (lambda: OneVsOneClassifier(Ridge()), "frame", "labels"),
    "code_logistic": (lambda: OutputCodeClassifier(logistic(), code_size=3, random_state=1), normal, four),
    "code_forest": (lambda: OutputCodeClassifier(forest(), code_size=2, random_state=1), "frame", "labels"),
}
_OUTPUTS = {
    "several": (lambda: MultiOutputRegressor(RandomForestRegressor(5)), "frame", "pair"),
    "in_turn": (lambda: RegressorChain(Ridge()), "frame", "pair"),
    "in_other_turn": (lambda: RegressorChain(RandomForestRegressor(5), order=[1, 0], cv=2), "array", "pair"),
}
_TARGETS = {
    "target_log": (back(func=np.log, inverse_func=np.exp), normal, positive),
    "target_log1p": (back(func=np.log1p, inverse_func=np.expm1), normal, positive),
    "target_sqrt": (back(func=np.sqrt, inverse_func=np.square), normal, positive),
    "target_exp": (back(func=np.exp, inverse_func=np.log, check_inverse=False), "array", "binary"),
    "target_plain": (back(), "frame", "value"),
    "target_standard": (back(transformer=StandardScaler()), "frame", "value"),
    "target_pair": (back(transformer=StandardScaler()), "frame", "pair"),
    "target_range": (back(transformer=MinMaxScaler((-1, 2))), "frame", "value"),
    "target_largest": (back(transformer=MaxAbsScaler()), "frame", "value"),
    "target_robust": (back(transformer=RobustScaler()), "frame", "value"),
    "target_power": (back(transformer=PowerTransformer()), "frame", "value"),
    "target_box_cox": (back(transformer=PowerTransformer("box-cox", standardize=False)), normal, positive),
    "target_quantile": (back(transformer=QuantileTransformer(n_quantiles=50)), "frame", "value"),
    "target_quantile_normal": (
        back(transformer=QuantileTransformer(n_quantiles=50, output_distribution="normal")),
        "frame",
        "value",
    ),
    "target_steps": (
        back(transformer=make_pipeline(FunctionTransformer(np.log, np.exp), StandardScaler())),
        normal,
        positive,
    ),
}
_OTHERS = {
    "grid": (lambda: GridSearchCV(logistic(), {"logisticregression__C": [0.1, 1]}, cv=2), "frame", "labels"),
    "random_grid": (
        lambda: RandomizedSearchCV(forest(), {"max_depth": [2, 3]}, n_iter=1, cv=2),
        "array",
        "binary",
    ),
    "threshold": (lambda: FixedThresholdClassifier(logistic(), threshold=0.3), "frame", "binary"),
    "threshold_other": (
        lambda: FixedThresholdClassifier(forest(), threshold=0.7, pos_label="low"),
        normal,
        lambda x, _: np.where(x[:, 0] > 0, "up", "low"),
    ),
    "threshold_decision": (
        lambda: FixedThresholdClassifier(logistic(), threshold=0.3, pos_label=0, response_method="decision_function"),
        "frame",
        "binary",
    ),
    "threshold_tuned": (lambda: TunedThresholdClassifierCV(forest(), cv=2), "frame", "binary"),
    "dummy": (DummyClassifier, "frame", "labels"),
    "dummy_frequent": (lambda: DummyClassifier(strategy="most_frequent"), "array", "binary"),
    "dummy_constant": (lambda: DummyClassifier(strategy="constant", constant="top"), "mixed", "labels"),
    "dummy_regressor": (DummyRegressor, "mixed", "value"),
    "dummy_quantile": (lambda: DummyRegressor(strategy="quantile", quantile=0.3), "array", "pair"),
    "taught_itself": (lambda: SelfTrainingClassifier(logistic()), normal, some_unlabelled),
    "sampled": (
        lambda: make_sampling_pipeline(StandardScaler(), RandomOverSampler(), LogisticRegression()),
        "frame",
        "binary",
    ),
}
_STEPS = {
    "voting_between": (lambda: make_pipeline(VotingClassifier(pair(), voting="soft"), logistic()), "frame", "labels"),
    "votes_between": (lambda: make_pipeline(VotingClassifier(pair()), logistic()), "frame", "labels"),
    "regressors_between": (lambda: make_pipeline(VotingRegressor(regressors()), Ridge()), "array", "value"),
    "stacking_between": (
        lambda: make_pipeline(StackingClassifier(pair(), cv=2, passthrough=True), Ridge()),
        "frame",
        "binary",
    ),
    "search_between": (
        lambda: make_pipeline(GridSearchCV(StandardScaler(), {}, cv=2, scoring=lambda *_: 0.0), logistic()),
        "frame",
        "labels",
    ),
    "pooled": (lambda: make_pipeline(FeatureAgglomeration(2), Ridge()), "frame", "value"),
    "near": (
        lambda: make_pipeline(StandardScaler(), NeighborhoodComponentsAnalysis(2, max_iter=5), logistic()),
        "frame",
        "labels",
    ),
    "propagated": (LabelPropagation, normal, some_unlabelled),
    "spread": (lambda: make_pipeline(StandardScaler(), LabelSpreading(gamma=3)), "frame", "binary"),
}
CASES = {**_STEPS, **_VOTING, **_STACKING, **_CALIBRATED, **_MULTICLASS, **_OUTPUTS, **_TARGETS, **_OTHERS}


def _frozen():
    rows = np.random.default_rng(3).normal(size=(200, 3))
    return FrozenEstimator(logistic().fit(rows, four(rows, None)))


CASES["calibrated_frozen"] = (lambda: CalibratedClassifierCV(_frozen(), cv=2), normal, four)
CASES["frozen"] = (_frozen, normal, four)
