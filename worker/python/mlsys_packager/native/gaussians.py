"""Normal distributions: mixtures of them, the quadratic discriminant, the elliptic envelope."""

import math

import numpy as np
from scipy.special import digamma

from . import kinds
from .kinds import Says, Table, Unsupported
from .linear import INLIERS


def export(model, x, writer):
    """A `gaussians`."""
    return EXPORTERS[type(model).__name__](model, x, writer)


def gaussians(features, form, outer, writer, inner=0.0, factor=-0.5, outliers=False):
    """The operator itself: scores `factor * (norm + inner) + outer`."""
    outer = np.atleast_1d(np.asarray(outer, dtype=float))
    arrays = {name: writer.array(values) for name, values in form.items() if name != "form"}
    return {
        "op": "gaussians",
        "features": features,
        "form": form["form"],
        **arrays,
        "factor": factor,
        "inner": writer.array(np.broadcast_to(np.asarray(inner, dtype=float), outer.shape)),
        "outer": writer.array(outer),
        "outliers": outliers,
    }


def _quadratic(model, x, writer):
    steps, matrix = kinds.doubled(x, model.means_)
    width = kinds.width_of(model, matrix)
    axes = [(rotation * (scaling**-0.5)).T for rotation, scaling in zip(model.rotations_, model.scalings_, strict=True)]
    if any(part.shape != (width, width) for part in axes):
        raise Unsupported("a class with fewer rows than columns")
    form = {"form": "projected", "centers": model.means_, "projections": axes, "offsets": np.zeros_like(model.means_)}
    inner = np.asarray([np.sum(np.log(scaling)) for scaling in model.scalings_])
    node = gaussians(width, form, np.log(model.priors_), writer, inner)
    return kinds.chain(steps, node), Says(kinds.plain_labels(model.classes_), probabilities=True)


def _mixture(model, x, writer):
    steps, matrix = kinds.checked(x)
    if matrix.single or (isinstance(x, Table) and all(column.type in ("int", "bool") for column in x.columns)):
        raise Unsupported("a mixture of numbers that are no doubles")  # it rounds its scores to the type of the rows
    width = kinds.width_of(model, matrix)
    form, determinants = _form(model.means_, model.precisions_cholesky_, model.covariance_type, width)
    outer = determinants + _weights(model, width)
    node = gaussians(width, form, outer, writer, width * math.log(2 * math.pi))
    return kinds.chain(steps, node), Says(np.arange(len(model.means_)), probabilities=True)


def _form(means, roots, kind, width):
    """Of a covariance type, the parameters and the logarithms of the determinants: `_estimate_log_gaussian_prob`."""
    count = len(means)
    if kind in ("full", "tied"):
        roots = np.broadcast_to(roots, (count, width, width))
        offsets = np.stack([mean @ root for mean, root in zip(means, roots, strict=True)])
        projections = np.swapaxes(roots, 1, 2)
        form = {"form": "projected", "centers": np.zeros_like(means), "projections": projections, "offsets": offsets}
        return form, np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    determinants = np.log(roots).sum(axis=1) if kind == "diag" else width * np.log(roots)
    precisions = np.broadcast_to((roots if kind == "diag" else roots[:, None]) ** 2, means.shape)
    constants = np.sum(means**2 * precisions, axis=1)
    return {"form": "expanded", "constants": constants, "linear": means * precisions, "precisions": precisions}, determinants


def _weights(model, width):
    if type(model).__name__ == "GaussianMixture":
        return model._estimate_log_weights()
    freedom = model.degrees_of_freedom_
    log_lambda = width * np.log(2.0) + np.sum(digamma(0.5 * (freedom - np.arange(0, width)[:, np.newaxis])), 0)
    constants = 0.5 * (log_lambda - width / model.mean_precision_) - 0.5 * width * np.log(freedom)
    return constants + model._estimate_log_weights()


def _envelope(model, x, writer):
    steps, matrix = kinds.doubled(x)
    width = kinds.width_of(model, matrix)
    form = {"form": "mahalanobis", "centers": model.location_, "precisions": model.get_precision()}
    node = gaussians(width, form, -model.offset_, writer, factor=-1.0, outliers=True)
    return kinds.chain(steps, node), Says(INLIERS, decision=True)


EXPORTERS = {
    "BayesianGaussianMixture": _mixture,
    "EllipticEnvelope": _envelope,
    "GaussianMixture": _mixture,
    "QuadraticDiscriminantAnalysis": _quadratic,
}
