"""What the export cell wrote, as something that answers `predict`: see `adapter.Served`."""

import inspect

from . import adapter
from .errors import PackagingError

# How an object answers, best first: by which of its methods.
METHODS = ("predict", "transform", "score_samples")
# Classes that have such a method, but are data.
DATA = ("pandas", "polars")
# So many names are told.
NAMED = 5
ONE_MODEL = "Export the fitted estimator itself: joblib.dump(model, MODEL_OUTPUT_PATH)."


def find(value):
    """`(model, method, notes)`: what is to be served, by which method of `adapter.Served` it answers, and lines for the log.

    A list, tuple or dict stands for the one model in it.
    """
    if isinstance(value, (dict, list, tuple)):
        value, notes = _within(value)
        return value, _method(value), notes
    method = _method(value)
    if method is None:
        raise PackagingError(_refusal(value))
    notes = {
        "transform": [f"{_kind(value)} has no predict: what its transform gives is served."],
        "score_samples": [f"{_kind(value)} has no predict: what its score_samples gives is served."],
        "call": [f"{_named(value)} is served by calling it with the rows."],
    }
    return value, method, notes.get(method, [])


def _method(value):
    """How a value answers rows, or `None`."""
    kind = type(value)
    if isinstance(value, type) or kind.__module__.split(".")[0] in DATA:
        return None
    if any(base.__name__ == "PythonModel" and base.__module__.startswith("mlflow.") for base in kind.__mro__):
        return "predict_in_context" if _takes_context(value.predict) else "predict"
    for method in METHODS:
        if callable(getattr(value, method, None)):
            return method
    return "call" if callable(value) and not hasattr(value, "fit_predict") else None


def _takes_context(predict):
    """Whether MLflow gives a `PythonModel`'s `predict` a context: by its name, or as the first of two."""
    names = [name for name in inspect.signature(predict).parameters if name not in ("self", "params")]
    return "context" in names or len(names) == 2


def _within(collection):
    """The one model in a collection."""
    kind = type(collection).__name__
    named = collection.items() if isinstance(collection, dict) else enumerate(collection)
    entries = {f"{name!r}": value for name, value in named}
    for method in ("predict", *METHODS[1:]):
        models = {name: value for name, value in entries.items() if _answers(value, method)}
        if models:
            break
    else:
        some = ", ".join(f"{name} ({_kind(value)})" for name, value in list(entries.items())[:NAMED]) or "it is empty"
        raise PackagingError(
            f"The exported {kind} has no predict method, and holds nothing that has one: {some}. {ONE_MODEL}"
        )
    if len(models) > 1:
        some = ", ".join(f"{name} ({_kind(value)})" for name, value in list(models.items())[:NAMED])
        raise PackagingError(
            f"The exported {kind} holds several models: {some}. Export one of them, or a Pipeline that has them as steps: "
            "joblib.dump(make_pipeline(first, second), MODEL_OUTPUT_PATH)."
        )
    ((name, model),) = models.items()
    notes = [f"Of the exported {kind}, the entry {name} ({_kind(model)}) is the model."]
    for other, value in list(entries.items())[: NAMED + 1]:
        if value is not model and _answers(value, "transform"):
            notes.append(
                f"Its entry {other} ({_kind(value)}) is not applied to the rows: if the model was fitted on what it gives, "
                "export both as one Pipeline."
            )
        elif value is not model:
            notes.append(f"Its entry {other} ({_kind(value)}) is not used.")
    return model, notes


def _answers(value, method):
    found = _method(value)
    return found == method or (method == "predict" and found == "predict_in_context")


def _kind(value):
    return value.__name__ if isinstance(value, type) else type(value).__name__


def _named(value):
    """A function by its name."""
    name = getattr(value, "__name__", None)
    if name == "<lambda>":
        return "The exported lambda"
    return f"The function {name}" if name else f"The exported {_kind(value)}"


def _refusal(value):
    """Why a value can't be served, and what to export instead."""
    kind = _kind(value)
    if isinstance(value, type):
        return f"The exported object is the class {kind} itself. Export an instance of it, fitted if it has fit: {kind}(…)."
    if kind == "LocalOutlierFactor":
        return (
            "This LocalOutlierFactor answers only the rows it was fitted on. Fit it with novelty=True, and it has a predict."
        )
    if hasattr(value, "fit_predict") or hasattr(value, "fit_transform"):
        which = "fit_predict" if hasattr(value, "fit_predict") else "fit_transform"
        return (
            f"{kind} has {which} only: it answers the rows it was fitted on, and no others. Export an estimator with predict "
            "or transform: of clusterers KMeans, MiniBatchKMeans, Birch or MeanShift; or a classifier fitted on the labels."
        )
    return f"The exported object is a {kind}, which has no predict method. {ONE_MODEL}"


def answering(model, method):
    """The model as something with `predict`: itself where it has that."""
    return model if method == "predict" else adapter.Served(model, method)
