"""What the peers in Python that serve an estimator have in common: the estimator, and its answer to the rows of a request."""

import os

import joblib
import numpy as np
import pandas as pd

TEXTS = ("plan", "town", "text")


def load():
    """The estimator in the file `MODEL`."""
    return joblib.load(os.environ["MODEL"])


def answer(model, rows):
    """Labels and probabilities of a list of objects; gaps are as the estimator knows them from its training."""
    table = pd.DataFrame(rows)
    for name in table.columns:
        if name in TEXTS:
            table[name] = table[name].astype(object).where(table[name].notna(), np.nan)
        else:
            table[name] = table[name].astype(float)
    return {"predictions": model.predict(table).tolist(), "probabilities": model.predict_proba(table).tolist()}
