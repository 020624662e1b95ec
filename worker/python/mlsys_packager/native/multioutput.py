"""`MultiOutputRegressor` and `RegressorChain`, `MultiOutputClassifier` and `ClassifierChain`."""

from . import kinds, labels, members
from .kinds import Matrix, Says, Unsupported

# What the estimators of a chain tell those behind them.
PASSES = {
    "predict": "prediction",
    "predict_proba": "probabilities",
    "predict_log_proba": "log_probabilities",
    "decision_function": "decision",
}
# Their `predict_log_proba` is the logarithm of their `predict_proba`; that of others is computed otherwise.
LOGARITHMS = (
    "AdaBoostClassifier",
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "ExtraTreesClassifier",
    "GradientBoostingClassifier",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MLPClassifier",
    "RandomForestClassifier",
    "SGDClassifier",
    "SVC",
)


def export(model, x, writer):
    """A `gather`, with `labels` behind it where it classifies; a `succession`, or a `classifier_chain`."""
    if type(model).__name__ == "RegressorChain":
        return _succession(model, x, writer)
    if type(model).__name__ == "ClassifierChain":
        return _chain(model, x, writer)
    said = [members.said(part, x, writer) for part in model.estimators_]
    if hasattr(model, "classes_"):
        return labels.of_each(said, writer)
    if any(says.classes is not None or says.width != 1 for _, says in said):
        raise Unsupported("several regressors that predict something else than one number")
    gathered = members.gather([(node, [members.prediction(says, writer)]) for node, says in said])
    return gathered, Says(width=len(said), single=members.single([says for _, says in said]))


def _succession(model, x, writer):
    steps, matrix = kinds.checked(x)
    if matrix.sparse:
        raise Unsupported("RegressorChain behind sparse rows")
    width = kinds.width_of(model, matrix)
    parts = []
    for at, part in enumerate(model.estimators_):
        node, says = members.said(part, Matrix(width + at), writer)
        if says.classes is not None or says.width != 1:
            raise Unsupported("a chain of what predicts something else than one number")
        parts.append(node)
    node = {"op": "succession", "features": width, "members": parts, "order": [int(at) for at in model.order_]}
    return kinds.chain(steps, node), Says(width=len(parts))


def _chain(model, x, writer):
    """Its labels are numbers: it puts what its estimators predict into one array of doubles."""
    steps, matrix = kinds.checked(x)
    width = kinds.width_of(model, matrix)
    count = len(model.estimators_)
    if count < 2:
        raise Unsupported("a chain of one classifier")
    passes = PASSES[model.chain_method_]
    if passes == "log_probabilities" and not all(type(_last(part)).__name__ in LOGARITHMS for part in model.estimators_):
        raise Unsupported("a chain by logarithms of probabilities that are computed otherwise")
    # Of other than two classes, the probabilities and decisions are no numbers, and the chain fails to say them.
    binary = all(len(part.classes_) == 2 for part in model.estimators_)
    probable, decides = (binary and hasattr(model, name) for name in ("predict_proba", "decision_function"))
    parts = []
    for at, part in enumerate(model.estimators_):
        node, says = members.said(part, Matrix(width + at, sparse=matrix.sparse), writer)
        takes = [members.prediction(says, writer)]
        if probable:
            members.probabilities(says, 2)
            takes.append(members.POSITIVE)
        if decides:
            if not says.decision:
                raise Unsupported("a chain of classifiers whose decision is not told")
            takes.append(members.DECISION)
        parts.append({"then": node, "takes": takes})
    node = {
        "op": "classifier_chain",
        "features": width,
        "members": parts,
        "order": [int(at) for at in model.order_],
        "probabilities": probable,
        "decision": decides,
        "passes": passes,
    }
    return kinds.chain(steps, node), Says(probabilities=probable, decision=decides, width=count)


def _last(model):
    """The estimator that answers in the end."""
    while hasattr(model, "steps") or hasattr(model, "best_estimator_"):
        model = model.steps[-1][1] if hasattr(model, "steps") else model.best_estimator_
    return model
