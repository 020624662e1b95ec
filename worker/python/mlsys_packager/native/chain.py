"""`Pipeline`, imbalanced-learn's too."""

from . import registry
from .kinds import Says, Unsupported


def export(pipeline, x, writer):
    """A `chain` of the pipeline's steps."""
    steps = []
    for _, step in pipeline.steps:
        if step is None or (isinstance(step, str) and step == "passthrough"):
            continue
        if hasattr(step, "fit_resample") and not hasattr(step, "predict"):
            continue  # it draws rows to fit on, and does nothing to those to predict
        if isinstance(x, Says):
            raise Unsupported("a step comes after an estimator")
        node, x = registry.export(step, x, writer)
        steps.append(node)
    if not steps:
        raise Unsupported("a pipeline without steps")
    return {"op": "chain", "steps": steps}, x
