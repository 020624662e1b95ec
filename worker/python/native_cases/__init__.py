"""Models that the native engine is compared on, by family.

Each module has `CASES`: by name, `(make, rows, target)`: `make()` gives an unfitted estimator; `rows` and `target` name what it
is fitted on (`model_cases.data`), or `rows` is a function `(draw, count)` that gives rows, and `target` one of these rows and
`draw` that gives the target.
"""

from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def behind_encoders(last):
    """`last` behind what makes numbers of the rows `mixed`."""
    number, text = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(make_column_transformer((number, ["a", "b", "c d"]), (text, ["town", "kind"])), last)
