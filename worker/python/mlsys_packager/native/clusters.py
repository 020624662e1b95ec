"""Clusterers that assign rows to the nearest center, and the nearest-centroid classifier."""

import numpy as np
from sklearn.utils.extmath import row_norms

from . import kinds
from .gaussians import gaussians
from .kinds import Matrix, Says, Unsupported


def export(model, x, writer):
    """A `nearest`."""
    steps, matrix = kinds.checked(x)
    if matrix.single:
        raise Unsupported("distances of 32-bit numbers")
    width, name = kinds.width_of(model, matrix), type(model).__name__
    if name == "NearestCentroid":
        node, says = _centroids(model, width, writer)
        return kinds.chain(steps, node), says
    centers = model.subcluster_centers_ if name == "Birch" else getattr(model, "cluster_centers_", None)
    if centers is None or len(centers) == 0:
        raise Unsupported("no centers")
    classes, places = np.arange(len(centers)), None
    if name == "Birch":
        classes, places = np.unique(model.subcluster_labels_, return_inverse=True)
    # What the estimator compares by, in its own arithmetic.
    metric = "products" if name in ("KMeans", "MiniBatchKMeans") else "euclidean"
    node = _nearest(width, centers, writer, places, metric)
    if name == "BisectingKMeans":
        node = {"op": "split", "answer": _bisecting(model, width, writer), "transform": node}
    return kinds.chain(steps, node), Says(classes, transformed=Matrix(len(centers)) if hasattr(model, "transform") else None)


def _nearest(width, centers, writer, labels, metric):
    labels = np.arange(len(centers)) if labels is None else labels
    arrays = {"centers": writer.array(centers), "labels": writer.array(labels, "u4")}
    if metric == "products":
        arrays["squares"] = writer.array(row_norms(np.ascontiguousarray(centers), squared=True))
    return {"op": "nearest", "features": width, "metric": metric, **arrays}


def _centroids(model, width, writer):
    classes = kinds.plain_labels(model.classes_)
    uniform = np.isclose(model.class_prior_, 1 / len(classes)).all()
    if model.metric not in ("euclidean", "manhattan") or (model.metric == "manhattan" and not uniform):
        raise Unsupported("NearestCentroid with another metric, or one other than the Euclidean and priors")
    nearest = _nearest(width, model.centroids_, writer, None, model.metric)
    if model.metric == "manhattan":
        return nearest, Says(classes)
    scale = np.where(model.within_class_std_dev_ != 0, model.within_class_std_dev_, 1.0)
    form = {"form": "normal", "centers": model.centroids_ / scale, "scale": scale}
    likely = gaussians(width, form, 2.0 * np.log(model.class_prior_), writer, factor=-1.0)
    node = {"op": "split", "predict": nearest, "answer": likely} if uniform else likely
    return node, Says(classes, probabilities=True)


def _bisecting(model, width, writer):
    """The tree of centers, each node before its children."""
    nodes, left, centers, labels = [model._bisecting_tree], [], [], []
    for node in nodes:
        centers.append(np.zeros(width) if node is nodes[0] else node.center + getattr(model, "_X_mean", 0.0))
        left.append(0 if node.left is None else len(nodes))
        labels.append(node.label if node.left is None else 0)
        if node.left is not None:
            nodes += [node.left, node.right]
    arrays = {"centers": writer.array(centers), "left": writer.array(left, "u4"), "labels": writer.array(labels, "u4")}
    arrays["squares"] = writer.array(row_norms(np.ascontiguousarray(centers), squared=True))
    return {"op": "bisect", "features": width, **arrays}
