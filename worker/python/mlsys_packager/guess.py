"""What can be said of a model's inputs when the notebook has no rows left: names, width, and where text goes."""

import numpy as np

from . import inputs
from .convert import parts, unwrap
from .errors import PackagingError


def rows(model, refusal):
    """One made-up row, the signature and the dtypes, as far as the fitted model remembers them. `refusal`: what becomes of the notebook's data."""
    names = inputs.expected_names(model)
    if names is None:
        width = getattr(model, "n_features_in_", None)
        if width is None:
            known = refusal or "Nothing tells what the model takes"
            raise PackagingError(
                f"{known}. Keep rows as it takes them, such as those it was fitted on, in a variable (X_train, say) until the export cell."
            )
        row = np.zeros((1, int(width)))
        return row, {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, int(width)]}}, {}
    import pandas as pd

    texts = _texts(unwrap(model))
    row = pd.DataFrame({name: [texts.get(name, 0.0)] for name in names})
    columns = [
        {"name": name, "type": "string" if name in texts else "double", "required": True, "nullable": False}
        for name in names
    ]
    return row, {"kind": "columns", "columns": columns}, {}


def _texts(model):
    """A known value of each column that a fitted encoder or imputer knows as text."""
    found = {}
    for part in parts(model):
        names = getattr(part, "feature_names_in_", ())
        known = getattr(part, "categories_", None) or [[value] for value in getattr(part, "statistics_", ())]
        if len(known) != len(names):
            continue
        for name, values in zip(names, known, strict=True):
            texts = [value for value in values if isinstance(value, str)]
            if texts:
                found[str(name)] = str(texts[0])
    return found
