"""Support vector machines, kernel ridge and Gaussian process regression."""

import numpy as np

from . import kinds
from .kinds import Says, Unsupported
from .linear import INLIERS

LIBSVM = {"linear": "linear", "poly": "polynomial", "rbf": "radial", "sigmoid": "sigmoid"}
PAIRWISE = {**LIBSVM, "polynomial": "polynomial", "laplacian": "laplacian"}
MATERN = {0.5: "matern_half", 1.5: "matern_one_and_half", 2.5: "matern_two_and_half", np.inf: "radial"}


def export(model, x, writer):
    """A `likeness`, or `votes` of a classifier."""
    name = type(model).__name__
    if name in ("KernelRidge", "GaussianProcessRegressor"):
        steps, matrix = kinds.checked(x)
        if matrix.single:
            raise Unsupported("sums of 32-bit numbers")
    else:
        steps, matrix = kinds.doubled(x)
    node, says = EXPORTERS[name](model, kinds.width_of(model, matrix), writer)
    return kinds.chain(steps, node), says


def _dense(values):
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=float)


def _vectors(model, writer):
    """The kernel of a support vector machine."""
    if model.kernel not in LIBSVM:
        raise Unsupported("a kernel of its own")
    return _kernel(
        LIBSVM[model.kernel], _dense(model.support_vectors_), model._gamma, model.coef0, model.degree, True, writer
    )


def _kernel(kind, points, gamma, constant, degree, whole, writer):
    node = {"kernel": kind, "points": writer.array(points)}
    if kind == "linear":
        return {**node, "constant": 0.0}
    node["gamma"] = kinds.number(gamma)
    if kind in ("polynomial", "sigmoid"):
        node["constant"] = kinds.number(constant)
    if kind == "polynomial":
        node |= {"degree": int(degree) if whole else kinds.number(degree), "whole": whole}
    return node


def likeness(width, points, kernel, coefficients, writer, scale=1.0, shift=0.0, outliers=False):
    """The operator itself. `coefficients`: `[outputs, points]`."""
    coefficients = np.atleast_2d(coefficients)
    scale, shift = (np.broadcast_to(np.asarray(values, dtype=float), (len(coefficients),)) for values in (scale, shift))
    return {
        "op": "likeness",
        "features": width,
        "points": points,
        "kernel": kernel,
        "coefficients": writer.array(coefficients),
        "scale": writer.array(scale),
        "shift": writer.array(shift),
        "outliers": outliers,
    }


def _machine(model, width, writer):
    points, outliers = len(model.support_), type(model).__name__ == "OneClassSVM"
    kernel, coefficients = _vectors(model, writer), _dense(model._dual_coef_)
    node = likeness(width, points, kernel, coefficients, writer, shift=model._intercept_, outliers=outliers)
    return node, Says(INLIERS, decision=True) if outliers else Says()


def _classifier(model, width, writer):
    classes = kinds.plain_labels(model.classes_)
    probabilities = hasattr(model, "predict_proba")
    if len(model._n_support) != len(classes):
        raise Unsupported("classes without support vectors")
    node = {
        "op": "votes",
        "features": width,
        "kernel": _vectors(model, writer),
        "counts": writer.array(model._n_support, "u4"),
        "coefficients": writer.array(_dense(model._dual_coef_)),
        "intercepts": writer.array(model._intercept_),
        "against_rest": model.decision_function_shape == "ovr",
        "break_ties": bool(model.break_ties and model.decision_function_shape == "ovr" and len(classes) > 2),
    }
    if probabilities:
        node |= {"a": writer.array(model._probA), "b": writer.array(model._probB)}
    return node, Says(classes, probabilities=probabilities, decision=True)


def _ridge(model, width, writer):
    if model.kernel not in PAIRWISE:
        raise Unsupported("a kernel of its own")
    gamma = 1.0 / width if model.gamma is None else model.gamma
    points = _dense(model.X_fit_)
    kernel = _kernel(PAIRWISE[model.kernel], points, gamma, model.coef0, model.degree, False, writer)
    coefficients = np.atleast_2d(model.dual_coef_.T)
    return likeness(width, len(points), kernel, coefficients, writer), Says(width=len(coefficients))


def _process(model, width, writer):
    points = getattr(model, "X_train_", None)
    if points is None:
        raise Unsupported("a Gaussian process that was fitted on nothing")
    coefficients = np.atleast_2d(model.alpha_.T)
    kernel = process_kernel(model.kernel_, np.asarray(points, dtype=float), writer)
    scale = {"scale": model._y_train_std, "shift": model._y_train_mean}
    return likeness(width, len(points), kernel, coefficients, writer, **scale), Says(width=len(coefficients))


def process_kernel(kernel, points, writer):
    """The kernel of a Gaussian process."""
    name = type(kernel).__name__ if type(kernel).__module__.startswith("sklearn.") else ""
    if name in ("Sum", "Product"):
        parts = {"one": kernel.k1, "other": kernel.k2}
        return {"kernel": name.lower()} | {key: process_kernel(part, points, writer) for key, part in parts.items()}
    if name == "Exponentiation":
        return {
            "kernel": "power",
            "one": process_kernel(kernel.kernel, points, writer),
            "exponent": kinds.number(kernel.exponent),
        }
    if name in ("ConstantKernel", "WhiteKernel"):
        return {"kernel": "constant", "constant": kinds.number(kernel.constant_value) if name == "ConstantKernel" else 0.0}
    if name == "DotProduct":
        return {"kernel": "linear", "points": writer.array(points), "constant": kinds.number(kernel.sigma_0**2)}
    length = np.asarray(getattr(kernel, "length_scale", 1.0), dtype=float)
    if name in ("RBF", "Matern"):
        scale = np.broadcast_to(np.squeeze(length), (points.shape[1],))
        kind = MATERN.get(kernel.nu) if name == "Matern" else "radial"
        if kind is None:
            raise Unsupported("a Matérn kernel of another smoothness")
        node = {"kernel": kind, "points": writer.array(points / scale), "scale": writer.array(scale)}
        return {**node, "gamma": 0.5} if kind == "radial" else node
    node = {"points": writer.array(points)}
    if name == "RationalQuadratic":
        by, power = 2 * kernel.alpha * kernel.length_scale**2, kernel.alpha
        return {"kernel": "rational", **node, "by": kinds.number(by), "power": kinds.number(power)}
    if name == "ExpSineSquared":
        return {
            "kernel": "periodic",
            **node,
            "period": kinds.number(kernel.periodicity),
            "length": kinds.number(kernel.length_scale),
        }
    raise Unsupported(f"a kernel {type(kernel).__name__}")


EXPORTERS = {
    "GaussianProcessRegressor": _process,
    "KernelRidge": _ridge,
    "NuSVC": _classifier,
    "NuSVR": _machine,
    "OneClassSVM": _machine,
    "SVC": _classifier,
    "SVR": _machine,
}
