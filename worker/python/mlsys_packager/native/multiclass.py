"""`OneVsRestClassifier`, `OneVsOneClassifier` and `OutputCodeClassifier`."""

from . import kinds, labels, members
from .kinds import Says, Unsupported


def export(model, x, writer):
    """A `gather` of the binary estimators, and what makes classes of them behind it."""
    kind = type(model).__name__
    if kind == "OneVsRestClassifier":
        return _one_vs_rest(model, x, writer)
    return (_one_vs_one if kind == "OneVsOneClassifier" else _output_code)(model, x, writer)


def _one_vs_rest(model, x, writer):
    binarizer = model.label_binarizer_
    several = binarizer.y_type_ == "multilabel-indicator"
    if binarizer.y_type_ not in ("binary", "multiclass") and not (several and not binarizer.sparse_input_):
        raise Unsupported("it predicts more than one label a row")
    classes = kinds.plain_labels(model.classes_)
    if len(classes) < 2:
        raise Unsupported("a classifier of one class")
    probable, decides = hasattr(model, "predict_proba"), hasattr(model, "decision_function")
    parts, scores, positives, said, width = [], [], [], [], 0
    for part in model.estimators_:
        node, says = _binary(part, x, writer)
        takes = [members.score(part, says, writer)]
        if probable:
            members.probabilities(says, 2)
            takes.append(members.POSITIVE)
        takes, places = members.wanted(takes)
        scores.append(width + places[0])
        positives += [width + place for place in places[1:]]
        width += len(takes)
        parts.append((node, takes))
        said.append(says)
    threshold = _threshold(model.estimators_[0])
    if several:
        return labels.above([members.gather(parts)], threshold, scores, width, positives, decides)
    node = {
        "op": "one_vs_rest",
        "width": width,
        "scores": scores,
        "positives": positives,
        "threshold": threshold,
        "decides": decides,
    }
    says = Says(classes, probable, decides, single=probable and members.single(said))
    return kinds.chain([members.gather(parts)], node), says


def _one_vs_one(model, x, writer):
    if model.pairwise_indices_ is not None:
        raise Unsupported("OneVsOneClassifier of a precomputed kernel")
    classes = kinds.plain_labels(model.classes_)
    steps, matrix = kinds.as_matrix(x)
    parts = []
    for part in model.estimators_:
        node, says = _binary(part, matrix, writer)
        parts.append((node, [members.prediction(says, writer), members.score(part, says, writer)]))
    node = {"op": "one_vs_one", "classes": len(classes), "threshold": _threshold(model.estimators_[0])}
    return kinds.chain([*steps, members.gather(parts)], node), Says(classes, decision=True)


def _output_code(model, x, writer):
    classes = kinds.plain_labels(model.classes_)
    parts = []
    for part in model.estimators_:
        node, says = _binary(part, x, writer)
        parts.append((node, [members.score(part, says, writer)]))
    node = {"op": "nearest_code", "width": len(parts), "codes": writer.array(model.code_book_)}
    return kinds.chain([members.gather(parts)], node), Says(classes)


def _threshold(estimator):
    from sklearn.multiclass import _threshold_for_binary_predict

    return _threshold_for_binary_predict(estimator)


def _binary(estimator, x, writer):
    """One binary estimator; what stands for one that saw one class only says its label as a number."""
    if type(estimator).__name__ != "_ConstantPredictor":
        return members.said(estimator, x, writer)
    (label,) = estimator.y_.tolist()
    node = {
        "op": "constant",
        "label": 0,
        "probabilities": writer.array([1.0 - label, label]),
        "decision": writer.array([label]),
    }
    return node, Says([label, label], probabilities=True, decision=True)
