"""Classifiers of several outputs: several labels a row."""

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from model_cases import mixed, numbers
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge, RidgeClassifier, RidgeClassifierCV
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from xgboost import XGBClassifier

from . import behind_encoders


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression())


def forest():
    return RandomForestClassifier(7, max_depth=4, random_state=0)


def scores(table, draw):
    """Three numbers to be learnt, with some chance in them."""
    table = pd.DataFrame(table)
    a, b, c = (table.iloc[:, at].fillna(0).to_numpy(float) for at in (0, 1, 2))
    noise = draw.normal(size=(3, len(table)))
    return np.c_[a + noise[0] * 3, b - 25 + a / 2 + noise[1] * 5, c / 100 - 5 + noise[2]]


def marks(table, draw):
    """0 and 1 for each of three outputs."""
    return (scores(table, draw) > 0).astype(int)


def truths(table, draw):
    return scores(table, draw) > 0


def floats(table, draw):
    return marks(table, draw) * 2.0


def whole(table, draw):
    """More than two, other ones in each output."""
    return np.digitize(scores(table, draw), [-6, 0, 6]) * [1, 10, -3] + [0, 5, 2]


def texts(table, draw):
    """As long ones as there are, of different length."""
    places = np.digitize(scores(table, draw), [-6, 6])
    return np.array([["no", "maybe", "of course"], ["s", "m", "l"], ["l", 'ä "b"', "s"]])[range(3), places]


def objects(table, draw):
    return texts(table, draw).astype(object)


def unlike(table, draw):
    """Text beside whole numbers and truths, each as it is: few estimators take that."""
    one, two, three = marks(table, draw).T
    objects = np.empty((len(table), 3), dtype=object)
    objects[:, 0] = np.array(["no", "yes"])[one]
    objects[:, 1], objects[:, 2] = two.tolist(), [bool(mark) for mark in three]
    return objects


def one_class(table, draw):
    """An output that is always the same, beside one that is not."""
    return np.c_[marks(table, draw)[:, 0] * 2, np.full(len(table), 7)]


def one_output(table, draw):
    return texts(table, draw)[:, :1]


def frame(table, draw):
    return pd.DataFrame(texts(table, draw), columns=["x", "y", "z"])


def seldom(table, draw):
    """An output that is almost never 1."""
    made = marks(table, draw)
    made[:, 2] = np.arange(len(made)) == 5
    return made


def array(draw, count):
    return numbers(draw, count).to_numpy(float)


def whole_numbers(draw, count):
    return draw.integers(-9, 60, (count, 3)) * [1, 1, 20]


def singles(draw, count):
    return array(draw, count).astype("float32")


def few(draw, count):
    """Many rows are equally near."""
    return draw.integers(0, 4, (count, 3)).astype(float)


def words(draw, count):
    return pd.Series([" ".join(draw.choice(["big", "tiny", "old", "new", "town", "farm"], 4)) for _ in range(count)])


def of_words(texts, draw):
    del draw
    return np.c_[texts.str.contains("big"), texts.str.contains("old"), texts.str.contains("farm")].astype(int)


def chain(inner=logistic, **options):
    return lambda: ClassifierChain(inner(), **options)


def several(inner=logistic):
    return lambda: MultiOutputClassifier(inner())


def trees(make, **options):
    return lambda: make(max_depth=4, random_state=0, **options)


