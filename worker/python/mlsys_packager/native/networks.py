"""Multi-layer perceptrons."""

from . import kinds
from .kinds import Says, Unsupported

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "exp", "softmax")


def export(model, x, writer):
    """A `network`."""
    classes = getattr(model, "classes_", None)
    if classes is not None:
        kinds.plain_labels(classes)
        if model.n_outputs_ != (1 if len(classes) == 2 else len(classes)) or model._label_binarizer.y_type_.startswith(
            "multil"
        ):
            raise Unsupported("it predicts more than one label a row")
    steps, matrix = kinds.doubled(x, *model.coefs_)
    activations = [model.activation] * (len(model.coefs_) - 1) + [model.out_activation_]
    if not set(activations) <= set(ACTIVATIONS):
        raise Unsupported("another activation")
    layers = [
        {"weights": writer.array(weights), "intercepts": writer.array(intercepts), "activation": activation}
        for weights, intercepts, activation in zip(model.coefs_, model.intercepts_, activations, strict=True)
    ]
    features = kinds.width_of(model, matrix)
    node = {"op": "network", "features": features, "layers": layers, "classifies": classes is not None}
    return kinds.chain(steps, node), Says(classes, probabilities=classes is not None, width=model.n_outputs_)
