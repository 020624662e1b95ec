"""Verifies a converted model: the estimator's answers and the graph's, row by row, on rows fed as the server feeds them."""

import re

import numpy as np

from . import convert
from .schema import TEXT, array

# A converted model is to answer within 1e-5 (absolute for a probability, relative for a value) on rows not seen here too. One that
# comes near to that on the rows seen here may pass it on others: Python is slower, and right.
PROBABILITY_MARGIN = 5e-6
VALUE_MARGIN = 1e-6
# The share of the values' mean magnitude below which a value is nothing but the rounding of a double.
ROUNDING = 1e-9
DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class Different(Exception):
    """A graph that answers differently from the estimator; the text says how."""


def answer(model, rows):
    """What the model says: `(predictions, probabilities or None)`."""
    predictions = array(model.predict(rows))
    probabilities = None
    if hasattr(model, "classes_") and hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(rows)
        if isinstance(probabilities, list):  # one array an output
            probabilities = None
    return predictions, probabilities


def feed(session, layout, rows, absent):
    """Rows as the graph's inputs, in the element types it declares. A missing number is NaN, a missing text `absent`."""
    inputs = session.get_inputs()
    if layout == "matrix":
        matrix = rows.to_numpy(dtype=np.float64) if hasattr(rows, "to_numpy") else rows
        return {inputs[0].name: matrix.astype(DTYPES[inputs[0].type])}
    fed = {}
    for graph_input in inputs:
        column = rows[graph_input.name]
        if graph_input.type == "tensor(string)":
            values = column.astype(object).where(column.notna(), absent).to_numpy(dtype=object)
        else:
            values = column.to_numpy(dtype=np.float64).astype(DTYPES[graph_input.type])
        fed[graph_input.name] = values.reshape(-1, 1)
    return fed


def best(model, signature, rows, log):
    """The first conversion that is verified: `(graph bytes, its entry in the manifest, None)`, or `(None, None, reason)`."""
    import onnxruntime

    expected = answer(model, rows)
    bare = convert.unwrap(model)
    reason = convert.blocker(bare, signature) or _unservable(model, expected[0])
    if reason:
        return None, None, reason
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    failures, said = {}, {}  # what went wrong, and in the converter's own words: the first variant it did in
    for variant in convert.variants(bare, signature):
        try:
            graph = convert.convert(bare, signature, variant).SerializeToString()
            session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            absent = convert.missing_string(bare)
            outputs = session.run(None, feed(session, variant["layout"], rows, absent))
            worst = _difference(outputs, *expected)
        except Exception as error:
            # The converters raise all kinds of errors for what they lack; each one only means "try the next".
            failures.setdefault(_reason(error), variant["name"])
            said.setdefault(_told(error, signature), variant["name"])
            continue
        names = [output.name for output in session.get_outputs()]
        converted = {
            "variant": variant["name"],
            "layout": variant["layout"],
            "output": names[0],
            "probabilities": names[1] if expected[1] is not None else None,
            "missing_string": absent if _has_text(signature) else None,
            "rows_verified": len(rows),
            "max_difference": worst,
        }
        log.extend(f"ONNX variant set aside, {name}: {failure}" for failure, name in said.items())
        return graph, converted, None
    log.extend(f"ONNX, {name}: {failure}" for failure, name in said.items() if failure not in failures)
    return (
        None,
        None,
        "no conversion gave the estimator's own answers ("
        + "; ".join(f"{name}: {text}" for text, name in failures.items())
        + ")",
    )


def _difference(outputs, predictions, probabilities):
    """The largest difference between a graph's outputs and the estimator's answers; raises where they are not the same."""
    got = outputs[0].reshape(predictions.shape)
    if predictions.dtype.kind == "f" and probabilities is None:
        return _relative(got, predictions)
    wrong = sum(a != b for a, b in zip(got.ravel().tolist(), predictions.ravel().tolist(), strict=True))
    if wrong:
        raise Different(f"{wrong} of {len(predictions)} predictions differ")
    if probabilities is None:
        return 0.0
    difference = float(np.max(np.abs(outputs[1].astype(np.float64) - probabilities)))
    if not difference <= PROBABILITY_MARGIN:
        raise Different(
            f"probabilities differ by up to {difference:.2g}, more than the {PROBABILITY_MARGIN:.0e} that leaves room for other rows"
        )
    return difference


def _relative(got, expected):
    """The largest difference relative to a value's own magnitude."""
    expected = expected.astype(np.float64)
    scale = np.maximum(np.abs(expected), max(float(np.mean(np.abs(expected))) * ROUNDING, np.finfo(np.float64).tiny))
    difference = float(np.max(np.abs(got.astype(np.float64) - expected) / scale))
    if not difference <= VALUE_MARGIN:
        raise Different(
            f"values differ by up to {difference:.2g} relative, more than the {VALUE_MARGIN:.0e} that leaves room for other rows"
        )
    return difference


def _unservable(model, predictions):
    labels = getattr(model, "classes_", None)
    if labels is not None and predictions.ndim > 1:
        return "it predicts more than one label a row"
    if labels is not None and np.asarray(labels).dtype.kind == "f" and np.any(np.asarray(labels) % 1):
        return "its labels are fractions"
    return None


def _has_text(signature):
    return any(column["type"] == TEXT for column in signature.get("columns", ()))


def _reason(error):
    """What went wrong, in words of somebody who has not read the converters."""
    if isinstance(error, Different):
        return str(error)
    if isinstance(error, MemoryError):
        return "converting it takes too much memory"
    kind = re.search(r"type '?<class '[\w.]*?(\w+)'>", str(error))
    return f"{kind[1]} has no conversion" if kind else "the converter does not know this combination of steps"


def _told(error, signature):
    """The first line of an error, with the columns' own names."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    names = [column["name"] for column in signature.get("columns", ())]

    def own(match):
        at = int(match[1])
        return names[at] if at < len(names) else match[0]

    return re.sub(convert.PLACEHOLDER + r"(\d+)", own, line)
