"""What one would write in Python to serve one model: FastAPI, rows by pydantic, and joblib or ONNX Runtime.

`MODEL` is a `.joblib` or an `.onnx` file.
"""

import os
from pathlib import Path

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

MODEL = Path(os.environ["MODEL"])


class Customer(BaseModel):
    """A row of the mixed table; any value but two may be missing."""

    age: float | None
    income: float | None
    score: float | None
    balance: float | None
    visits: float
    children: float
    plan: str | None
    town: str | None


class Message(BaseModel):
    """A row of the table of texts."""

    text: str


Row = Message if MODEL.stem == "texts" else Customer
app = FastAPI()

if MODEL.suffix == ".joblib":
    import table

    model = table.load()

    def answer(rows):
        """The estimator's answer."""
        return table.answer(model, [row.model_dump() for row in rows])

else:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(MODEL, options)
    # Of each of the graph's inputs: numbers or texts?
    inputs = {wanted.name: wanted.type for wanted in session.get_inputs()}

    def column(name, kind, rows):
        """One input of the graph."""
        values = [getattr(row, name) for row in rows]
        if kind == "tensor(string)":
            return np.array(["nan" if value is None else value for value in values], dtype=object).reshape(-1, 1)
        numbers = np.array([np.nan if value is None else value for value in values])
        return numbers.astype({"tensor(int64)": np.int64, "tensor(float)": np.float32}.get(kind, np.float64)).reshape(-1, 1)

    def answer(rows):
        """The graph's answer."""
        labels, probabilities = session.run(None, {name: column(name, kind, rows) for name, kind in inputs.items()})[:2]
        return {"predictions": labels.tolist(), "probabilities": probabilities.tolist()}


@app.get("/health")
def health():
    """Whether it runs."""
    return {}


@app.post("/predict")
def predict(rows: list[Row]):
    """Labels and probabilities."""
    return answer(rows)