_EACH = {
    f"each_{target.__name__}": (several(forest), numbers, target)
    for target in (marks, truths, floats, whole, texts, objects, one_class, one_output, frame, seldom)
}
_EACH |= {
    "each_logistic": (several(), array, whole),
    "each_columns": (lambda: MultiOutputClassifier(behind_encoders(LogisticRegression())), mixed, texts),
    "each_behind_columns": (lambda: behind_encoders(MultiOutputClassifier(GaussianNB())), mixed, whole),
    "each_searched": (
        lambda: MultiOutputClassifier(GridSearchCV(logistic(), {"logisticregression__C": [0.1, 1]}, cv=2)),
        numbers,
        truths,
    ),
    "search_of_each": (lambda: GridSearchCV(MultiOutputClassifier(logistic()), {}, cv=2), numbers, marks),
    "each_boosted": (several(lambda: HistGradientBoostingClassifier(max_iter=9)), numbers, texts),
    "each_lightgbm": (several(lambda: LGBMClassifier(n_estimators=9, verbose=-1)), numbers, texts),
    "each_xgboost": (several(lambda: XGBClassifier(n_estimators=9)), array, marks),
    "each_svc": (several(lambda: make_pipeline(StandardScaler(), LinearSVC())), numbers, texts),
    "each_words": (lambda: make_pipeline(TfidfVectorizer(), MultiOutputClassifier(LogisticRegression())), words, of_words),
}
_CHAINS = {
    f"chain_{method}": (chain(chain_method=method), numbers, marks)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function")
}
_CHAINS |= {
    f"chain_of_trees_{method}": (chain(forest, chain_method=method, order=[2, 0, 1]), array, truths)
    for method in ("predict", "predict_proba")
}
_CHAINS |= {
    "chain_random": (chain(order="random", random_state=3), numbers, truths),
    "chain_crossed": (chain(order=[1, 2, 0], cv=2, chain_method="predict_proba"), whole_numbers, floats),
    "chain_methods": (
        chain(lambda: make_pipeline(StandardScaler(), LinearSVC()), chain_method=["predict_proba", "decision_function"]),
        numbers,
        marks,
    ),
    "chain_without_probabilities": (chain(lambda: make_pipeline(StandardScaler(), Perceptron())), numbers, marks),
    "chain_of_many_classes": (chain(RidgeClassifier, order=(2, 1, 0)), numbers, whole),
    "chain_of_support_vectors": (chain(lambda: make_pipeline(StandardScaler(), SVC(probability=True))), array, marks),
    "chain_of_bayes": (chain(GaussianNB, chain_method="predict_proba"), numbers, marks),
    "chain_of_discriminants": (chain(LinearDiscriminantAnalysis, chain_method="decision_function"), numbers, marks),
    "chain_boosted": (chain(lambda: GradientBoostingClassifier(n_estimators=9)), numbers, marks),
    "chain_searched": (lambda: GridSearchCV(ClassifierChain(logistic()), {"order": [[1, 0, 2]]}, cv=2), numbers, marks),
    "chain_behind_columns": (
        lambda: behind_encoders(ClassifierChain(LogisticRegression(), chain_method="predict_proba")),
        mixed,
        truths,
    ),
    "chain_singles": (chain(forest), singles, marks),
    "chain_words": (
        lambda: make_pipeline(TfidfVectorizer(), ClassifierChain(LogisticRegression(), order=[2, 1, 0])),
        words,
        of_words,
    ),
    "chain_counted_words": (
        lambda: make_pipeline(
            CountVectorizer(dtype=float), ClassifierChain(XGBClassifier(n_estimators=9), chain_method="predict_proba")
        ),
        words,
        of_words,
    ),
    "chain_words_trees": (
        lambda: make_pipeline(CountVectorizer(), ClassifierChain(forest(), chain_method="predict_proba")),
        words,
        of_words,
    ),
}
_TREES = {
    f"{name}_{target.__name__}": (make, rows, target)
    for name, make, rows in (
        ("tree", trees(DecisionTreeClassifier), numbers),
        ("extra_tree", trees(ExtraTreeClassifier), array),
        ("forest", trees(RandomForestClassifier, n_estimators=7), singles),
        ("extra_trees", trees(ExtraTreesClassifier, n_estimators=7, bootstrap=True), whole_numbers),
    )
    for target in (truths, floats, whole, texts, objects, one_class, one_output)
}
_TREES |= {
    "forest_columns": (lambda: behind_encoders(forest()), mixed, texts),
    "forest_gaps": (forest, lambda draw, count: mixed(draw, count)[["a", "b", "c d"]], whole),
}
_NEIGHBOURS = {
    f"near_{target.__name__}": (KNeighborsClassifier, few, target)
    for target in (marks, truths, whole, texts, objects, one_class, one_output)
}
_NEIGHBOURS |= {
    "near_weighted": (lambda: KNeighborsClassifier(7, weights="distance"), few, whole),
    "near_weighted_texts": (lambda: KNeighborsClassifier(4, weights="distance", p=1), array, texts),
    "near_balls": (lambda: KNeighborsClassifier(3, algorithm="ball_tree"), array, texts),
    "near_all": (lambda: KNeighborsClassifier(3, algorithm="brute", metric="manhattan"), array, whole),
    "near_columns": (lambda: behind_encoders(KNeighborsClassifier()), mixed, marks),
    "within": (lambda: make_pipeline(StandardScaler(), RadiusNeighborsClassifier(2.5)), few, whole),
    "within_lonely": (
        lambda: RadiusNeighborsClassifier(9.0, weights="distance", outlier_label="most_frequent"),
        array,
        texts,
    ),
}
_MARKS = {
    "network": (lambda: make_pipeline(StandardScaler(), MLPClassifier((9,), max_iter=40)), numbers, marks),
    "network_truths": (lambda: MLPClassifier((9,), max_iter=40, activation="tanh"), array, truths),
    "network_columns": (lambda: behind_encoders(MLPClassifier((9,), max_iter=40)), mixed, marks),
    "ridge": (RidgeClassifier, numbers, marks),
    "ridge_cv": (lambda: make_pipeline(StandardScaler(), RidgeClassifierCV(fit_intercept=False)), array, truths),
    "ridge_columns": (lambda: behind_encoders(RidgeClassifier()), mixed, marks),
    "rest": (lambda: OneVsRestClassifier(logistic()), numbers, marks),
    "rest_truths": (lambda: OneVsRestClassifier(forest()), array, truths),
    "rest_seldom": (lambda: OneVsRestClassifier(LinearSVC()), whole_numbers, seldom),
    "rest_regressors": (lambda: OneVsRestClassifier(Ridge()), numbers, marks),
    "rest_same": (
        lambda: OneVsRestClassifier(logistic()),
        numbers,
        lambda table, draw: np.c_[marks(table, draw)[:, :2], np.ones(len(table), int), np.zeros(len(table), int)],
    ),
    "rest_columns": (lambda: behind_encoders(OneVsRestClassifier(LogisticRegression())), mixed, marks),
    "rest_words": (
        lambda: make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression())),
        words,
        of_words,
    ),
}
_SAME = {
    "same": (DummyClassifier, numbers, texts),
    "same_frequent": (lambda: DummyClassifier(strategy="most_frequent"), array, unlike),
    "same_constant": (lambda: DummyClassifier(strategy="constant", constant=[0, 1, 1]), mixed, marks),
    "same_constant_truths": (lambda: DummyClassifier(strategy="constant", constant=[False, True, 1]), mixed, truths),
}
CASES = {**_EACH, **_CHAINS, **_TREES, **_NEIGHBOURS, **_MARKS, **_SAME}
