"""Columns of all kinds, with gaps and unknown values: imputers, encoders, and what puts them together."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

NUMBERS, TEXTS = ["a", "n"], ["town", "kind"]


def plain(draw, count):
    """Numbers, whole numbers, truths and text without gaps; a few categories are rare."""
    return pd.DataFrame(
        {
            "a": draw.normal(0, 10, count).round(1),
            "n": draw.integers(-3, 6, count),
            "flag": draw.random(count) < 0.5,
            "town": draw.choice(["x", "y", "Zürich", "", "q r"], count, p=[0.4, 0.3, 0.2, 0.08, 0.02]),
            "kind": draw.choice(["p", "q"], count),
        }
    )


def gaps(kind, dtype=None):
    """The same, with gaps in the text columns that are `kind`, and NaN in the numbers."""

    def rows(draw, count):
        table = plain(draw, count)
        for name in TEXTS:
            table[name] = table[name].astype(dtype or object)
            table.loc[draw.random(count) < 0.1, name] = kind
        if kind is None:
            for name in TEXTS:
                table[name] = table[name].astype(object).where(table[name].notna(), None)
        table.loc[draw.random(count) < 0.1, "a"] = np.nan
        return table

    return rows


def changed(**dtypes):
    """The plain rows, in other types."""

    def rows(draw, count):
        return plain(draw, count).astype(dtypes)

    return rows


def both_gaps(draw, count):
    """Text columns in which `None` and NaN are two things."""
    table = gaps(None)(draw, count)
    table.loc[draw.random(count) < 0.1, "town"] = np.nan
    return table


def nullable(draw, count):
    """pandas' own types, with gaps."""
    table = plain(draw, count).astype({"a": "Float64", "n": "Int64", "flag": "boolean", "town": "string", "kind": "string"})
    for name in ("a", "n", "flag"):
        table.loc[draw.random(count) < 0.1, name] = pd.NA
    return table


def nullable_texts(draw, count):
    """The same, with gaps in text."""
    table = nullable(draw, count)
    table.loc[draw.random(count) < 0.1, "town"] = pd.NA
    return table


def truths(draw, count):
    """A column of truths with gaps."""
    table = plain(draw, count)
    table["flag"] = table["flag"].astype(object).where(draw.random(count) < 0.9, np.nan)
    return table


def categories(draw, count):
    """Categories of text, of numbers and of truths; unseen values are among the later rows."""
    table = plain(draw, count)
    town = pd.CategoricalDtype(["y", "x", "Zürich", "q r"], ordered=True)
    number = pd.CategoricalDtype([5, -3, 0, 1, 2])
    real = pd.CategoricalDtype(sorted(set(table["a"].head(400))))
    return table.assign(town=table["town"].astype(town), n=table["n"].astype(number), a=table["a"].astype(real))


def strangers(draw, count):
    """Text with values that are in later rows only."""
    table = plain(draw, count)
    if count > 600:
        table.loc[draw.random(count) < 0.1, "town"] = "nowhere"
        table.loc[draw.random(count) < 0.1, "n"] = 99
    return table


def moments(draw, count):
    """A column of times that nothing looks at."""
    return plain(draw, count).assign(when=pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 999, count), "h"))


def objects(draw, count):
    """An array of objects: text and numbers by position."""
    return gaps(np.nan)(draw, count)[["town", "a", "kind", "n"]].to_numpy(dtype=object)


def texts(draw, count):
    """An array of text."""
    return plain(draw, count)[TEXTS].to_numpy(dtype=str)


def target(made, draw):
    """Three labels."""
    if isinstance(made, np.ndarray):
        town, number = pd.Series(made[:, 0]), 0 if made.dtype.kind == "U" else pd.Series(made[:, 1].astype(float)).fillna(0)
    else:
        town, number = made["town"].astype(object), made["a"].astype("Float64").astype(float).fillna(0)
    score = (town == "x") * 6 + number + draw.normal(0, 3, len(made))
    return np.array(["low", "mid", "top"])[np.digitize(score, [-2, 7])]


def two(made, draw):
    """Two labels."""
    return (target(made, draw) == "top").astype(int)


def value(made, draw):
    """A number."""
    return np.asarray(made["a"].astype(float).fillna(0) + (made["town"] == "x") * 5)


def logistic():
    return LogisticRegression(max_iter=300)


def encoded(encoder, last=logistic, columns=("town", "kind", "n", "flag")):
    return lambda: make_pipeline(make_column_transformer((encoder, list(columns)), remainder="drop"), last())


