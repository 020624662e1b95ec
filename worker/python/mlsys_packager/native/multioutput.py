"""`MultiOutputRegressor` and `RegressorChain`; their classifying relatives predict several labels a row."""

from . import kinds, members
from .kinds import Matrix, Says, Unsupported


def export(model, x, writer):
    """A `gather`, or a `succession`."""
    if hasattr(model, "classes_"):
        raise Unsupported("it predicts more than one label a row")
    if type(model).__name__ == "RegressorChain":
        return _succession(model, x, writer)
    said = [members.said(part, x, writer) for part in model.estimators_]
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
