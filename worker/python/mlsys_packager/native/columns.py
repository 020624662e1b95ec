"""`ColumnTransformer` and `FeatureUnion`."""

from dataclasses import replace

from . import kinds, registry
from .kinds import Matrix, Says, Table, Unsupported


def export(model, x, writer):
    """A `join` of the parts."""
    from sklearn.utils._set_output import _get_output_config

    pandas = _get_output_config("transform", model)["dense"] != "default"
    parts, outs = [], []
    for columns, step, weight in _parts(model):
        taken = x if columns is None else x.take(columns)
        if isinstance(step, str):
            if step == "drop":
                continue
            node, out = None, taken
        else:
            node, out = registry.export(step, taken, writer, True)
        if isinstance(out, Says):
            raise Unsupported("an estimator among transformers")
        if isinstance(out, Table) and all(column.type != "text" for column in out.columns):
            node, out = _as_array(node, out, any if pandas else all)
        if weight is not None:
            if not isinstance(out, Matrix):
                raise Unsupported("a weight on columns that are no numbers")
            scale = {
                "op": "scale",
                "width": out.width,
                "steps": [{"do": "multiply", "by": writer.array([weight] * out.width)}],
            }
            node = scale if node is None else {"op": "chain", "steps": [node, scale]}
        parts.append({"columns": columns, "then": node})
        outs.append(out)
    # A `ColumnTransformer` has made up its mind when it was fitted.
    sparse = getattr(model, "sparse_output_", any(getattr(out, "sparse", False) for out in outs))
    return {"op": "join", "parts": parts, "sparse": sparse}, _joined(outs, sparse, any if pandas else all)


def _as_array(node, table, whole_if):
    """Columns that are left as they are become an array beside others. `whole_if`: as `_joined` has it."""
    steps, matrix = kinds.as_matrix(table)
    whole = whole_if(column.type != "float" for column in table.columns)
    if len({column.type == "bool" for column in table.columns}) > 1:
        # Truths beside numbers become an array of objects, and that one of doubles.
        steps, matrix = [{**step, "single": False} for step in steps], Matrix(table.width)
    matrix = replace(matrix, whole=whole)
    return kinds.chain([step for step in (node, *steps[:-1]) if step], steps[-1]), matrix


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


def _joined(outs, sparse, whole_if):
    """`whole_if`: an array is whole if `all` of its parts are; a table may be if `any` is, as each column keeps its type."""
    width = sum(out.width for out in outs)
    if any(isinstance(out, Table) and any(column.type == "text" for column in out.columns) for out in outs):
        raise Unsupported("text is left as it is beside numbers")
    single = bool(outs) and all(
        out.single if isinstance(out, Matrix) else all(column.single for column in out.columns) for out in outs
    )
    whole = bool(outs) and whole_if(
        out.whole if isinstance(out, Matrix) else all(column.type in ("int", "bool") for column in out.columns)
        for out in outs
    )
    return Matrix(width, single and not whole, sparse, whole)
