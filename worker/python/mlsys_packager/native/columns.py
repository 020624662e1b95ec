"""`ColumnTransformer` and `FeatureUnion`."""

from . import registry
from .kinds import Matrix, Says, Table, Unsupported


def export(model, x, writer):
    """A `join` of the parts."""
    parts, kinds = [], []
    for columns, step, weight in _parts(model):
        taken = x if columns is None else x.take(columns)
        if isinstance(step, str):
            if step == "drop":
                continue
            node, out = None, taken
        else:
            node, out = registry.export(step, taken, writer)
        if isinstance(out, Says):
            raise Unsupported("an estimator among transformers")
        if weight is not None:
            if not isinstance(out, Matrix):
                raise Unsupported("a weight on columns that are no numbers")
            scale = {"op": "scale", "width": out.width, "steps": [{"do": "multiply", "by": writer.array([weight] * out.width)}]}
            node = scale if node is None else {"op": "chain", "steps": [node, scale]}
        parts.append({"columns": columns, "then": node})
        kinds.append(out)
    return {"op": "join", "parts": parts, "sparse": any(getattr(kind, "sparse", False) for kind in kinds)}, _joined(kinds)


def _parts(model):
    weights = getattr(model, "transformer_weights", None) or {}
    if hasattr(model, "transformer_list"):
        for name, step in model.transformer_list:
            yield None, step, weights.get(name)
        return
    for name, step, _ in model.transformers_:
        columns = [int(at) for at in model._transformer_to_input_indices.get(name, [])]
        if columns:
            yield columns, step, weights.get(name)


def _joined(kinds):
    width = sum(kind.width for kind in kinds)
    if any(isinstance(kind, Table) and any(column.type == "text" for column in kind.columns) for kind in kinds):
        raise Unsupported("text is left as it is beside numbers")
    sparse = any(getattr(kind, "sparse", False) for kind in kinds)
    single = bool(kinds) and all(
        kind.single if isinstance(kind, Matrix) else all(column.single for column in kind.columns) for kind in kinds
    )
    return Matrix(width, single, sparse)
