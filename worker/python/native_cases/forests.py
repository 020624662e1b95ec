"""Decision trees and forests."""

from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

CASES = {
    "forest": (lambda: RandomForestClassifier(20), "frame", "labels"),
    "forest_gaps": (lambda: RandomForestClassifier(20), "holes", "binary"),
    "extra": (lambda: ExtraTreesRegressor(20), "array", "value"),
    "tree": (DecisionTreeClassifier, "float32", "binary"),
}
