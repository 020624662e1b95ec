"""Multi-layer perceptrons."""

from . import kinds, labels, members
from .kinds import Says, Unsupported

ACTIVATIONS = ("identity", "logistic", "tanh", "relu", "exp", "softmax")


def export(model, x, writer):
    """A `network`."""
    classes = getattr(model, "classes_", None)
    several = classes is not None and model._label_binarizer.y_type_ == "multilabel-indicator"
    if several and model._label_binarizer.sparse_input_:
        raise Unsupported("labels that are a sparse matrix")
    if classes is not None and not several:
        kinds.plain_labels(classes)
        if model.n_outputs_ != (1 if len(classes) == 2 else len(classes)):
            raise Unsupported("another number of outputs than of classes")
    steps, matrix = kinds.doubled(x, *model.coefs_)
    activations = [model.activation] * (len(model.coefs_) - 1) + [model.out_activation_]
    if not set(activations) <= set(ACTIVATIONS):
        raise Unsupported("another activation")
    layers = [
        {"weights": writer.array(weights), "intercepts": writer.array(intercepts), "activation": activation}
        for weights, intercepts, activation in zip(model.coefs_, model.intercepts_, activations, strict=True)
    ]
    features = kinds.width_of(model, matrix)
    node = {"op": "network", "features": features, "layers": layers, "classifies": classes is not None and not several}
    if several:
        outputs = range(model.n_outputs_)
        return labels.above([*steps, members.gather([(node, [{"of": "prediction"}])])], 0.5, outputs, positives=outputs)
    return kinds.chain(steps, node), Says(classes, probabilities=classes is not None, width=model.n_outputs_)
