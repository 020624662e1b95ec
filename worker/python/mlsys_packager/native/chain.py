"""`Pipeline`, imbalanced-learn's too."""

from . import registry
from .kinds import Says, Unsupported


def export(pipeline, x, writer):
    """A `chain` of the pipeline's steps."""
    return _chain(pipeline, x, writer, False)


def transform(pipeline, x, writer):
    """The same, where the last step transforms, too."""
    return _chain(pipeline, x, writer, True)


def _chain(pipeline, x, writer, transforms):
    steps = []
    last = len(pipeline.steps) - 1
    for at, (_, step) in enumerate(pipeline.steps):
        if step is None or (isinstance(step, str) and step == "passthrough"):
            continue
        if hasattr(step, "fit_resample") and not hasattr(step, "predict"):
            continue  # it draws rows to fit on, and does nothing to those to predict
        if isinstance(x, Says):
            x = x.transformed
        if x is None:
            raise Unsupported("a step comes after an estimator")
        node, x = registry.export(step, x, writer, transforms or at < last)
        steps.append(node)
    if not steps:
        raise Unsupported("a pipeline without steps")
    return {"op": "chain", "steps": steps}, x
