"""How the model-server's process asks a model: as the model answers by itself.

python -m unittest discover worker/python
"""

import unittest

import numpy as np
from model_cases import data, logistic
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from test_package_model import server_program


class Counting:
    """A step that counts how often it is asked. It does not look fitted, nor like an estimator."""

    asked = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        self.asked += 1
        return X


class Logarithm(BaseEstimator):
    """A model that changes its rows."""

    def fit(self, X, y=None):
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X):
        X["a"] = np.log1p(np.abs(X["a"]))
        return X["a"].to_numpy()

    def predict(self, X):
        return (self.decision_function(X) > 0.5).astype(int)

    def predict_proba(self, X):
        return np.array([[1 - value, value] for value in self.decision_function(X)])


class ServerProgram(unittest.TestCase):
    def setUp(self):
        self.server = server_program()
        self.X, self.y = data("frame", "binary", 1, 100)
        self.columns = [{"name": c, "type": "double"} for c in self.X]
        self.X = self.X.astype(float)
        self.request = {"columns": {c: self.X[c].tolist() for c in self.X}, "decision": True}

    def like_the_model(self, model):
        answer = self.server.answer(model, self.columns, {}, self.request)
        self.assertEqual(answer["predictions"], model.predict(self.X.copy()).tolist())
        self.assertEqual(answer["probabilities"], model.predict_proba(self.X.copy()).tolist())
        self.assertEqual(answer["decision"].tolist(), model.decision_function(self.X.copy()).tolist())

    def test_a_pipelines_first_steps_run_once_for_all_kinds_of_answer(self):
        inner = Pipeline([("count", Counting()), ("model", logistic().fit(self.X, self.y))])
        outer = Pipeline([("count", Counting()), ("model", inner)])
        self.server.answer(outer, self.columns, {}, self.request)
        self.assertEqual((inner[0].asked, outer[0].asked), (1, 1))
        self.like_the_model(inner)
        self.like_the_model(outer)

    def test_any_pipeline_answers_as_by_itself(self):
        model = logistic().fit(self.X, self.y)
        for first in (["passthrough"], [None], [None, Counting(), "passthrough"], []):
            self.like_the_model(Pipeline([*((f"step-{at}", step) for at, step in enumerate(first)), ("model", model)]))
        self.like_the_model(
            Pipeline(
                [("scale", StandardScaler().fit(self.X).set_output(transform="pandas")), ("model", Logarithm().fit(self.X))]
            )
        )
        own = Pipeline([("count", Counting()), ("model", model)])
        own.predict = lambda rows: np.full(len(rows), 7)
        self.like_the_model(own)


if __name__ == "__main__":
    unittest.main()
