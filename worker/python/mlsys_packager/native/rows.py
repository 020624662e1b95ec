"""Rows of the notebook as the graph's inputs, and as the proof that it is compared on."""

import numpy as np

from ..client import Client
from ..schema import plain
from . import labels
from .kinds import Kind, Matrix, Table, Unsupported
from .writer import Writer

TYPES = {
    "boolean": "bool",
    "integer": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "string": "text",
    "datetime": "other",
}
# What a graph knows an input as.
INPUTS = {"other": "text"}
SINGLE = ("float32", "float16", "int8", "int16", "uint8", "uint16", "bool")
HALVES = {"float16": "half", "float32": "single", "Float32": "single"}


def kinds_of(found, signature, own, writer):
    """What the estimator gets, the inputs of the graph, and an operator that restores what JSON cannot tell, if one is needed."""
    if not found.is_table:
        shape, dtype = found.rows.shape, found.rows.dtype
        if len(shape) == 2 and dtype.kind == "U":
            return Table((Kind("text", dtype=dtype),) * shape[1]), ["text"] * shape[1], None
        if len(shape) != 2 or dtype.kind not in "biuf":
            raise Unsupported(f"the input is an array of {dtype} with {len(shape)} axes, not a matrix of numbers")
        if dtype.name == "float16":
            raise Unsupported("it computes in 16-bit floats")
        return Matrix(shape[1], single=dtype.name == "float32", whole=dtype.kind != "f"), None, None
    asked = Client(signature, own, "series" if found.as_series else None)
    sent = asked.sent(found.rows.head(1_000))
    seen = asked.seen(sent)
    columns, restored, inputs = [], [], []
    for column in signature["columns"]:
        name = column["name"]
        dtype = seen.dtype if found.as_series else np.dtype(object) if found.as_array else seen[name].dtype
        kind = Kind(TYPES[column["type"]], str(dtype) in SINGLE, _gap(dtype, own.get(name)), dtype)
        inputs.append(INPUTS.get(kind.type, kind.type))
        columns.append(kind)
        restored.append(_restored(kind, writer))
    node = {"op": "restore", "columns": restored} if any(one["do"] != "nothing" for one in restored) else None
    return Table(tuple(columns), series=found.as_series), inputs, node


def _gap(dtype, own):
    if str(dtype) == "string" or str(dtype).startswith("string["):
        return "na"
    return own[1] if own and str(dtype) == "object" else "nan"


def _restored(kind, writer):
    """What makes a column of JSON one of the estimator's: of a category column, an unknown value is a missing one."""
    if hasattr(kind.dtype, "categories"):
        if kind.type == "text":
            return {"do": "known", "texts": [str(value) for value in kind.dtype.categories]}
        if kind.type != "other":
            return {"do": "known", "numbers": writer.array(np.sort(kind.dtype.categories.to_numpy(dtype=float)))}
    return {"do": HALVES.get(str(kind.dtype), "nothing")}


def decision(model, says):
    """The method whose answers the graph's decision is: `decision_function`, else `score_samples`; `None` where there is none.

    `says`: what the graph says. Beside probabilities, it may not say what the method does, and beside several numbers, there may be
    no decision of them.
    """
    if says is None or (not says.decision and (hasattr(model, "predict_proba") or says.width > 1)):
        return None
    return next((method for method in ("decision_function", "score_samples") if hasattr(model, method)), None)


def answers(model, rows, says=None):
    """What the estimator itself says of rows: `predictions`, and `probabilities` and `decision`, where the graph says them."""
    if not hasattr(model, "predict"):
        transformed = model.transform(rows)
        return {"predictions": np.asarray(transformed.todense() if hasattr(transformed, "todense") else transformed)}
    said = {"predictions": np.asarray(model.predict(rows))}
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(rows)
        if not isinstance(probabilities, list):  # one array an output, which is not served
            said["probabilities"] = probabilities
    method = decision(model, says)
    return {**said, "decision": getattr(model, method)(rows)} if method else said


def proof(rows, signature, said, classes=None):
    """The proof's file: `rows` as a client sends them, and what `answers` said of them. `classes`: those that the predictions are of."""
    writer = Writer()
    fields = {"rows": len(rows), "columns": []}
    if signature["kind"] != "tensor":
        fields["columns"] = [_column(rows[c["name"]], TYPES[c["type"]], writer) for c in signature["columns"]]
    elif rows.dtype.kind == "U":
        fields["columns"] = [{"values": column} for column in rows.T.tolist()]
    else:
        single = rows.dtype.name == "float32"
        fields["array"] = {"width": rows.shape[1], "single": single, "values": writer.array(rows)}
    if labels.are_several(classes):
        places = labels.union(classes)
        given = said["predictions"]
        fields["outputs"] = given.shape[1]
        fields["labels"] = writer.array([places[labels.key(label)] for label in given.ravel().tolist()], "u4")
    elif classes is not None:
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
    if kind in ("text", "other"):
        return {"values": [None if gone else str(plain(value)) for value, gone in zip(series, missing, strict=True)]}
    dtype = "i8" if kind == "int" else "u1"
    values = [0 if gone else int(value) for value, gone in zip(series, missing, strict=True)]
    return {"values": writer.array(values, dtype), "missing": writer.array(missing, "u1")}
