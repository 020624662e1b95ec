"""Naive Bayes."""

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from . import behind_encoders


def counts(draw, count):
    """Small whole numbers."""
    return draw.integers(0, 6, (count, 9)).astype(float)


def cells(draw, count):
    """The same, as whole numbers."""
    return draw.integers(0, 6, (count, 5))


def two(x, draw):
    """Two classes."""
    return (x[:, 0] + draw.random(len(x)) > 3).astype(int)


def three(x, draw):
    """Three classes."""
    return np.array(["p", "q", "r"])[np.digitize(x[:, 0] + x[:, 1] + draw.random(len(x)), [3, 6])]


def encoded(model):
    """The model behind a sparse encoder."""
    return lambda: make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["b", "flag"])), model())


CASES = {
    "gaussian": (GaussianNB, "frame", "binary"),
    "gaussian_three": (GaussianNB, "array", "labels"),
    "gaussian_columns": (lambda: behind_encoders(GaussianNB()), "mixed", "labels"),
    "gaussian_wide": (GaussianNB, lambda draw, count: draw.normal(size=(count, 150)), two),
    "multinomial": (MultinomialNB, counts, three),
    "multinomial_whole": (MultinomialNB, cells, two),
    "multinomial_sparse": (encoded(MultinomialNB), "frame", "binary"),
    "complement": (ComplementNB, counts, three),
    "complement_norm": (lambda: ComplementNB(norm=True), cells, two),
    "bernoulli": (BernoulliNB, "array", "labels"),
    "bernoulli_two": (lambda: BernoulliNB(binarize=2.5), counts, two),
    "bernoulli_none": (
        lambda: BernoulliNB(binarize=None),
        lambda draw, count: (draw.random((count, 6)) < 0.3).astype(float),
        lambda x, draw: x[:, 0] + draw.random(len(x)) > 0.8,
    ),
    "bernoulli_sparse": (encoded(BernoulliNB), "frame", "labels"),
    "categorical": (lambda: CategoricalNB(min_categories=8), cells, three),
    "categorical_floats": (CategoricalNB, lambda draw, count: draw.random((count, 4)) * 4, two),
}
