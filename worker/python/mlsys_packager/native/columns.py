"""`ColumnTransformer` and `FeatureUnion`."""

from dataclasses import replace

import numpy as np
import sklearn

from . import kinds as known
from . import registry
from .kinds import Kind, Matrix, Says, Table, Unsupported


def export(model, x, writer):
    """A `join` of the parts."""
    parts, kinds = [], []
    for columns, step, weight, alone in _parts(model):
        taken = x if columns is None else x.take(columns)
        if _passes(step):
            node, out = None, taken
        elif alone and not isinstance(taken, Table):
            raise Unsupported("a column of numbers alone")
        else:
            node, out = registry.export(step, replace(taken, series=True) if alone else taken, writer, True)
        if isinstance(out, Says):
            out = out.transformed
        if out is None:
            raise Unsupported("an estimator among transformers")
        if weight is not None:
            steps, out = ([], out) if isinstance(out, Matrix) else known.as_matrix(out)
            if out.single:
                raise Unsupported("a weight on 32-bit floats")
            scale = {
                "op": "scale",
                "width": out.width,
                "steps": [{"do": "multiply", "by": writer.array([weight] * out.width)}],
            }
            node = known.chain([*([node] if node else []), *steps], scale)
        parts.append({"columns": columns, "then": node})
        kinds.append(out)
    sparse = _is_sparse(model, kinds)
    out = _joined(kinds, sparse)
    return {"op": "join", "parts": parts, "sparse": sparse, "table": isinstance(out, Table)}, out


def _passes(step):
    """Whether a step leaves its columns as they are."""
    if isinstance(step, str):
        return step == "passthrough"
    return type(step).__name__ == "FunctionTransformer" and step.func is None and not step.validate


def _is_sparse(model, kinds):
    """Whether the parts together are: a `ColumnTransformer` decides by how many zeros there were."""
    any_sparse = any(getattr(kind, "sparse", False) for kind in kinds)
    return any_sparse and bool(getattr(model, "sparse_output_", True))


def _parts(model):
    weights = getattr(model, "transformer_weights", None) or {}
    if hasattr(model, "transformer_list"):
        for name, step in model.transformer_list:
            if not (isinstance(step, str) and step == "drop"):
                yield None, step, weights.get(name), False
        return
    for name, step, selected in model.transformers_:
        columns = [int(at) for at in model._transformer_to_input_indices.get(name, [])]
        if columns and not (isinstance(step, str) and step == "drop"):
            yield columns, step, weights.get(name), isinstance(selected, (str, int, np.integer))


def _joined(kinds, sparse):
    width = sum(kind.width for kind in kinds)
    if any(
        isinstance(kind, Table) and any(column.type not in ("float", "int", "bool") for column in kind.columns)
        for kind in kinds
    ):
        return _beside_text(kinds)
    single = [known.as_matrix(kind)[1].single for kind in kinds]
    if sparse:
        dtypes = [np.dtype("float32" if one else "float64") for one in single]
    else:
        dtypes = [known.array_type(kind) for kind in kinds]
    joined = np.result_type(*dtypes) if dtypes else np.dtype(float)
    if joined.name == "float16" or (any(single) and sklearn.get_config()["transform_output"] != "default"):
        raise Unsupported("columns of floats of few bits beside others")
    # In a table, columns of whole numbers stay such beside others.
    some = any if sklearn.get_config()["transform_output"] != "default" else all
    whole = bool(kinds) and some(known.as_matrix(kind)[1].whole for kind in kinds)
    return Matrix(width, not whole and joined.name == "float32", sparse, whole)


def _beside_text(kinds):
    """An array of objects: of each column, the values that it had."""
    columns = []
    for kind in kinds:
        if isinstance(kind, Matrix):
            columns += [Kind("float", dtype=np.dtype(object))] * kind.width
            continue
        for column in kind.columns:
            if getattr(column.dtype, "kind", "") == "U":
                raise Unsupported("text of a fixed length is left as it is")
            columns.append(replace(column, single=False, dtype=np.dtype(object)))
    return Table(tuple(columns))
