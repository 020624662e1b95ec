"""Rows of the notebook as the graph's inputs, and as the proof that it is compared on."""

import numpy as np

from .kinds import Kind, Matrix, Table, Unsupported
from .writer import Writer

TYPES = {"boolean": "bool", "integer": "int", "long": "int", "float": "float", "double": "float", "string": "text"}
SINGLE = ("float32", "float16", "int8", "int16", "uint8", "uint16", "bool")


def kinds_of(found, signature, own, writer):
    """What the estimator gets, the inputs of the graph, and an operator that restores what JSON cannot tell, if one is needed."""
    del writer
    if found.as_series:
        raise Unsupported("the model takes one column of text")
    if not found.is_table:
        shape, dtype = found.rows.shape, found.rows.dtype
        if len(shape) != 2 or dtype.kind not in "biuf":
            raise Unsupported(f"the input is an array of {dtype} with {len(shape)} axes, not a matrix of numbers")
        if dtype.name == "float16":
            raise Unsupported("the input is an array of 16-bit numbers")
        return Matrix(shape[1], single=dtype.name == "float32", whole=dtype.kind != "f"), None, None
    if own:
        raise Unsupported(f"column {next(iter(own))!r} has a type of its own")
    columns = []
    for column in signature["columns"]:
        if column["type"] not in TYPES:
            raise Unsupported(f"column {column['name']!r} is neither a number nor text")
        dtype = str(found.rows[column["name"]].dtype)
        columns.append(Kind(TYPES[column["type"]], single=dtype in SINGLE))
    if not any(str(dtype) in ("float32", "float16") for dtype in found.rows.dtypes):
        columns = [Kind(column.type, False, column.gap) for column in columns]
    return Table(tuple(columns)), [column.type for column in columns], None


def answers(model, rows):
    """What the estimator itself says of rows: `predictions`, and `probabilities` or, where there are none, `decision`."""
    if not hasattr(model, "predict"):
        transformed = model.transform(rows)
        return {"predictions": np.asarray(transformed.todense() if hasattr(transformed, "todense") else transformed)}
    said = {"predictions": np.asarray(model.predict(rows))}
    for method, name in (
        ("predict_proba", "probabilities"),
        ("decision_function", "decision"),
        ("score_samples", "decision"),
    ):
        if hasattr(model, method):
            return {**said, name: getattr(model, method)(rows)}
    return said


def proof(rows, signature, said, classes=None):
    """The proof's file: `rows`, and what `answers` said of them. `classes`: those that the predictions are of."""
    writer = Writer()
    fields = {"rows": len(rows), "columns": []}
    if signature["kind"] == "tensor":
        single = rows.dtype.name in ("float32", "float16")
        fields["array"] = {"width": rows.shape[1], "single": single, "values": writer.array(rows)}
    else:
        fields["columns"] = [_column(rows[c["name"]], TYPES[c["type"]], writer) for c in signature["columns"]]
    if classes is not None:
        places = {label: place for place, label in enumerate(np.asarray(classes).tolist())}
        fields["labels"] = writer.array([places[label] for label in said["predictions"].tolist()], "u4")
    else:
        fields["values"] = _matrix(said["predictions"], writer)
    for name in ("probabilities", "decision"):
        if name in said:
            fields[name] = _matrix(said[name], writer)
    return writer.file(fields)


def _matrix(numbers, writer):
    numbers = np.asarray(numbers, dtype=float).reshape(len(numbers), -1)
    return {"width": numbers.shape[1], "values": writer.array(numbers)}


def _column(series, kind, writer):
    missing = series.isna().to_numpy()
    if kind == "float":
        return {"values": writer.array(series.to_numpy(dtype=float, na_value=np.nan))}
    if kind == "text":
        return {"values": [None if gone else str(text) for text, gone in zip(series, missing, strict=True)]}
    dtype = "i8" if kind == "int" else "u1"
    values = [0 if gone else int(value) for value, gone in zip(series, missing, strict=True)]
    return {"values": writer.array(values, dtype), "missing": writer.array(missing, "u1")}
