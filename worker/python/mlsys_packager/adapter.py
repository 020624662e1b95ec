"""What is pickled around a model: a first step that gives a column back what its MLflow type cannot tell, and the notebook's own
settings of scikit-learn; and a `predict`, where the model has another method, or is a function.

A category column travels as text, a nullable integer as a number. The estimator was fitted on the original dtypes, so
whoever loads `model.pkl` (MLflow, the model-server's child process) would else predict something different, or fail.
"""

import sys

import numpy

# The longest row that a transformer may make.
WIDEST = 10_000


def restore(frame, dtypes, form=None, gaps=None, settings=None):
    """`frame` with the columns of `dtypes` as they were in training.

    `form`: `series` for its only column alone, `array` for an array of objects, `records` for a list of dicts. `gaps`: what is
    missing where in columns of objects, `nan` or `none`. `settings`: of scikit-learn, for what runs after this step.
    """
    frame = frame.copy()
    for name, dtype in dtypes.items():
        if name not in frame:
            continue
        column = frame[name]
        if str(dtype) == "object":
            gap = None if (gaps or {}).get(name) == "none" else float("nan")
            frame[name] = column.astype(object).where(column.notna(), gap)
        elif getattr(dtype, "kind", None) == "u" and not (column >= 0).all():
            continue  # below zero, or with a gap: it is no such number
        elif getattr(dtype, "tz", None) is not None:
            moments = column if getattr(column.dtype, "tz", None) is not None else column.dt.tz_localize("UTC")
            frame[name] = moments.dt.tz_convert(dtype.tz).astype(dtype)
        else:
            frame[name] = column.astype(dtype)
    if settings:
        import sklearn

        sklearn.set_config(**settings)
    if form == "array":
        return frame.to_numpy(dtype=object)
    if form == "records":
        return frame.to_dict("records")
    return frame.iloc[:, 0] if form == "series" else frame


def settings():
    """The settings of scikit-learn that change what estimators do, where they are not the default."""
    if "sklearn" not in sys.modules:
        return {}
    import sklearn

    plain = {"assume_finite": False, "transform_output": "default", "enable_metadata_routing": False}
    return {name: value for name, value in sklearn.get_config().items() if name in plain and value != plain[name]}


def adapt(model, own, form=None, method="predict"):
    """`model` as servers ask it. `own`: as `schema.signature` answers it; `method`: as `exports.find` does. It is `model` itself
    where nothing is to be restored and `predict` is its own."""
    config = settings()
    if not own and not form and not config:
        return model if method == "predict" else Served(model, method)
    dtypes = {name: dtype for name, (dtype, _) in own.items()}
    gaps = {name: gap for name, (_, gap) in own.items()}
    how = {"dtypes": dtypes, "form": form, "gaps": gaps, "settings": config}
    if method != "predict" or not hasattr(model, "fit"):
        return Served(model, method, how)
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    step = FunctionTransformer(restore, kw_args=how)
    step.set_output(transform="default")
    return Pipeline([("restore_types", step), ("model", model)])


class Served:
    """A model that answers `predict` with what another of its methods gives, or that is no estimator of scikit-learn's.

    `method`: `predict`, `transform`, `score_samples`, `call` for a function, `predict_in_context` for an MLflow `PythonModel`.
    `how`: what `restore` is to do with the rows first. All else it has is the model's.
    """

    def __init__(self, model, method, how=None):
        self.model, self.method, self.how = model, method, how

    def predict(self, rows):
        """One answer a row."""
        rows = self._seen(rows)
        if self.method == "call":
            return self.model(rows)
        if self.method == "predict_in_context":
            return self.model.predict(None, rows)
        said = getattr(self.model, self.method)(rows)
        return numbers(said) if self.method == "transform" else said

    def _seen(self, rows):
        return restore(rows, **self.how) if self.how else rows

    def __getattr__(self, name):
        if name in ("model", "method", "how") or name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.model, name)
        if name in ("predict_proba", "decision_function", "score_samples", "transform"):
            return lambda rows: found(self._seen(rows))
        return found


class TooWide(ValueError):
    """A transformer whose answer to one row is too long to be told."""


def numbers(transformed):
    """What a transformer gives: rows of doubles, or of 32-bit ones; of text where it gives that."""
    width = transformed.shape[1] if getattr(transformed, "ndim", 1) > 1 else 1
    if width > WIDEST:
        raise TooWide(
            f"It makes {width:,} columns of a row, and at most {WIDEST:,} are served. Let it make fewer "
            "(max_features, n_features, max_categories), or put a TruncatedSVD or a model behind it."
        )
    array = transformed.toarray() if hasattr(transformed, "toarray") else numpy.asarray(transformed)
    return array.astype(float) if array.dtype.kind in "biu" else array
