"""Decision trees and forests."""

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from .boosting import gaps, gaps_labels, gaps_value


def ties(draw, count):
    """Rows on the thresholds themselves, zeros of both signs, and numbers that 32 bits round."""
    x = draw.choice([-1.5, -0.0, 0.0, 0.5, 1.0, 1 / 3, 0.1, 1e30, -1e30, 1e-40, 2.0**-149], (count, 4))
    return x + draw.choice([0, 1e-12, -1e-12], x.shape)


def ties_value(x, draw):
    return (x[:, 0] > 0.2) + 2.0 * (x[:, 1] > 0) + (x[:, 2] > 0.5)


def one(draw, count):
    return draw.normal(size=(count, 1))


def one_value(x, draw):
    return np.sin(3 * x[:, 0])


def counts(draw, count):
    return draw.integers(0, 5, (count, 3))


def counts_label(x, draw):
    return (x.sum(axis=1) % 3 == 0).astype(int)


CASES = {
    "forest": (lambda: RandomForestClassifier(20), "frame", "labels"),
    "forest_gaps": (lambda: RandomForestClassifier(20), "holes", "binary"),
    "forest_gaps_three": (lambda: RandomForestClassifier(20), gaps, gaps_labels),
    "forest_value": (lambda: RandomForestRegressor(20), gaps, gaps_value),
    "forest_ties": (lambda: RandomForestRegressor(20), ties, ties_value),
    "forest_pair": (lambda: RandomForestRegressor(20), "frame", "pair"),
    "forest_truth": (lambda: RandomForestClassifier(21, criterion="entropy", class_weight="balanced"), "frame", "truth"),
    "forest_absolute": (lambda: RandomForestRegressor(5, criterion="absolute_error"), "array", "value"),
    "forest_poisson": (lambda: RandomForestRegressor(9, criterion="poisson", max_leaf_nodes=20), "frame", "count"),
    "forest_sparse": (lambda: make_pipeline(OneHotEncoder(), RandomForestClassifier(9)), counts, counts_label),
    "extra": (lambda: ExtraTreesRegressor(20), "array", "value"),
    "extra_class": (lambda: ExtraTreesClassifier(20), gaps, gaps_labels),
    "extra_pair": (lambda: ExtraTreesRegressor(20, min_samples_leaf=9), "float32", "pair"),
    "tree": (DecisionTreeClassifier, "float32", "binary"),
    "tree_gaps": (DecisionTreeClassifier, gaps, gaps_labels),
    "tree_value": (lambda: DecisionTreeRegressor(ccp_alpha=0.1), ties, ties_value),
    "tree_one": (DecisionTreeRegressor, one, one_value),
    "tree_pair": (lambda: DecisionTreeRegressor(max_depth=4), "whole", "pair"),
    "tree_leaf": (lambda: DecisionTreeClassifier(min_samples_split=5000), "frame", "labels"),
    "one_class": (lambda: RandomForestClassifier(3), counts, lambda x, draw: np.ones(len(x))),
    "one_class_tree": (DecisionTreeClassifier, counts, lambda x, draw: np.array(["yes"] * len(x))),
    "extra_tree": (ExtraTreeClassifier, "frame", "labels"),
    "extra_tree_value": (ExtraTreeRegressor, "array", "value"),
}
