"""`DummyClassifier` and `DummyRegressor`, as far as they are not random."""

import numpy as np

from . import kinds, labels
from .kinds import Says, Unsupported


def export(model, x, writer):
    """A `constant`."""
    del x  # it looks at nothing
    if not hasattr(model, "classes_"):
        values = np.ravel(model.constant_)
        return {"op": "constant", "values": writer.array(values)}, Says(width=len(values))
    strategy = model._strategy
    if strategy in ("uniform", "stratified") or model.sparse_output_:
        raise Unsupported(f"DummyClassifier that is {strategy}")
    if labels.are_several(model.classes_):
        (said,) = model.predict(np.zeros((1, 1)))
        return labels.of_each([({"op": "constant", "label": 0}, Says(said[[at]])) for at in range(len(said))], writer)
    classes = kinds.plain_labels(model.classes_)
    if strategy == "constant":
        place = int(np.flatnonzero(classes == np.ravel(model.constant)[0])[0])
    else:
        place = int(model.class_prior_.argmax())
    shares = model.class_prior_ if strategy == "prior" else np.eye(len(classes))[place]
    node = {"op": "constant", "label": place, "probabilities": writer.array(shares)}
    return node, Says(classes, probabilities=True)
