"""Transformers that multiply rows by a matrix: `PCA` and its relatives, random projections, partial least squares."""

import numpy as np

from . import kinds
from .kinds import Matrix, Says, Unsupported


def export(model, x, writer):
    """A `project` between `scale`s; of `PLSRegression` and its relatives, a `linear`."""
    if hasattr(model, "predict"):
        return _predicts(model, x, writer)
    return transform(model, x, writer)


def transform(model, x, writer):
    """A `project` between `scale`s."""
    kind = type(model).__name__
    steps, matrix = kinds.checked(x)
    kinds.doubles(matrix, kind)
    kinds.width_of(model, matrix)
    nodes, out = _EXPORTS[kind](model, matrix, writer)
    return {"op": "chain", "steps": [*steps, *nodes]}, out


def project(matrix, writer, added=None, sparse=False):
    """The operator. `matrix`: `[features, outputs]`; `added`: to each output."""
    matrix = np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=float)
    return {
        "op": "project",
        "features": matrix.shape[0],
        "outputs": matrix.shape[1],
        "matrix": writer.array(matrix),
        "added": None if added is None else writer.array(np.broadcast_to(added, matrix.shape[1])),
        "sparse": sparse,
    }


def scale(width, writer, **does):
    """A `scale` by the numbers in `does`, in their order."""
    steps = [{"do": do, "by": writer.array(np.broadcast_to(by, width))} for do, by in does.items()]
    return {"op": "scale", "width": width, "steps": steps}


def _pca(model, x, writer):
    del x
    count = len(model.components_)
    centered = -(np.reshape(model.mean_, (1, -1)) @ model.components_.T).ravel()
    nodes = [project(model.components_.T, writer, centered)]
    if model.whiten:
        deviations = np.sqrt(model.explained_variance_)
        nodes.append(scale(count, writer, divide=np.maximum(deviations, np.finfo(deviations.dtype).eps)))
    return nodes, Matrix(count)


def _components(model, x, writer):
    return [project(model.components_.T, writer)], Matrix(len(model.components_))


def _random(model, x, writer):
    sparse = x.sparse and not getattr(model, "dense_output", True)
    return [project(model.components_.T, writer, sparse=sparse)], Matrix(model.components_.shape[0], sparse=sparse)


def _fast_ica(model, x, writer):
    nodes = [project(model.components_.T, writer)]
    if model.whiten:
        nodes.insert(0, scale(x.width, writer, subtract=model.mean_))
    return nodes, Matrix(len(model.components_))


def _factors(model, x, writer):
    weighted = model.components_ / model.noise_variance_
    count = len(weighted)
    covariance = np.linalg.inv(np.eye(count) + np.dot(weighted, model.components_.T))
    return [
        scale(x.width, writer, subtract=model.mean_),
        project(weighted.T, writer),
        project(covariance, writer),
    ], Matrix(count)


def _sparse_pca(model, x, writer):
    # The ridge regression that the library solves for each row is one matrix for all of them.
    components = model.components_
    gram = components @ components.T + model.ridge_alpha * np.eye(len(components))
    solved = np.linalg.solve(gram, components).T
    return [scale(x.width, writer, subtract=model.mean_), project(solved, writer)], Matrix(len(components))


def _pls(model, x, writer):
    matrix = model.x_weights_ if type(model).__name__ == "PLSSVD" else model.x_rotations_
    scaled = scale(x.width, writer, subtract=model._x_mean, divide=model._x_std)
    return [scaled, project(matrix, writer)], Matrix(matrix.shape[1])


def _boltzmann(model, x, writer):
    count = len(model.components_)
    projected = project(model.components_.T, writer, model.intercept_hidden_)
    return [projected, {"op": "map", "width": count, "do": "logistic"}], Matrix(count)


def _predicts(model, x, writer):
    steps, matrix = kinds.checked(x)
    kinds.doubles(matrix, type(model).__name__)
    width = kinds.width_of(model, matrix)
    if matrix.sparse:
        raise Unsupported(f"{type(model).__name__} of a sparse matrix")
    outputs = len(model.coef_)
    linear = {
        "op": "linear",
        "features": width,
        "coefficients": writer.array(model.coef_),
        "intercepts": writer.array(np.broadcast_to(model.intercept_, (outputs,))),
        "says": "values",
    }
    return {"op": "chain", "steps": [*steps, scale(width, writer, subtract=model._x_mean), linear]}, Says(width=outputs)


_EXPORTS = {
    "BernoulliRBM": _boltzmann,
    "CCA": _pls,
    "FactorAnalysis": _factors,
    "FastICA": _fast_ica,
    "GaussianRandomProjection": _random,
    "IncrementalPCA": _pca,
    "MiniBatchSparsePCA": _sparse_pca,
    "PCA": _pca,
    "PLSCanonical": _pls,
    "PLSRegression": _pls,
    "PLSSVD": _pls,
    "SparsePCA": _sparse_pca,
    "SparseRandomProjection": _random,
    "TruncatedSVD": _components,
}
