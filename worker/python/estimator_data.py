"""How each estimator of the matrix in `docs/estimators.md` is made, and the rows it is tried on."""

import inspect
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn import ensemble, model_selection
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

FITTED, KERNEL = 240, 40
NUMBERS, TEXTS = ["a", "b", "c", "d"], ["town", "kind"]
KNOWN = {"handle_unknown": "use_encoded_value", "unknown_value": -1}


@dataclass(frozen=True)
class Case:
    """How one estimator is tried. `make` gives it unfitted; `rows` and `target` name data; `place`: where it is in a table's pipeline."""

    make: object
    rows: str = "numbers"
    target: str | None = None
    place: str | None = "last"  # last, middle, gaps, texts, words, one, or not at all
    searched: bool = True
    grouped: bool = False


def labels(score):
    return np.array(["low", "mid", "top"])[np.digitize(score, [-0.5, 0.8])]


TARGETS = {
    "labels": labels,
    "whole": lambda score: np.digitize(score, [-0.5, 0.8]),
    "two": lambda score: (score > 0.1).astype(int),
    "unlabelled": lambda score: np.where(np.arange(len(score)) % 3 == 0, -1, np.digitize(score, [-0.5, 0.8])),
    "two labels": lambda score: np.c_[score > 0, np.sin(3 * score) > 0].astype(int),
    "value": lambda score: score * 3,
    "positive": lambda score: np.exp(score / 2),
    "counts": lambda score: np.round(np.exp(score / 2)),
    "two values": lambda score: np.c_[score * 3, np.cos(score)],
}


def table(draw, count):
    """Numbers, and texts, and what is to be learnt of them."""
    frame = pd.DataFrame(
        {
            "a": draw.normal(size=count),
            "b": draw.integers(0, 6, count) / 2,
            "c": draw.random(count),
            "d": draw.normal(size=count),
        }
    )
    score = (frame["a"] + 0.3 * frame["b"] - frame["c"] + 0.8 * np.sin(2 * frame["d"])).to_numpy()
    frame["town"], frame["kind"] = draw.choice(["x", "y", "z"], count), draw.choice(["p", "q"], count)
    return frame, score


def gaps(frame, draw, names):
    """The frame with some values missing in some columns."""
    frame = frame.copy()
    for name in names:
        frame.loc[draw.random(len(frame)) < 0.1, name] = None if name in TEXTS else np.nan
    return frame


def kernel(x):
    landmarks = np.random.default_rng(9).normal(size=(KERNEL, x.shape[1]))
    return np.exp(-((x[:, None, :] - landmarks) ** 2).sum(axis=2) / 8)


ROWS = {
    "numbers": lambda frame, draw: frame[NUMBERS].to_numpy(),
    "positive": lambda frame, draw: np.abs(frame[NUMBERS].to_numpy()),
    "categories": lambda frame, draw: np.abs(frame[NUMBERS].to_numpy() * 1.5).clip(0, 3).astype(int),
    "one": lambda frame, draw: frame[["a"]].to_numpy(),
    "gaps": lambda frame, draw: gaps(frame[NUMBERS], draw, NUMBERS).to_numpy(),
    "words": lambda frame, draw: ("Big " + frame["town"] + ", " + frame["kind"] + frame["b"].map("s{:.1f}".format)).rename(
        "words"
    ),
    "kernel": lambda frame, draw: kernel(frame[NUMBERS].to_numpy()),
    "table": lambda frame, draw: gaps(frame, draw, ["a", "c", *TEXTS]),
    "text table": lambda frame, draw: ROWS["words"](frame, draw).to_frame().assign(a=frame["a"]),
}


def data(rows, target, seed, count):
    """Rows and their target."""
    draw = np.random.default_rng(seed)
    frame, score = table(draw, KERNEL if rows == "kernel" and count == FITTED else count)
    return ROWS[rows](frame, draw), TARGETS[target](score) if target else None


def logistic():
    return LogisticRegression()


def two():
    return [("l", logistic()), ("f", ensemble.RandomForestClassifier(10))]


def two_regressors():
    return [("r", Ridge()), ("f", ensemble.RandomForestRegressor(10))]


