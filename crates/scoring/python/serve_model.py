"""A pickled model: how it is loaded, and how it answers a request. `fork_server` starts its process; `wire` has the frames.

    {"columns":{"Age":[22,null],"Sex":["male","female"]}}, or {"tensor":{"dtype":"float64","shape":[2,4],"data":[…]}}
    → {"predictions":[…],"probabilities":[[…]]}, and with `"decision":true` in the request `"decision"`, an array
    → {"error":{"kind":"bad_input"|"internal","message":"…","column":"Age"}}

Numbers may come as arrays. Values of rows go nowhere but into answers.
"""

import contextlib
import datetime
import decimal
import json
import math
import os
import sys

# So much of an error is told.
MESSAGE = 300
ANSWERS = {"predict", "predict_proba", "decision_function", "score_samples"}
NUMPY_TYPES = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}


class BadInput(Exception):
    """Rows that the model does not take; `column` names the one at fault, if one is."""

    def __init__(self, message, column=None):
        super().__init__(message)
        self.column = column


def load(directory):
    """The estimator, the signature's columns by name (`None` for a tensor), and the rows of its example as a request has them."""
    import cloudpickle

    with part(directory, "metadata.json") as file:
        metadata = json.load(file)
    with part(directory, "model.pkl") as file:
        model = cloudpickle.load(file)
    return model, metadata["signature"].get("columns"), example_rows(metadata.get("input_example") or {})


def part(directory, name):
    """A file of a folder, or of files that were opened for us: no process may open another model's."""
    return directory[name] if isinstance(directory, dict) else open(os.path.join(directory, name), "rb")


def example_rows(example):
    """The columns, or the flat data, of an example."""
    if "columns" in example:
        return dict(zip(example["columns"], map(list, zip(*example["data"], strict=True)), strict=True))
    return flat(example.get("inputs"))


def flat(nested):
    return [each for item in nested for each in flat(item)] if isinstance(nested, list) else [nested]


def answer(model, columns, example, request, form=None):
    """Predictions for one request, or what is wrong with it. `form` makes of predictions what is told, if not `plain`."""
    form = form or plain
    try:
        rows = table(columns, request["columns"]) if columns else array(request["tensor"])
    except BadInput as error:
        return {"error": {"kind": "bad_input", "message": str(error), "column": error.column}}
    except Exception as error:
        return {
            "error": {
                "kind": "bad_input",
                "message": f"the rows have another shape ({type(error).__name__})",
                "column": None,
            }
        }
    given = request["columns"] if columns else request["tensor"]["data"]
    wanted = len(rows)
    try:
        model, rows = prepared(model, rows)
        result = {"predictions": form(model.predict(own(rows)))}
        if isinstance(result["predictions"], (str, dict)) or count(result["predictions"]) != wanted:
            return {"error": {"kind": "internal", "message": "the model does not answer once a row", "column": None}}
        if hasattr(model, "classes_") and hasattr(model, "predict_proba"):
            probabilities = model.predict_proba(own(rows))
            if not isinstance(probabilities, list):
                result["probabilities"] = form(probabilities)
        if request.get("decision"):
            result["decision"] = decision(model, rows, wanted)
        return result
    except ValueError as error:
        # An estimator's ValueError is about its input, and its text may quote a value of it.
        return {
            "error": {
                "kind": "bad_input",
                "message": f"the model refuses these rows{hint(error) or told(error, same(given, example))}",
                "column": None,
            }
        }
    except Exception as error:
        message = f"the model failed with {type(error).__name__}{told(error, same(given, example))}"
        return {"error": {"kind": "internal", "message": message, "column": None}}


def prepared(model, rows):
    """Who answers, and the rows as it takes them: what comes before a pipeline's last step is done once, not for each kind of answer.

    The steps are asked as `Pipeline.predict` asks them: its `transform` asks also whether they look fitted.
    """
    known = sys.modules.get("sklearn.pipeline")
    while known is not None and type(model) is known.Pipeline and hasattr(model.steps[-1][1], "predict"):
        if ANSWERS & vars(model).keys():
            break  # the notebook gave this very pipeline an answer of its own
        for _, step in model.steps[:-1]:
            if step is not None and not isinstance(step, str):  # "passthrough"
                rows = step.transform(rows)
        model = model.steps[-1][1]
    return model, rows


def own(rows):
    """The same rows, for a model that may change them."""
    return rows.copy() if hasattr(rows, "copy") else rows


def decides(model):
    """The method that gives decision values, if there is one."""
    for method in ("decision_function", "score_samples"):
        # A model of the notebook's own may fail when it is looked at.
        with contextlib.suppress(Exception):
            if callable(getattr(model, method)):
                return method
    return None


