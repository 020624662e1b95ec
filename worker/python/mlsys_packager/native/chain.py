"""`Pipeline`."""

from . import registry
from .kinds import Says, Unsupported


def export(pipeline, x, writer):
    """A `chain` of the pipeline's steps."""
    steps = []
    for _, step in pipeline.steps:
        if step is None or (isinstance(step, str) and step == "passthrough"):
            continue
        if isinstance(x, Says):
            x = x.transformed
        if x is None:
            raise Unsupported("a step comes after an estimator")
        node, x = registry.export(step, x, writer)
        steps.append(node)
    if not steps:
        raise Unsupported("a pipeline without steps")
    return {"op": "chain", "steps": steps}, x
