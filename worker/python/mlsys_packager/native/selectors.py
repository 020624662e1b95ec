"""Selectors of columns."""

import numpy as np

from . import kinds, registry
from .kinds import Matrix, Table, Unsupported


def export(selector, x, writer):
    """A `take`; of `RFE` and `RFECV`, with the estimator behind it."""
    node, out = transform(selector, x, writer)
    if not type(selector).__name__.startswith("RFE"):
        return node, out
    then, said = registry.export(selector.estimator_, out, writer)
    return {"op": "chain", "steps": [node, then]}, said


def transform(selector, x, writer):
    """A `take`."""
    del writer
    from sklearn.utils import get_tags
    from sklearn.utils._set_output import _get_output_config

    kinds.width_of(selector, x)
    chosen = [int(at) for at in np.flatnonzero(selector.get_support())]
    if not chosen:
        raise Unsupported(f"{type(selector).__name__} that selects no column")
    node = {"op": "take", "width": x.width, "columns": chosen}
    if _get_output_config("transform", selector)["dense"] != "default":
        # A table is neither checked nor made a matrix.
        return node, x.take(chosen)
    nan = get_tags(selector).input_tags.allow_nan
    steps, matrix = kinds.checked(x, nan=nan)
    assert isinstance(x, (Table, Matrix))
    return kinds.chain(steps, node), matrix.take(chosen)
