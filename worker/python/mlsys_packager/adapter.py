"""A first pipeline step that gives a column back the dtype that its MLflow type cannot tell.

A category column travels as text, a nullable integer as a number. The estimator was fitted on the original dtypes, so
whoever loads `model.pkl` (MLflow, the model-server's child process) would else predict something different, or fail.
"""


def restore(frame, dtypes, as_series):
    """`frame` with the columns of `dtypes` as they were in training, or its only column as a `Series`."""
    frame = frame.copy()
    for name, dtype in dtypes.items():
        if str(dtype) == "object":
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
        else:
            frame[name] = frame[name].astype(dtype)
    return frame.iloc[:, 0] if as_series else frame


def adapt(model, dtypes, as_series):
    """`model` behind a step that restores `dtypes`; `model` itself where there is nothing to restore."""
    if not dtypes and not as_series:
        return model
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    step = FunctionTransformer(restore, kw_args={"dtypes": dtypes, "as_series": as_series})
    return Pipeline([("restore_types", step), ("model", model)])
