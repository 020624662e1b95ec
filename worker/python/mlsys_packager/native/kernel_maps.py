"""Kernels to fitted rows, and samples that stand for kernels."""

import numpy as np

from . import kinds
from .decompositions import project, scale
from .kinds import Matrix, Unsupported

KERNELS = {
    "linear": (),
    "poly": ("gamma", "degree", "coef0"),
    "polynomial": ("gamma", "degree", "coef0"),
    "sigmoid": ("gamma", "coef0"),
    "rbf": ("gamma",),
    "laplacian": ("gamma",),
    "cosine": (),
    "additive_chi2": (),
    "chi2": ("gamma",),
}
LARGEST_SKETCH = 1_000


def export(model, x, writer):
    """A `pairwise`, `center`, `project`, `map`, `sketch` or `chi2_map`, or several of them."""
    kind = type(model).__name__
    steps, matrix = kinds.checked(x)
    kinds.doubles(matrix, kind)
    kinds.width_of(model, matrix)
    nodes, out = _EXPORTS[kind](model, matrix, writer)
    return {"op": "chain", "steps": [*steps, *nodes]}, out


def pairwise(kernel, fitted, parameters, writer):
    """The operator. `parameters`: `gamma`, `degree` and `coef0`; where they are `None`, the kernel's own."""
    if kernel not in KERNELS:
        raise Unsupported(f"the kernel {kernel!r}")
    fitted = np.asarray(fitted.toarray() if hasattr(fitted, "toarray") else fitted, dtype=float)
    own = {"gamma": 1.0 if kernel == "chi2" else 1.0 / fitted.shape[1], "degree": 3, "coef0": 1}
    given = {name: own[name] if parameters.get(name) is None else parameters[name] for name in KERNELS[kernel]}
    return {
        "op": "pairwise",
        "kernel": "poly" if kernel == "polynomial" else kernel,
        "features": fitted.shape[1],
        "count": fitted.shape[0],
        "fitted": writer.array(fitted),
        **{name: float(value) for name, value in given.items()},
    }


def _center(model, writer):
    return {"op": "center", "means": writer.array(model.K_fit_rows_), "all": float(model.K_fit_all_)}


def _centerer(model, x, writer):
    return [_center(model, writer)], Matrix(x.width)


def _kernel_pca(model, x, writer):
    nodes = []
    if model.kernel != "precomputed":
        parameters = {"gamma": model.gamma_, "degree": model.degree, "coef0": model.coef0}
        nodes.append(pairwise(model.kernel, model.X_fit_, parameters, writer))
    elif x.sparse:
        raise Unsupported("a sparse matrix of kernels")
    known = np.flatnonzero(model.eigenvalues_)
    vectors = np.zeros_like(model.eigenvectors_)
    vectors[:, known] = model.eigenvectors_[:, known] / np.sqrt(model.eigenvalues_[known])
    nodes += [_center(model._centerer, writer), project(vectors, writer)]
    return nodes, Matrix(vectors.shape[1])


def _nystroem(model, x, writer):
    nodes = []
    if model.kernel != "precomputed":
        parameters = {"gamma": model.gamma, "degree": model.degree, "coef0": model.coef0, **(model.kernel_params or {})}
        nodes.append(pairwise(model.kernel, model.components_, parameters, writer))
    elif x.sparse:
        raise Unsupported("a sparse matrix of kernels")
    nodes.append(project(model.normalization_.T, writer))
    return nodes, Matrix(len(model.normalization_))


def _rbf(model, x, writer):
    return _cosines(model, writer, (2.0 / model.n_components) ** 0.5)


def _cosines(model, writer, factor):
    count = model.random_weights_.shape[1]
    projected = project(model.random_weights_, writer, model.random_offset_)
    return [projected, {"op": "map", "width": count, "do": "cos"}, scale(count, writer, multiply=factor)], Matrix(count)


def _skewed(model, x, writer):
    factor = np.sqrt(2.0) / np.sqrt(model.n_components)
    nodes, out = _cosines(model, writer, factor)
    moved = scale(x.width, writer, add=model.skewedness)
    return [moved, {"op": "map", "width": x.width, "do": "positive_log"}, *nodes], out


def _sketch(model, x, writer):
    if model.n_components > LARGEST_SKETCH:
        raise Unsupported(f"PolynomialCountSketch of more than {LARGEST_SKETCH} places")
    return [
        {
            "op": "sketch",
            "features": x.width,
            "outputs": int(model.n_components),
            "times": float(np.sqrt(model.gamma)),
            "last": float(np.sqrt(model.coef0)) if model.coef0 != 0 else None,
            "places": writer.array(model.indexHash_, "u4"),
            "signs": writer.array(model.bitHash_),
        }
    ], Matrix(int(model.n_components))


def _additive(model, x, writer):
    del writer
    if x.whole:
        raise Unsupported("AdditiveChi2Sampler of whole numbers")
    interval = model.sample_interval
    if interval is None:
        interval = {1: 0.8, 2: 0.5, 3: 0.4}[model.sample_steps]
    samples = int(model.sample_steps)
    if x.width * 2 * samples > 1 << 14:
        raise Unsupported("AdditiveChi2Sampler of many columns")
    node = {"op": "chi2_map", "width": x.width, "samples": samples, "interval": float(interval)}
    return [node], Matrix(x.width * (2 * samples - 1), sparse=x.sparse)


_EXPORTS = {
    "AdditiveChi2Sampler": _additive,
    "KernelCenterer": _centerer,
    "KernelPCA": _kernel_pca,
    "Nystroem": _nystroem,
    "PolynomialCountSketch": _sketch,
    "RBFSampler": _rbf,
    "SkewedChi2Sampler": _skewed,
}