def decision(model, rows, wanted):
    """Decision values: a number for each row, or a list."""
    import numpy as np

    values = np.asarray(getattr(model, decides(model))(rows))
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2) or len(values) != wanted:
        raise NoJson("decision values are to be a number or a list of numbers for each row")
    return values


def count(predictions):
    """How many there are, if that can be said."""
    return len(predictions) if hasattr(predictions, "__len__") else None


def same(given, example):
    """Whether rows are the example's."""
    if isinstance(given, dict):
        return isinstance(example, dict) and all(same(values, example.get(name)) for name, values in given.items())
    if not isinstance(given, list):
        given = plain(given)
    return given == example


def told(error, is_example):
    """What an error says, where that quotes no value of a caller's: the rows are the model's own example, or it is about code or types."""
    if is_example or isinstance(error, (ImportError, NameError, AttributeError, NoJson)):
        text = str(error).strip()
    else:
        text = os.strerror(error.errno) if isinstance(error, OSError) and isinstance(error.errno, int) else ""
    return f": {text[:MESSAGE]}" if text else ""


def hint(error):
    """What can be told of an estimator's refusal without quoting values."""
    text = str(error)
    if "unknown categories" in text:
        return ": a category that it was not trained on"
    if "contains NaN" in text:
        return ": a value is missing"
    return ""


def table(columns, values):
    """A `DataFrame` with the dtypes that the training data had."""
    import pandas as pd

    frame = {}
    for column in columns:
        name = column["name"]
        if name not in values:
            raise BadInput("the column is missing", name)
        try:
            frame[name] = series(column["type"], values[name])
        except (TypeError, ValueError, OverflowError):
            raise BadInput(f"the column has a value that is no {column['type']}", name) from None
    return pd.DataFrame(frame)


def series(kind, values):
    """One column. A missing number is NaN, a missing text what pandas has for it, a missing moment NaT."""
    import numpy as np
    import pandas as pd

    if kind == "datetime":
        moments = pd.Series(pd.to_datetime(values, utc=True, format="ISO8601"))
        return moments.dt.tz_localize(None)
    if kind == "string":
        return pd.Series(values, dtype="str")
    if not isinstance(values, list):
        # Whole numbers come as others where one is missing.
        gaps = kind in ("integer", "long") and values.dtype.kind == "f"
        return pd.Series(values if gaps else values.astype(NUMPY_TYPES[kind], copy=False))
    if None not in values:
        return pd.Series(np.asarray(values, dtype=NUMPY_TYPES[kind]))
    if kind == "boolean":
        # Truths have no missing value of their own: the pickled model's first step restores their dtype.
        return pd.Series(values, dtype="boolean")
    # As in any frame, a missing value makes whole numbers floats.
    dtype = "float32" if kind == "float" else "float64"
    return pd.Series([math.nan if value is None else value for value in values], dtype=dtype)


def array(tensor):
    """An array from its flat data."""
    import numpy as np

    data = tensor["data"]
    if isinstance(data, list) and tensor["dtype"].startswith("float"):
        data = [math.nan if value is None else value for value in data]
    return np.array(data, dtype=tensor["dtype"]).reshape(tensor["shape"])


def plain(value):
    """A value as strict JSON has it: missing and not-finite become `None`, moments RFC 3339 text, a frame its rows as objects.

    `schema.plain` of the packager (`worker/python`) makes the same of what the notebook's model answered.
    """
    import numpy as np

    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return plain(value.to_dict("records"))
    if hasattr(value, "toarray"):
        return plain(value.toarray())
    if isinstance(value, (np.datetime64, np.ndarray)) and value.dtype.kind == "M":
        value = value.astype("datetime64[us]")
    if isinstance(value, np.ndarray) and (
        value.dtype.kind in "biuU" or (value.dtype.kind == "f" and np.isfinite(value).all())
    ):
        return value.tolist()
    if hasattr(value, "tolist") and not isinstance(value, np.generic):
        return plain(value.tolist())
    if isinstance(value, np.generic) and value.dtype.kind != "m":
        value = value.item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    raise NoJson(f"{type(value).__name__} has no form in JSON")


class NoJson(TypeError):
    """A value that JSON can't tell; the text names its type."""


def _key(key):
    """A name of a dict, as `json.dumps` writes it."""
    if isinstance(key, str):
        return key
    named = plain(key)
    if isinstance(named, (list, dict)):
        raise NoJson(f"{type(key).__name__} as a key of a dict has no form in JSON")
    return named if isinstance(named, str) else json.dumps(named)
