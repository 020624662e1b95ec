"""`IsotonicRegression`."""

import numpy as np
from sklearn.isotonic import IsotonicRegression


def one(draw, count):
    """One column."""
    return np.round(draw.normal(size=(count, 1)), 2)


def value(made, draw):
    return made[:, 0] + draw.normal(size=len(made)) / 5


CASES = {
    "nan": (IsotonicRegression, one, value),
    "clip": (lambda: IsotonicRegression(out_of_bounds="clip", y_min=-1, y_max=1), one, value),
    "falling": (lambda: IsotonicRegression(increasing=False, out_of_bounds="clip"), one, value),
    "auto": (lambda: IsotonicRegression(increasing="auto"), one, lambda made, draw: -value(made, draw)),
}
