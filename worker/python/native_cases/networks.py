"""Multi-layer perceptrons."""

from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import behind_encoders


def scaled(make, **parameters):
    """The model behind a scaler."""
    return lambda: make_pipeline(StandardScaler(), make(max_iter=30, random_state=0, **parameters))


CASES = {
    "two": (scaled(MLPClassifier), "frame", "binary"),
    "unscaled": (lambda: MLPClassifier((15,), max_iter=40), "frame", "binary"),
    "truth": (scaled(MLPClassifier), "array", "truth"),
    "three": (scaled(MLPClassifier, hidden_layer_sizes=(20, 10)), "array", "labels"),
    "columns": (lambda: behind_encoders(MLPClassifier(max_iter=30)), "mixed", "labels"),
    "values": (scaled(MLPRegressor), "frame", "value"),
    "pair": (scaled(MLPRegressor), "array", "pair"),
    "poisson": (scaled(MLPRegressor, loss="poisson"), "array", "count"),
    "no_hidden_layer": (scaled(MLPRegressor, hidden_layer_sizes=()), "array", "value"),
    **{
        f"{kind}_{activation}": (scaled(make, hidden_layer_sizes=(15,), activation=activation), "frame", target)
        for kind, make, target in (("classes", MLPClassifier, "labels"), ("values", MLPRegressor, "value"))
        for activation in ("identity", "logistic", "tanh", "relu")
    },
}