def whole(text, number=None, last=logistic):
    number = number or make_pipeline(SimpleImputer(), StandardScaler())
    return lambda: make_pipeline(make_column_transformer((text, TEXTS), (number, NUMBERS)), last())


IGNORE = OneHotEncoder(handle_unknown="ignore")
FREQUENT = make_pipeline(SimpleImputer(strategy="most_frequent"), IGNORE)
CONSTANT = make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), IGNORE)
CODES = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
RARE = {"min_frequency": 0.1}
GAPS = {
    "nan": gaps(np.nan),
    "none": gaps(None),
    "str": gaps(np.nan, "str"),
    "category": gaps(np.nan, "category"),
    "both": both_gaps,
}


def forest():
    return RandomForestClassifier(10)


CASES = {
    **{f"frequent_{name}": (whole(FREQUENT), rows, target) for name, rows in GAPS.items() if name not in ("none", "both")},
    **{f"constant_{name}": (whole(CONSTANT), rows, target) for name, rows in GAPS.items() if name not in ("none", "both")},
    **{f"one_hot_{name}": (whole(IGNORE), rows, target) for name, rows in GAPS.items()},
    **{f"ordinal_{name}": (whole(OrdinalEncoder(**CODES), last=forest), rows, target) for name, rows in GAPS.items()},
    **{f"target_{name}": (whole(TargetEncoder(), last=forest), rows, target) for name, rows in GAPS.items()},
    "none_imputed": (
        whole(make_pipeline(SimpleImputer(missing_values=None, strategy="constant", fill_value="?"), IGNORE)),
        gaps(None),
        target,
    ),
    "none_left": (whole(make_pipeline(SimpleImputer(strategy="most_frequent"), IGNORE)), gaps(None), target),
    "text_imputed": (
        whole(make_pipeline(SimpleImputer(missing_values="", strategy="most_frequent", add_indicator=True), IGNORE)),
        plain,
        target,
    ),
    "indicator": (
        whole(
            make_pipeline(SimpleImputer(strategy="most_frequent", add_indicator=True), IGNORE),
            make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
        ),
        gaps(np.nan),
        target,
    ),
    "all_imputed": (
        lambda: make_pipeline(SimpleImputer(strategy="most_frequent"), IGNORE, logistic()),
        lambda draw, count: gaps(np.nan)(draw, count)[["town", "n", "kind"]],
        lambda made, draw: (made["town"] == "x").astype(int),
    ),
    "gap_imputed": (whole(FREQUENT), plain, target),
    "one_hot": (encoded(OneHotEncoder()), plain, target),
    "one_hot_strangers": (encoded(IGNORE), strangers, target),
    "one_hot_warn": (encoded(OneHotEncoder(handle_unknown="warn", **RARE)), strangers, target),
    "one_hot_first": (encoded(OneHotEncoder(drop="first", handle_unknown="ignore", sparse_output=False)), strangers, target),
    "one_hot_if_binary": (encoded(OneHotEncoder(drop="if_binary")), plain, target),
    "one_hot_drop": (encoded(OneHotEncoder(drop=["x", "q", 2, True])), plain, target),
    "one_hot_given": (
        encoded(OneHotEncoder(categories=[["y", "x"], ["q", "p"]], handle_unknown="ignore"), columns=TEXTS),
        strangers,
        target,
    ),
    "one_hot_rare": (encoded(OneHotEncoder(handle_unknown="infrequent_if_exist", **RARE)), strangers, target),
    "one_hot_rare_first": (
        encoded(OneHotEncoder(handle_unknown="infrequent_if_exist", drop="first", max_categories=3)),
        strangers,
        target,
    ),
    "one_hot_rare_ignored": (encoded(OneHotEncoder(handle_unknown="ignore", max_categories=3)), strangers, target),
    "one_hot_whole": (encoded(OneHotEncoder(dtype=int, handle_unknown="ignore")), plain, target),
    "one_hot_single": (encoded(OneHotEncoder(dtype=np.float32), forest), plain, target),
    "one_hot_numbers": (encoded(OneHotEncoder(handle_unknown="ignore"), columns=["a", "n"]), plain, target),
    "one_hot_float32": (encoded(IGNORE, columns=["a"]), changed(a="float32"), target),
    "one_hot_float16": (encoded(IGNORE, columns=["a"]), changed(a="float16"), target),
    "ordinal": (encoded(OrdinalEncoder(), forest), plain, target),
    "ordinal_unknown": (
        encoded(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), forest),
        strangers,
        target,
    ),
    "ordinal_missing": (whole(OrdinalEncoder(encoded_missing_value=-7, **CODES), last=forest), gaps(np.nan), target),
    "ordinal_rare": (whole(OrdinalEncoder(encoded_missing_value=-2, **RARE, **CODES), last=forest), gaps(np.nan), target),
    "ordinal_whole": (encoded(OrdinalEncoder(dtype=np.int32, **CODES)), strangers, target),
    "ordinal_single": (encoded(OrdinalEncoder(dtype=np.float32, **CODES), forest), strangers, target),
    "target_two": (encoded(TargetEncoder(random_state=0)), strangers, two),
    "target_value": (encoded(TargetEncoder(smooth=3.0), DecisionTreeClassifier), strangers, two),
    "nullable": (whole(IGNORE), nullable, target),
    "nullable_flag": (encoded(IGNORE), nullable, target),
    "nullable_texts": (
        whole(OneHotEncoder(handle_unknown="ignore", categories=[["x", "y"], ["p"]])),
        nullable_texts,
        target,
    ),
    "nullable_forest": (
        forest,
        lambda draw, count: nullable(draw, count)[["a", "n", "flag"]],
        lambda made, draw: (made["a"].fillna(0).astype(float) > 1).astype(int),
    ),
    "truths": (encoded(OneHotEncoder(handle_unknown="ignore")), truths, target),
    "categories": (encoded(IGNORE, columns=["town", "n", "a"]), categories, two),
    "categories_ordinal": (encoded(OrdinalEncoder(**CODES), forest, columns=["town", "n", "a"]), categories, two),
    "small_types": (
        lambda: make_pipeline(make_column_transformer((StandardScaler(), ["a", "n"]), ("passthrough", ["flag"])), forest()),
        changed(a="float32", n="int8"),
        target,
    ),
    "unsigned": (
        lambda: make_pipeline(make_column_transformer((StandardScaler(), ["a", "n"])), forest()),
        lambda draw, count: plain(draw, count).assign(
            n=lambda made: (made["n"] + 3).astype("uint64"), a=lambda made: made["a"].astype("float16")
        ),
        target,
    ),
    "numbers_of_32_bits": (
        lambda: make_pipeline(make_column_transformer((SimpleImputer(), ["a"]), ("passthrough", ["a"])), forest()),
        changed(a="float32"),
        target,
    ),
    "selectors": (
        lambda: make_pipeline(
            make_column_transformer(
                (StandardScaler(), make_column_selector(dtype_include=np.number)),
                (IGNORE, make_column_selector("k.*")),
                remainder=OrdinalEncoder(),
                sparse_threshold=0,
            ),
            logistic(),
        ),
        plain,
        target,
    ),
    "positions": (
        lambda: make_pipeline(
            make_column_transformer(
                (StandardScaler(), slice(0, 2)), (IGNORE, [False, False, False, True, True]), ("drop", [2])
            ),
            forest(),
        ),
        plain,
        target,
    ),
    "text_left": (
        lambda: make_pipeline(
            make_column_transformer((SimpleImputer(), NUMBERS), remainder="passthrough"),
            make_column_transformer((IGNORE, [3, 4]), ("passthrough", [0, 1, 2])),
            logistic(),
        ),
        plain,
        target,
    ),
    "union": (
        lambda: make_pipeline(
            make_column_transformer((make_union(SimpleImputer(), "passthrough", StandardScaler()), NUMBERS)), forest()
        ),
        gaps(np.nan),
        target,
    ),
    "moments": (whole(IGNORE), moments, target),
    "objects": (
        lambda: make_pipeline(make_column_transformer((FREQUENT, [0, 2]), (SimpleImputer(), [1, 3])), logistic()),
        objects,
        target,
    ),
    "objects_left": (
        lambda: make_pipeline(make_column_transformer((IGNORE, [0, 2]), remainder="passthrough"), SimpleImputer(), forest()),
        objects,
        target,
    ),
    "texts": (lambda: make_pipeline(IGNORE, logistic()), texts, lambda made, draw: (made[:, 0] == "x").astype(int)),
    "whole_numbers_by_position": (
        lambda: make_pipeline(make_column_transformer((IGNORE, [1]), (StandardScaler(), [0])), logistic()),
        lambda draw, count: plain(draw, count)[["a", "n"]].to_numpy(),
        lambda made, draw: (made[:, 0] > 0).astype(int),
    ),
}
