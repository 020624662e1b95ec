"""Models in Python that answer several labels a row, each as a version's folder: `python several.py TARGET`."""

import hashlib
import json
import sys
from pathlib import Path

import cloudpickle
import numpy as np


class Labelling:
    """Answers as classifiers of two outputs do: of each column one of two labels, by its sign."""

    def __init__(self, *labels):
        self.labels = np.asarray(labels, dtype=object) if isinstance(labels[0][0], str) else np.asarray(labels)
        self.classes_ = list(self.labels)

    def predict(self, rows):
        """The second label above zero, else the first."""
        return np.where(rows > 0, self.labels[:, 1], self.labels[:, 0])


class Probable(Labelling):
    """The same, with a probability and a decision for each output."""

    def predict_proba(self, rows):
        """Between -1 and 1, it rises."""
        return (np.clip(rows, -1, 1) + 1) / 2

    def decision_function(self, rows):
        """The numbers themselves."""
        return rows


ROWS = np.array([[1.0, -0.25], [-2.0, 0.5], [0.75, 3.0]])

for kind, model, classes in (
    ("texts", Labelling(["down", "up"], ["left", 'a "right"']), None),
    ("mixed", Labelling(["down", "up"], [3, 1]), None),
    ("whole", Labelling([0, 1], [1, 7]), None),
    ("truths", Labelling([False, True], [False, True]), None),
    ("chain", Probable([0.0, 1.0], [0.0, 1.0]), None),
    ("marks", Probable([0, 1], [0, 1]), [0, 1]),
):
    folder = Path(sys.argv[1], kind)
    folder.mkdir()
    pickled = cloudpickle.dumps(model)
    (folder / "model.pkl").write_bytes(pickled)
    expected = {"predictions": model.predict(ROWS).tolist()}
    if isinstance(model, Probable):
        expected["probabilities"] = model.predict_proba(ROWS).tolist()
    manifest = {
        "format": 1,
        "model_name": f"python-{kind}",
        "declared_version": "1.0",
        "task": "classification",
        "classes": classes,
        "signature": {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 2]}},
        "flavour": "python",
        "input_example": {"inputs": ROWS.tolist()},
        "expected_output": expected,
        "files": {"model.pkl": {"sha256": hashlib.sha256(pickled).hexdigest(), "size": len(pickled)}},
        "python_version": sys.version.split()[0],
        "libraries": {},
    }
    (folder / "metadata.json").write_text(json.dumps(manifest))
