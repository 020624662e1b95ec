"""Normal distributions."""

from sklearn.covariance import EllipticEnvelope
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

KINDS = ("full", "tied", "diag", "spherical")


def blobs(draw, count):
    """Rows about three places."""
    return draw.normal(size=(count, 4)) * [1, 2, 0.5, 1] + draw.integers(0, 3, count)[:, None] * [3, -1, 2, 0]


def two(x, draw):
    """Two classes."""
    return (x[:, 0] + draw.random(len(x)) > 3).astype(int)


CASES = {
    "quadratic": (QuadraticDiscriminantAnalysis, "frame", "binary"),
    "quadratic_three": (lambda: QuadraticDiscriminantAnalysis(reg_param=0.1), "array", "labels"),
    "quadratic_eigen": (lambda: QuadraticDiscriminantAnalysis(solver="eigen", shrinkage="auto"), "frame", "labels"),
    "envelope": (EllipticEnvelope, "frame", "binary"),
    "envelope_array": (EllipticEnvelope, "array", "binary"),
    "mixture_frame": (lambda: GaussianMixture(3, random_state=0), "frame", "binary"),
    **{
        f"mixture_{kind}": (lambda kind=kind: GaussianMixture(3, covariance_type=kind, random_state=0), blobs, two)
        for kind in KINDS
    },
    **{
        f"bayesian_{kind}": (
            lambda kind=kind: BayesianGaussianMixture(n_components=3, covariance_type=kind, random_state=0),
            blobs,
            two,
        )
        for kind in KINDS
    },
    "bayesian_distribution": (
        lambda: make_pipeline(
            StandardScaler(),
            BayesianGaussianMixture(
                n_components=3, weight_concentration_prior_type="dirichlet_distribution", random_state=0
            ),
        ),
        "array",
        "binary",
    ),
}
