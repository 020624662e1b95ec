"""What puts numbers in where they are missing."""

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor


def gaps(draw, count):
    """Numbers, some of them missing, and all of a column."""
    made = draw.normal(size=(count, 5)) * [1, 10, 100, 1, 1]
    made[:, 1] += made[:, 0]
    made[:, 2] -= made[:, 1] * 9
    made[draw.random((count, 5)) < 0.15] = np.nan
    made[:, 3] = np.nan
    made[:, 4] = np.round(draw.normal(size=count))
    return made


def gaps_table(draw, count):
    """The same as a table, with a column of whole numbers."""
    made = pd.DataFrame(gaps(draw, count), columns=list("abcde"))
    return made.assign(n=draw.integers(0, 3, count))


def gaps_single(draw, count):
    """The same as 32-bit numbers."""
    return gaps(draw, count).astype("float32")


def zeros(draw, count):
    """Whole numbers, many of which are zero."""
    return draw.integers(0, 4, (count, 3))


def distinct(draw, count):
    """Numbers that hardly repeat, some of them missing."""
    made = draw.normal(size=(count, 4)) * [1, 10, 100, 1]
    made[draw.random((count, 4)) < 0.3] = np.nan
    made[:, 3] = np.nan
    return made


def value(made, draw):
    return np.nansum(np.asarray(made, dtype=float), axis=1) + draw.normal(size=len(made))


IMPUTERS = {
    "mean": SimpleImputer,
    "median": lambda: SimpleImputer(strategy="median", add_indicator=True),
    "frequent": lambda: SimpleImputer(strategy="most_frequent", keep_empty_features=True),
    "constant": lambda: SimpleImputer(strategy="constant", fill_value=-7, add_indicator=True, keep_empty_features=True),
    "iterative": lambda: IterativeImputer(max_iter=3, random_state=0),
    "iterative_all": lambda: IterativeImputer(
        max_iter=2,
        keep_empty_features=True,
        add_indicator=True,
        min_value=-20,
        max_value=20,
        n_nearest_features=2,
        random_state=0,
    ),
    "iterative_trees": lambda: IterativeImputer(
        ExtraTreesRegressor(3, random_state=0), max_iter=2, initial_strategy="median"
    ),
    "indicator": lambda: make_union(SimpleImputer(), MissingIndicator()),
    "indicator_all": lambda: make_union(SimpleImputer(), MissingIndicator(features="all", sparse=True)),
}


def _cases():
    for name, make in IMPUTERS.items():
        rows = gaps if name.startswith("iterative") else gaps_table
        yield name, (lambda make=make: make_pipeline(make(), StandardScaler(with_mean=False), Ridge()), rows, value)
        if not name.startswith("i"):
            yield f"{name}_float32", (lambda make=make: make_pipeline(make(), DecisionTreeRegressor()), gaps_single, value)


CASES = {
    **dict(_cases()),
    "zero": (lambda: make_pipeline(SimpleImputer(missing_values=0, add_indicator=True), Ridge()), zeros, value),
    "zero_frequent": (
        lambda: make_pipeline(SimpleImputer(missing_values=0, strategy="most_frequent"), Ridge()),
        zeros,
        value,
    ),
    "neighbours": (lambda: make_pipeline(KNNImputer(), Ridge()), distinct, value),
    "neighbours_all": (
        lambda: make_pipeline(KNNImputer(n_neighbors=250, keep_empty_features=True, add_indicator=True), Ridge()),
        lambda draw, count: pd.DataFrame(distinct(draw, count), columns=list("abcd")),
        value,
    ),
    "table": (lambda: make_pipeline(IterativeImputer(max_iter=2, random_state=0), Ridge()), "holes", "value"),
}
