"""Nearest neighbours: classes, numbers, and local outliers.

A tree is exported as it is, and searched in the same order: ties are broken alike. Without a tree, scikit-learn's order among
equal distances depends on its threads, and its Euclidean distances on sums in BLAS: there, rows that could be told apart by that
only are refused here.
"""

import numpy as np
import pandas as pd

from . import kinds, labels, members
from .kinds import Says, Unsupported
from .linear import INLIERS

METRICS = {"euclidean": "euclidean", "l2": "euclidean", "chebyshev": "chebyshev", "minkowski": "minkowski"}
METRICS |= {"infinity": "chebyshev", **dict.fromkeys(("manhattan", "cityblock", "l1"), "manhattan")}
# scikit-learn compares so many training rows at once; of fewer, one thread sees all of them in their order.
CHUNK = 256


def export(model, x, writer):
    """A `neighbours`; for several outputs one of all, or one for each."""
    classes = getattr(model, "classes_", None)
    if not labels.are_several(classes):
        return _among(model, x, writer, *SAYS[type(model).__name__](model, writer))
    if model.weights != "uniform" or type(model).__name__.startswith("Radius"):
        said = [_among(model, x, writer, *_classes(model, writer, at)) for at in range(len(classes))]
        return labels.of_each(said, writer)
    # Neighbours that count alike are a mean of 0 and 1 for each class, in the order of their number.
    targets = np.concatenate([np.eye(len(one))[model._y[:, at]] for at, one in enumerate(classes)], axis=1)
    node, _ = _among(model, x, writer, Says(width=targets.shape[1]), _means(targets, writer))
    return labels.largest([members.gather([(node, [{"of": "prediction"}])])], classes, writer)


def _among(model, x, writer, says, node):
    """The operator of which `node` is a part, and what it says."""
    radius = getattr(model, "radius", None) if type(model).__name__.startswith("Radius") else None
    weights = getattr(model, "weights", None)
    if weights not in (None, "uniform", "distance"):
        raise Unsupported("weights by a function")
    one_label = isinstance(getattr(model, "classes_", None), np.ndarray)
    search = _search(model, writer, weights == "distance", one_label)
    single = search["bounds"] == "nowhere" or type(model).__name__ == "LocalOutlierFactor"
    steps, matrix = kinds.doubled(x, *[np.zeros(0, "f4")] if single else [])
    kinds.width_of(model, matrix)
    nearest = getattr(model, "n_neighbors_", getattr(model, "n_neighbors", None))
    node |= {"op": "neighbours", "search": search, "weighted": weights == "distance"}
    node |= {"nearest": int(nearest)} if radius is None else {"radius": kinds.number(radius)}
    return kinds.chain(steps, node), says


def _search(model, writer, by_distance, classifies):
    metric, parameters = METRICS.get(model.effective_metric_), dict(model.effective_metric_params_)
    p = float(parameters.pop("p", 2))
    if metric is None or any(value is not None for value in parameters.values()):
        raise Unsupported("neighbours by another metric")
    node = {"metric": metric, "p": p if metric == "minkowski" else None}
    if model._fit_method not in ("kd_tree", "ball_tree"):
        points = model._fit_X.toarray() if hasattr(model._fit_X, "toarray") else model._fit_X
        if model._fit_method != "brute" or points.dtype != np.float64:
            raise Unsupported("neighbours without a tree, of other than doubles")
        _refuse_ties(model, points, metric, by_distance, classifies)
        order = np.arange(len(points))
        starts, ends, is_leaf, bounds = [0], [len(points)], [1], {"bounds": "nowhere"}
    else:
        points, order, nodes, bounds = model._tree.get_arrays()
        starts, ends, is_leaf = nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"]
        if model._fit_method == "kd_tree":
            bounds = {"bounds": "boxes", "low": writer.array(bounds[0]), "high": writer.array(bounds[1])}
        else:
            bounds = {"bounds": "balls", "centers": writer.array(bounds[0]), "radii": writer.array(nodes["radius"])}
    return {
        **node,
        **bounds,
        "features": points.shape[1],
        "points": writer.array(points),
        "order": writer.array(order, "u4"),
        "starts": writer.array(starts, "u4"),
        "ends": writer.array(ends, "u4"),
        "is_leaf": writer.array(is_leaf, "u1"),
    }


def _refuse_ties(model, points, metric, by_distance, classifies):
    """Refuses what the estimator itself answers by chance, or by sums in an order of BLAS' own."""
    if metric == "euclidean" and by_distance:
        raise Unsupported("neighbours without a tree, weighted by the distance")
    if len(points) <= CHUNK and metric != "euclidean":
        return
    if classifies and not by_distance and metric != "euclidean" and not hasattr(model, "_lrd"):
        return  # each thread sees all training rows, in their order
    if max(len(np.unique(column)) for column in points.T) < len(points) / 2:
        raise Unsupported("neighbours without a tree, of few values a column: many are equally near")
    # Equal rows of equal targets are the same neighbours.
    targets = getattr(model, "_y", None)
    alike = pd.DataFrame(points)
    alike = alike[alike.duplicated(keep=False)]
    if targets is not None:
        alike = pd.concat([alike, pd.DataFrame(targets).loc[alike.index].add_prefix("target")], axis=1).drop_duplicates()
    if alike.duplicated(list(range(points.shape[1]))).any():
        raise Unsupported("neighbours without a tree, some of which are equal but for their target")


def _classes(model, writer, at=None):
    """Of one output, or that of several which is `at`."""
    classes, own = (model.classes_, model._y) if at is None else (model.classes_[at], model._y[:, at])
    node = {"says": "classes", "labels": writer.array(own, "u4"), "classes": len(classes)}
    lonely = getattr(model, "outlier_label_", None)
    if lonely is not None:
        places = np.flatnonzero(classes == lonely[at or 0])
        if len(places) != 1:
            raise Unsupported("a label for outliers that is none of the classes")
        node["lonely"] = int(places[0])
    return Says(classes, probabilities=True), node


def _values(model, writer):
    targets = model._y.reshape(len(model._y), -1)
    if targets.dtype not in (np.float64, np.int64, np.int32, np.bool_):
        raise Unsupported(f"means of {targets.dtype}")
    if type(model).__name__.startswith("Radius") and targets.dtype != np.float64:
        raise Unsupported("a radius about rows with whole targets")  # for lack of neighbours, the least whole number
    return Says(width=targets.shape[1]), _means(targets, writer)


def _means(targets, writer):
    return {"says": "values", "targets": writer.array(targets), "width": targets.shape[1]}


def _density(model, writer):
    if not model.novelty:
        raise Unsupported("LocalOutlierFactor that predicts nothing")
    reach = model._distances_fit_X_[:, model.n_neighbors_ - 1]
    node = {"says": "density", "reach": writer.array(reach), "densities": writer.array(model._lrd)}
    return Says(INLIERS, decision=True), {**node, "offset": kinds.number(model.offset_)}


SAYS = {
    "KNeighborsClassifier": _classes,
    "KNeighborsRegressor": _values,
    "LocalOutlierFactor": _density,
    "RadiusNeighborsClassifier": _classes,
    "RadiusNeighborsRegressor": _values,
}
