"""Columns of categories as their places, as XGBoost and LightGBM see them."""

import numpy as np

from . import kinds
from .kinds import Matrix, Unsupported


def are_categories(column):
    """Whether a table's column is one of pandas' categories."""
    return hasattr(getattr(column, "dtype", None), "categories")


def as_matrix(x, known, writer):
    """The steps that make `x` a matrix, and that. `known`: of each column, its categories
    with their places, or `None` if it has numbers.

    Whatever is not known is missing.
    """
    if all(categories is None for categories in known):
        return kinds.as_matrix(x)
    if isinstance(x, Matrix) or any(
        (found is not None) != are_categories(at) for found, at in zip(known, x.columns, strict=True)
    ):
        raise Unsupported("categories that are no columns of categories")
    parts = []
    for place, (categories, column) in enumerate(zip(known, x.columns, strict=True)):
        if categories is not None:
            parts.append({"columns": [place], "then": _lookup(categories, column, writer)})
        else:
            kinds.as_matrix(x.take([place]))
            parts.append({"columns": [place], "then": {"op": "matrix", "width": 1, "single": False}})
    return [{"op": "join", "parts": parts, "sparse": False}], Matrix(x.width)


def _lookup(known, column, writer):
    categories, places = list(known), np.array(list(known.values()), float)
    if column.type == "text":
        if not all(isinstance(category, str) for category in categories):
            raise Unsupported("categories of another type than their column")
        fields = {"texts": categories}
    else:
        numbers = np.asarray(categories)
        if numbers.dtype.kind not in "biuf" or column.type not in ("int", "float", "bool"):
            raise Unsupported("categories of another type than their column")
        order = np.argsort(numbers, kind="stable")
        fields, places = {"numbers": writer.array(numbers[order])}, places[order]
    looked_up = {**fields, "width": 1, "values": writer.array(places), "unknown": writer.array([np.nan])}
    return {"op": "lookup", "columns": [looked_up], "single": False}
