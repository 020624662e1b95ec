"""Functions of every number."""

import numpy as np
import pandas as pd
from scipy import special
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

ALL = ("abs", "arctan", "ceil", "cos", "degrees", "exp2", "floor", "nan_to_num", "negative", "rint", "sign", "sin", "square")
POSITIVE = ("cbrt", "exp", "expm1", "log", "log10", "log1p", "log2", "radians", "reciprocal", "sqrt", "tanh")


def table(draw, count):
    """Columns of doubles, and of whole numbers."""
    numbers = {"a": draw.normal(0, 3, count), "b": np.round(draw.normal(0, 3, count), 1), "c": draw.lognormal(0, 1, count)}
    return pd.DataFrame({**numbers, "n": draw.integers(1, 40, count)})


def value(made, _):
    return made["a"] + made["c"] * 2 - made["n"]


def behind(function, columns, **options):
    """A regression behind a function of some columns."""
    transformer = FunctionTransformer(function, **options)
    return make_pipeline(make_column_transformer((transformer, columns)), StandardScaler(), Ridge())


CASES = {
    **{name: (lambda name=name: behind(getattr(np, name), ["a", "b"]), table, value) for name in ALL},
    **{name: (lambda name=name: behind(getattr(np, name), ["c"], validate=True), table, value) for name in POSITIVE},
    **{
        f"whole_{name}": (lambda name=name: behind(getattr(np, name), ["c", "n"]), table, value)
        for name in ("log1p", "sqrt", "floor", "sign")
    },
    "expit": (lambda: behind(special.expit, ["a"]), table, value),
    "nothing": (lambda: behind(None, ["a", "n"]), table, value),
    "pandas": (lambda: behind(np.log1p, ["c", "n"]).set_output(transform="pandas"), table, value),
    "single": (lambda: make_pipeline(FunctionTransformer(np.sqrt), DecisionTreeRegressor()), "float32", "value"),
}
