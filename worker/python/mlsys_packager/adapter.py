"""A first pipeline step that gives a column back what its MLflow type cannot tell, and the notebook's own settings of scikit-learn.

A category column travels as text, a nullable integer as a number. The estimator was fitted on the original dtypes, so
whoever loads `model.pkl` (MLflow, the model-server's child process) would else predict something different, or fail.
"""


def restore(frame, dtypes, form=None, gaps=None, settings=None):
    """`frame` with the columns of `dtypes` as they were in training.

    `form`: `series` for its only column alone, `array` for an array of objects. `gaps`: what is missing where in columns of
    objects, `nan` or `none`. `settings`: of scikit-learn, for what runs after this step.
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
    return frame.iloc[:, 0] if form == "series" else frame


def settings():
    """The settings of scikit-learn that change what estimators do, where they are not the default."""
    import sklearn

    plain = {"assume_finite": False, "transform_output": "default", "enable_metadata_routing": False}
    return {name: value for name, value in sklearn.get_config().items() if name in plain and value != plain[name]}


def adapt(model, own, form=None):
    """`model` behind a step that restores `own`, as `schema.signature` answers it; `model` itself where there is nothing to restore."""
    config = settings()
    if not own and not form and not config:
        return model
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    dtypes = {name: dtype for name, (dtype, _) in own.items()}
    gaps = {name: gap for name, (_, gap) in own.items()}
    step = FunctionTransformer(restore, kw_args={"dtypes": dtypes, "form": form, "gaps": gaps, "settings": config})
    step.set_output(transform="default")
    return Pipeline([("restore_types", step), ("model", model)])
