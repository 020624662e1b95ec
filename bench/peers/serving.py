"""What one would write in Python to serve one model: FastAPI, rows by pydantic, and joblib or ONNX Runtime.

`MODEL` is a `.joblib` or an `.onnx` file.
"""

import os

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

MODEL = os.environ["MODEL"]
NUMBERS, TEXTS = ("age", "income", "score", "balance", "visits", "children"), ("plan", "town")


class Row(BaseModel):
    """One row; any value but two may be missing."""

    age: float | None
    income: float | None
    score: float | None
    balance: float | None
    visits: float
    children: float
    plan: str | None
    town: str | None


app = FastAPI()

if MODEL.endswith(".joblib"):
    import joblib
    import pandas as pd

    model = joblib.load(MODEL)

    def answer(rows):
        """The estimator's answer."""
        table = pd.DataFrame([row.model_dump() for row in rows])
        for name in TEXTS:
            table[name] = table[name].astype(object).where(table[name].notna(), np.nan)
        for name in NUMBERS:
            table[name] = table[name].astype(float)
        return model.predict(table), model.predict_proba(table)

else:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(MODEL, options)

    def answer(rows):
        """The graph's answer."""
        fed = {}
        for name in NUMBERS:
            values = [getattr(row, name) for row in rows]
            fed[name] = np.array([np.nan if value is None else value for value in values]).reshape(-1, 1)
        for name in TEXTS:
            values = [getattr(row, name) for row in rows]
            fed[name] = np.array(["nan" if value is None else value for value in values], dtype=object).reshape(-1, 1)
        return session.run(None, {wanted.name: fed[wanted.name] for wanted in session.get_inputs()})[:2]


@app.get("/health")
def health():
    """Whether it runs."""
    return {}


@app.post("/predict")
def predict(rows: list[Row]):
    """Labels and probabilities."""
    labels, probabilities = answer(rows)
    return {"predictions": labels.tolist(), "probabilities": probabilities.tolist()}
