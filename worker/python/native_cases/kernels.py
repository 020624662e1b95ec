"""Support vector machines, kernel ridge and Gaussian processes."""

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from . import behind_encoders

KERNELS = ("linear", "poly", "rbf", "sigmoid")
PROCESSES = {
    "radial": ConstantKernel(2.0) * RBF([1.0, 2.0, 1.5, 1.0]) + WhiteKernel(0.5),
    **{f"matern_{nu}": Matern(nu=nu) + WhiteKernel(0.5) for nu in (0.5, 1.5, 2.5, float("inf"))},
    "rational": RationalQuadratic() + WhiteKernel(0.5),
    "periodic": ExpSineSquared(3.0, 20.0) + WhiteKernel(10.0),
    "products": DotProduct() ** 2 + WhiteKernel(1.0),
}


def scaled(make, **parameters):
    """The model behind a scaler."""
    return lambda: make_pipeline(StandardScaler(), make(**parameters))


def process(kernel):
    """A Gaussian process as it is, of kernels that are not fitted."""
    return scaled(GaussianProcessRegressor, kernel=kernel, optimizer=None, normalize_y=True)


def wide(draw, count):
    """Many columns, and fewer rows."""
    return draw.normal(size=(count // 3, 40))


def four(x, draw):
    """Four classes."""
    return np.digitize(x[:, 0] + x[:, 1] + draw.random(len(x)), [-1, 0.5, 2])


# libsvm sums by BLAS, in an order that differs from processor to processor. Where values nearly cancel out, that shows in digits that a
# proof looks at: on some processors these are computed another way.
BY_PROCESSOR = ("kernels.unscaled_linear", "kernels.outliers_linear", "kernels.outliers_poly")
CASES = {
    **{f"two_{kernel}": (scaled(SVC, kernel=kernel), "frame", "binary") for kernel in KERNELS},
    **{f"three_{kernel}": (scaled(SVC, kernel=kernel), "array", "labels") for kernel in KERNELS},
    **{f"four_{kernel}": (scaled(SVC, kernel=kernel), wide, four) for kernel in KERNELS},
    "unscaled": (SVC, "frame", "labels"),
    "unscaled_linear": (lambda: SVC(kernel="linear", max_iter=3000), "array", "labels"),
    "float32": (SVC, "float32", "binary"),
    "whole": (SVC, "whole", "binary"),
    "columns": (lambda: behind_encoders(SVC()), "mixed", "labels"),
    "one_against_one": (scaled(SVC, decision_function_shape="ovo"), wide, four),
    "break_ties": (scaled(SVC, break_ties=True), wide, four),
    "probability_two": (scaled(SVC, probability=True), "frame", "binary"),
    "probability_four": (scaled(SVC, probability=True, random_state=0), wide, four),
    "probability_columns": (lambda: behind_encoders(SVC(probability=True)), "mixed", "labels"),
    "nu": (scaled(NuSVC, nu=0.2), "array", "labels"),
    "nu_probability": (scaled(NuSVC, nu=0.2, probability=True), "array", "binary"),
    **{f"svr_{kernel}": (scaled(SVR, kernel=kernel), "frame", "value") for kernel in KERNELS},
    "svr_columns": (lambda: behind_encoders(SVR()), "mixed", "value"),
    "nu_svr": (scaled(NuSVR), "array", "value"),
    **{f"outliers_{kernel}": (scaled(OneClassSVM, kernel=kernel), "array", "value") for kernel in KERNELS},
    **{
        f"ridge_{kernel}": (scaled(KernelRidge, kernel=kernel), "frame", "value")
        for kernel in ("linear", "rbf", "poly", "laplacian", "sigmoid")
    },
    "ridge_pair": (scaled(KernelRidge, kernel="rbf", gamma=0.3), "array", "pair"),
    "process_default": (scaled(GaussianProcessRegressor, alpha=1.0, optimizer=None), "array", "value"),
    "process_pair": (scaled(GaussianProcessRegressor, kernel=RBF(), alpha=1.0), "array", "pair"),
    "process_fitted": (scaled(GaussianProcessRegressor, kernel=RBF() + WhiteKernel(), random_state=0), "array", "value"),
    **{f"process_{name}": (process(kernel), "array", "value") for name, kernel in PROCESSES.items()},
}
