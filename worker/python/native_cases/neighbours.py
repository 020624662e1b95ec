"""Nearest neighbours."""

import numpy as np
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import behind_encoders


def grid(draw, count):
    """Whole numbers, with many equal distances and equal rows."""
    return draw.integers(0, 5, (count, 3)).astype(float)


def cells(draw, count):
    """The same, as whole numbers."""
    return draw.integers(0, 6, (count, 4))


def wide(draw, count):
    """More columns than a tree is made for."""
    return draw.normal(size=(count, 20))


def three(x, draw):
    """Three classes, with some chance."""
    return np.array(["p", "q", "r"])[np.digitize(x[:, 0] + x[:, 1] + 3 * draw.random(len(x)), [2, 5])]


def value(x, draw):
    """Numbers."""
    return x[:, 0] * 2 + draw.random(len(x))


def pair(x, draw):
    """Two numbers a row."""
    return np.c_[value(x, draw), x[:, 1]]


def scaled(make):
    """The model behind a scaler."""
    return lambda: make_pipeline(StandardScaler(), make())


NEAR = KNeighborsClassifier
CASES = {
    "classes": (NEAR, "frame", "binary"),
    "classes_three": (scaled(NEAR), "array", "labels"),
    "classes_columns": (lambda: behind_encoders(NEAR()), "mixed", "labels"),
    "classes_float32": (NEAR, "float32", "binary"),
    "classes_grid": (NEAR, grid, three),
    "classes_cells": (lambda: NEAR(4), cells, three),
    "classes_many": (lambda: NEAR(40), grid, three),
    "classes_leaves": (lambda: NEAR(3, leaf_size=1), grid, three),
    "classes_balls": (lambda: NEAR(algorithm="ball_tree"), grid, three),
    "classes_weighted": (lambda: NEAR(9, weights="distance"), grid, three),
    "classes_weighted_far": (lambda: NEAR(7, weights="distance"), "array", "labels"),
    "classes_wide": (NEAR, wide, three),
    "classes_wide_manhattan": (lambda: NEAR(p=1), wide, three),
    "classes_wide_grid": (lambda: NEAR(p=1), lambda draw, count: draw.integers(0, 3, (count, 17)).astype(float), three),
    **{f"classes_p{p}": (lambda p=p: NEAR(6, p=p, weights="distance"), grid, three) for p in (1, 1.5, 3, float("inf"))},
    **{f"balls_p{p}": (lambda p=p: NEAR(6, p=p, algorithm="ball_tree"), grid, three) for p in (1, 1.5, 3, float("inf"))},
    "values": (KNeighborsRegressor, "frame", "value"),
    "values_columns": (lambda: behind_encoders(KNeighborsRegressor()), "mixed", "value"),
    "values_pair": (lambda: KNeighborsRegressor(12), grid, pair),
    "values_whole": (KNeighborsRegressor, "whole", "binary"),
    "values_weighted": (lambda: KNeighborsRegressor(20, weights="distance"), grid, value),
    "values_weighted_pair": (lambda: KNeighborsRegressor(weights="distance"), "array", "pair"),
    "values_wide": (KNeighborsRegressor, wide, value),
    "radius": (lambda: RadiusNeighborsClassifier(1.0), grid, three),
    "radius_weighted": (lambda: RadiusNeighborsClassifier(2.0, weights="distance"), grid, three),
    "radius_lonely": (lambda: RadiusNeighborsClassifier(30.0, outlier_label="mid"), "array", "labels"),
    "radius_balls": (lambda: RadiusNeighborsClassifier(1.0, algorithm="ball_tree", p=3), grid, three),
    "radius_values": (lambda: RadiusNeighborsRegressor(40.0), "frame", "value"),
    "radius_values_weighted": (lambda: RadiusNeighborsRegressor(1.0, weights="distance"), grid, pair),
    "outliers": (lambda: LocalOutlierFactor(novelty=True), "frame", "binary"),
    "outliers_grid": (lambda: LocalOutlierFactor(novelty=True, contamination=0.1), grid, value),
    "outliers_wide": (lambda: LocalOutlierFactor(30, novelty=True), wide, value),
}
