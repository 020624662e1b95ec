"""Linear discriminants and partial least squares."""

from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from . import behind_encoders

CASES = {
    "lda": (LinearDiscriminantAnalysis, "frame", "binary"),
    "lda_three": (LinearDiscriminantAnalysis, "array", "labels"),
    "lda_columns": (lambda: behind_encoders(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")), "mixed", "binary"),
    "lda_eigen": (lambda: LinearDiscriminantAnalysis(solver="eigen"), "frame", "labels"),
    "lda_step": (lambda: make_pipeline(LinearDiscriminantAnalysis(n_components=1), LogisticRegression()), "frame", "labels"),
    "lda_step_eigen": (
        lambda: make_pipeline(LinearDiscriminantAnalysis(solver="eigen"), LogisticRegression()),
        "array",
        "labels",
    ),
    "pls": (PLSRegression, "frame", "value"),
    "pls_pair": (PLSRegression, "array", "pair"),
    "pls_unscaled": (lambda: PLSRegression(3, scale=False), "array", "value"),
    "canonical": (PLSCanonical, "array", "pair"),
    "cca": (CCA, "frame", "pair"),
}
