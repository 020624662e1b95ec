"""Linear models."""

from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CASES = {
    "logistic_two": (lambda: LogisticRegression(max_iter=500), "frame", "binary"),
    "logistic_three": (lambda: LogisticRegression(max_iter=500), "frame", "labels"),
    "linear": (LinearRegression, "frame", "value"),
    "linear_pair": (LinearRegression, "array", "pair"),
    "ridge_scaled": (lambda: make_pipeline(StandardScaler(), Ridge()), "frame", "value"),
}
