"""Transformers that multiply rows by a matrix, and kernels."""

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.decomposition import (
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    Nystroem,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KernelCenterer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

SCALED = {
    "pca": PCA,
    "pca_whiten": lambda: PCA(3, whiten=True),
    "incremental_pca": lambda: IncrementalPCA(3, whiten=True),
    "svd": lambda: TruncatedSVD(3),
    "factors": lambda: FactorAnalysis(2),
    "factors_rotated": lambda: FactorAnalysis(3, rotation="varimax"),
    "ica": lambda: FastICA(3, random_state=0),
    "ica_plain": lambda: FastICA(whiten=False, random_state=0),
    "sparse_pca": lambda: SparsePCA(3, random_state=0),
    "sparse_pca_batches": lambda: MiniBatchSparsePCA(3, ridge_alpha=1, random_state=0),
    "gaussian": lambda: GaussianRandomProjection(3, random_state=0),
    "sparse_projection": lambda: SparseRandomProjection(3, random_state=0),
    "kernel_pca": lambda: KernelPCA(5, kernel="rbf"),
    "kernel_pca_poly": lambda: KernelPCA(5, kernel="poly", degree=2, gamma=0.1),
    "kernel_pca_sigmoid": lambda: KernelPCA(3, kernel="sigmoid", gamma=0.01),
    "kernel_pca_cosine": lambda: KernelPCA(3, kernel="cosine"),
    "nystroem": lambda: Nystroem(n_components=20, random_state=0),
    "nystroem_laplacian": lambda: Nystroem("laplacian", n_components=20, random_state=0),
    "nystroem_polynomial": lambda: Nystroem("polynomial", degree=2, coef0=2, n_components=10, random_state=0),
    "rbf": lambda: RBFSampler(n_components=30, random_state=0),
    "rbf_scale": lambda: RBFSampler(gamma="scale", n_components=30, random_state=0),
    "sketch": lambda: PolynomialCountSketch(n_components=32, random_state=0),
    "sketch_cubes": lambda: PolynomialCountSketch(degree=3, coef0=1, gamma=0.5, n_components=32, random_state=0),
}
POSITIVE = {
    "boltzmann": lambda: BernoulliRBM(5, n_iter=2, random_state=0),
    "additive": lambda: AdditiveChi2Sampler(sample_steps=3),
    "additive_own": lambda: AdditiveChi2Sampler(sample_steps=2, sample_interval=0.7),
    "skewed": lambda: SkewedChi2Sampler(skewedness=0.3, n_components=30, random_state=0),
    "nystroem_chi2": lambda: Nystroem("chi2", n_components=20, random_state=0),
}
SPARSE = {
    "svd": lambda: TruncatedSVD(4, random_state=0),
    "gaussian": lambda: GaussianRandomProjection(5, random_state=0),
    "projection": lambda: SparseRandomProjection(5, random_state=0),
    "rbf": lambda: RBFSampler(n_components=20, random_state=0),
    "additive": AdditiveChi2Sampler,
    "log": lambda: FunctionTransformer(np.log1p),
}
PLS = {
    "pls": PLSRegression,
    "pls_unscaled": lambda: PLSRegression(3, scale=False),
    "pls_canonical": lambda: PLSCanonical(1),
    "cca": lambda: CCA(1),
}


def encoded(transformer):
    """`transformer` behind an encoder that makes a sparse matrix."""
    return make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["b", "flag"])), transformer, LogisticRegression()
    )


def kernel(draw, count):
    """What each row has in common with 600 others."""
    return RBF(2.0)(draw.normal(size=(count, 3)), np.random.default_rng(3).normal(size=(600, 3)))


CASES = {
    **{
        f"{name}_{rows}": (lambda make=make: make_pipeline(StandardScaler(), make(), Ridge()), rows, "value")
        for name, make in SCALED.items()
        for rows in ("frame", "array")
    },
    **{
        name: (lambda make=make: make_pipeline(MinMaxScaler(clip=True), make(), Ridge()), "frame", "value")
        for name, make in POSITIVE.items()
    },
    **{name: (make, "frame", "value") for name, make in PLS.items()},
    "pls_pair": (PLSRegression, "array", "pair"),
    **{f"sparse_{name}": (lambda make=make: encoded(make()), "frame", "binary") for name, make in SPARSE.items()},
    "centerer": (lambda: make_pipeline(KernelCenterer(), Ridge()), kernel, lambda made, draw: made[:, 0] - made[:, 1]),
}