ARGUMENTS = {
    "AdditiveChi2Sampler": {"sample_steps": 2},
    "BayesianGaussianMixture": {"n_components": 3},
    "ClassifierChain": {"estimator": logistic},
    "ColumnTransformer": {"transformers": lambda: [("s", StandardScaler(), [0, 1]), ("m", MinMaxScaler(), [2, 3])]},
    "DictionaryLearning": {"n_components": 3, "max_iter": 20},
    "FeatureUnion": {"transformer_list": lambda: [("s", StandardScaler()), ("m", MinMaxScaler())]},
    "FixedThresholdClassifier": {"estimator": logistic, "threshold": 0.4},
    "FunctionTransformer": {"func": lambda: np.log1p},
    "GaussianMixture": {"n_components": 3},
    "GaussianRandomProjection": {"n_components": 3},
    "GridSearchCV": {"estimator": logistic, "param_grid": lambda: {"C": [1.0]}},
    "GaussianProcessClassifier": {"optimizer": None},
    "HalvingGridSearchCV": {"estimator": logistic, "param_grid": lambda: {"C": [0.5, 1.0]}, "cv": 2},
    "HalvingRandomSearchCV": {"estimator": logistic, "param_distributions": lambda: {"C": [0.5, 1.0]}, "cv": 2},
    "HistGradientBoostingClassifier": {"max_iter": 15},
    "HistGradientBoostingRegressor": {"max_iter": 15},
    "HashingVectorizer": {"n_features": 64},
    "IsotonicRegression": {"out_of_bounds": "clip"},
    "KernelPCA": {"n_components": 3, "kernel": "rbf"},
    "LatentDirichletAllocation": {"n_components": 3},
    "LocalOutlierFactor": {"novelty": True},
    "MLPClassifier": {"max_iter": 40},
    "MLPRegressor": {"max_iter": 40},
    "MiniBatchDictionaryLearning": {"n_components": 3, "max_iter": 20},
    "MultiOutputClassifier": {"estimator": logistic},
    "MultiOutputRegressor": {"estimator": Ridge},
    "NuSVC": {"nu": 0.2},
    "Nystroem": {"n_components": 20},
    "OneHotEncoder": {"handle_unknown": "ignore"},
    "OneVsOneClassifier": {"estimator": logistic},
    "OneVsRestClassifier": {"estimator": logistic},
    "OrdinalEncoder": KNOWN,
    "OutputCodeClassifier": {"estimator": logistic},
    "Pipeline": {"steps": lambda: [("s", StandardScaler()), ("l", logistic())]},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    "QuantileTransformer": {"n_quantiles": 100},
    "RFE": {"estimator": logistic},
    "RFECV": {"estimator": logistic},
    "RadiusNeighborsClassifier": {"radius": 3.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": {"radius": 4.0},
    "RadiusNeighborsTransformer": {"radius": 1.0},
    "RandomizedSearchCV": {"estimator": logistic, "param_distributions": lambda: {"C": [1.0]}, "n_iter": 1},
    "RegressorChain": {"estimator": Ridge},
    "SelectFromModel": {"estimator": logistic},
    "SelectKBest": {"k": 2},
    "SelfTrainingClassifier": {"estimator": logistic},
    "SequentialFeatureSelector": {"estimator": logistic, "n_features_to_select": 2},
    "SparseCoder": {"dictionary": lambda: np.random.default_rng(3).normal(size=(3, 4))},
    "SparseRandomProjection": {"n_components": 3},
    "StackingClassifier": {"estimators": two},
    "StackingRegressor": {"estimators": two_regressors},
    "TransformedTargetRegressor": {"regressor": Ridge, "transformer": StandardScaler},
    "TunedThresholdClassifierCV": {"estimator": logistic},
    "TweedieRegressor": {"power": 1.5},
    "VotingClassifier": {"estimators": two, "voting": "soft"},
    "VotingRegressor": {"estimators": two_regressors},
}
# What the default of its kind does not fit.
FITS = {
    ("ClassifierChain", "MultiOutputClassifier"): {"target": "two labels"},
    ("FixedThresholdClassifier", "TunedThresholdClassifierCV"): {"target": "two"},
    ("SelfTrainingClassifier", "LabelPropagation", "LabelSpreading"): {"target": "unlabelled"},
    ("XGBClassifier", "XGBRFClassifier"): {"target": "whole"},
    ("XGBRanker", "LGBMRanker"): {"target": "whole", "place": None, "searched": False, "grouped": True},
    ("GammaRegressor", "PoissonRegressor", "TweedieRegressor"): {"target": "positive"},
    ("AdditiveChi2Sampler", "BernoulliRBM", "ComplementNB", "FunctionTransformer"): {"rows": "positive"},
    ("LatentDirichletAllocation", "MiniBatchNMF", "MultinomialNB"): {"rows": "positive"},
    ("NMF", "SkewedChi2Sampler", "TfidfTransformer"): {"rows": "positive"},
    ("KNNImputer", "IterativeImputer", "SimpleImputer", "MissingIndicator"): {"rows": "gaps", "place": "gaps"},
    ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder"): {"rows": "categories", "place": "texts"},
    ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer"): {"rows": "words", "place": "words"},
    ("CategoricalNB",): {"rows": "categories"},
    ("FrozenEstimator",): {"place": None, "searched": False},
    ("IsotonicRegression",): {"rows": "one", "place": "one"},
    ("KernelCenterer",): {"rows": "kernel", "place": None, "searched": False},
    ("PLSSVD",): {"target": "two values", "searched": False, "place": None},
    ("SparseCoder",): {"place": None},
}
TWO_VALUES = ("CCA", "PLSCanonical", "PLSRegression", "MultiOutputRegressor", "RegressorChain")
# They are asked of something else than rows.
NOT_OF_ROWS = {
    "DictVectorizer": "its rows are dictionaries",
    "FeatureHasher": "its rows are dictionaries or lists",
    "LabelBinarizer": "it transforms targets",
    "LabelEncoder": "it transforms targets",
    "MultiLabelBinarizer": "it transforms targets",
    "PatchExtractor": "its rows are images",
}


def case(name, kind, group):
    """How an estimator of a class is tried."""
    made = dict(ARGUMENTS.get(name, {}))
    if "n_estimators" in inspect.signature(kind.__init__).parameters or name.startswith(("LGBM", "XGB")):
        made.setdefault("n_estimators", 10)
    if name.startswith("LGBM"):
        made["verbose"] = -1

    def make():
        if kind is FrozenEstimator:
            return FrozenEstimator(logistic().fit(*data("numbers", "labels", 1, FITTED)))
        estimator = kind(**{key: value() if callable(value) else value for key, value in made.items()})
        seeds = [key for key in estimator.get_params() if key.endswith("random_state")]
        return estimator.set_params(**dict.fromkeys(seeds, 0))

    targets = {"Classifiers": "labels", "Regressors": "value", "Others": "labels", "Transformers": "labels"}
    fits = Case(make, target=targets.get(group), place="middle" if group == "Transformers" else "last")
    if name in TWO_VALUES or name.startswith("MultiTask"):
        fits = replace(fits, target="two values")
    for names, options in FITS.items():
        fits = replace(fits, **options) if name in names else fits
    return fits


def behind_columns(found):
    """The estimator behind what a table with gaps and text needs, or before an estimator that needs what it gives."""
    estimator, place = found.make(), found.place
    scaler = MinMaxScaler(clip=True) if found.rows in ("positive", "categories") and place != "texts" else StandardScaler()
    number = estimator if place == "gaps" else make_pipeline(SimpleImputer(), scaler)
    if found.rows == "categories" and place != "texts":
        text = make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder())
    else:
        text = (
            estimator
            if place == "texts"
            else OneHotEncoder(handle_unknown="ignore", sparse_output=place in ("gaps", "texts"))
        )
        text = make_pipeline(SimpleImputer(strategy="most_frequent"), text)
    if place == "one":
        return make_pipeline(ColumnTransformer([("number", SimpleImputer(), ["a"])]), estimator)
    if place == "words":
        columns = ColumnTransformer([("words", estimator, "words"), ("number", number, ["a"])])
        return make_pipeline(columns, logistic())
    columns = ColumnTransformer([("number", number, NUMBERS), ("text", text, TEXTS)])
    if place in ("gaps", "texts"):
        return make_pipeline(columns, logistic())
    return make_pipeline(columns, estimator, logistic()) if place == "middle" else make_pipeline(columns, estimator)


def zero(estimator, x, y=None):
    """A score that every estimator has."""
    del estimator, x, y
    return 0.0


def searched(found):
    """The estimator as a search's only candidate."""
    estimator = found.make() if found.place in ("last", "one") else make_pipeline(found.make(), logistic())
    return model_selection.GridSearchCV(estimator, {}, cv=model_selection.ShuffleSplit(1, random_state=0), scoring=zero)


def forms(found):
    """By form: the unfitted estimator, its rows and its target."""
    yield "array", found.make, found.rows, found.target
    if found.place is not None:
        rows = "text table" if found.place == "words" else "table"
        target = found.target if found.target != "labels" else "two"
        yield "table", lambda: behind_columns(found), rows, target
    if found.searched:
        yield "search", lambda: searched(found), found.rows, found.target


def fit(estimator, x, y, grouped):
    """The estimator, fitted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.random.seed(0)
        if grouped:
            return estimator.fit(x, y, group=[len(x) // 4] * 4)
        return estimator.fit(x) if y is None else estimator.fit(x, y)
