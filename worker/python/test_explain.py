"""Explanations of native graphs: against the libraries' own, and against Shapley values by their definition where there are none.

After `cargo build --workspace --example explain`, with the platform's Python.
"""

import itertools
import json
import math
import os
import subprocess
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from mlsys_packager import inputs, native, schema
from model_cases import behind_columns, mixed, target
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from test_native import VERIFY, proven
from xgboost import DMatrix, XGBClassifier, XGBRegressor

EXPLAIN = Path(VERIFY).with_name("explain")
ROWS, ASKED = 400, 12


def frame(draw, count, gaps=False):
    """Columns of numbers, of which some say more than others."""
    made = pd.DataFrame(draw.normal(size=(count, 4)), columns=["a", "b", "c", "d"])
    made["d"] = draw.integers(0, 5, count).astype(float)
    return made.mask(draw.random(made.shape) < 0.15) if gaps else made


def value(x):
    """What is learnt of a frame."""
    x = x.fillna(0)
    return 2 * x["a"] - x["b"] * x["c"] + (x["d"] > 2) * x["a"]


def labels(x, count):
    """The same as places of classes."""
    return np.digitize(value(x), np.linspace(-2, 2, count - 1))


def explained(model, fitted, asked):
    """What the engine explains of rows: `of`, `base` as `[outputs]`, `values` as `[rows, columns, outputs]`, and the answer."""
    found = inputs.find(model, {"X_train": fitted})
    signature, own = schema.signature(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph, says = native.export(model, found, signature, own)
        proof = proven(model, found, signature, own, asked, says)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.native").write_bytes(graph)
        (Path(folder) / "proof.native").write_bytes(proof)
        ran = subprocess.run([EXPLAIN], input=f"{folder}\n", capture_output=True, text=True, check=True, timeout=120)
    said = json.loads(ran.stdout)
    if "refused" in said:
        return said
    base = np.array(said["base"], float)
    # The proof has edge rows, too, behind those that were asked.
    values = np.array(said["values"], float).reshape(-1, fitted.shape[1], len(base))[: len(asked)]
    return {"of": said["of"], "base": base, "values": values}


def by_definition(columns, says):
    """Shapley values, `[columns, outputs]`, of what `says(known)` for a set of known columns."""
    known = {
        chosen: says(frozenset(chosen))
        for size in range(columns + 1)
        for chosen in itertools.combinations(range(columns), size)
    }
    values = []
    for column in range(columns):
        total = 0
        for chosen in known:
            if column not in chosen:
                weight = math.factorial(len(chosen)) * math.factorial(columns - len(chosen) - 1) / math.factorial(columns)
                total = total + weight * (known[tuple(sorted((*chosen, column)))] - known[chosen])
        values.append(total)
    return np.array(values)


def expected(tree, row, known, node=0):
    """What a tree of scikit-learn says where only some columns are known."""
    left, right = tree.children_left[node], tree.children_right[node]
    if left < 0:
        said = tree.value[node]
        return said[0] if said.shape[0] == 1 else said[:, 0]
    column = tree.feature[node]
    if column in known:
        number = row[column]
        goes_left = tree.missing_go_to_left[node] if np.isnan(number) else number <= tree.threshold[node]
        return expected(tree, row, known, left if goes_left else right)
    weight = tree.weighted_n_node_samples
    parts = (weight[child] / weight[node] * expected(tree, row, known, child) for child in (left, right))
    return sum(parts)


def expected_in_histogram(nodes, row, known, node=0):
    """The same of a `HistGradientBoosting…` tree."""
    one = nodes[node]
    if one["is_leaf"]:
        return np.array([one["value"]])
    column = one["feature_idx"]
    if column in known:
        number = row[column]
        goes_left = one["missing_go_to_left"] if np.isnan(number) else number <= one["num_threshold"]
        return expected_in_histogram(nodes, row, known, one["left"] if goes_left else one["right"])
    children = (one["left"], one["right"])
    parts = (nodes["count"][at] / one["count"] * expected_in_histogram(nodes, row, known, at) for at in children)
    return sum(parts)


class Explain(unittest.TestCase):
    def setUp(self):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self.draw = np.random.default_rng(11)

    def near(self, given, wanted, tolerance):
        scale = max(float(np.abs(wanted).max()), 1.0)
        self.assertEqual(np.shape(given), np.shape(wanted))
        self.assertLess(float(np.abs(given - wanted).max()), tolerance * scale)

    def test_forests_and_boosting_of_scikit_learn_are_explained_by_the_definition(self):
        options = {"n_estimators": 6, "max_depth": 5, "random_state": 0}
        one = {"max_depth": 6, "random_state": 0}
        cases = [
            (DecisionTreeClassifier(**one), 3, "probabilities"),
            (DecisionTreeRegressor(**one), 0, "predictions"),
            (RandomForestClassifier(**options), 2, "probabilities"),
            (RandomForestClassifier(class_weight="balanced", **options), 3, "probabilities"),
            (RandomForestRegressor(**options), 0, "predictions"),
            (ExtraTreesClassifier(**options), 2, "probabilities"),
            (ExtraTreesRegressor(**options), 0, "predictions"),
            (GradientBoostingClassifier(**options), 2, "scores"),
            (GradientBoostingClassifier(**options), 4, "scores"),
            (GradientBoostingRegressor(subsample=0.6, **options), 0, "predictions"),
        ]
        for model, classes, of in cases:
            with self.subTest(repr(model)):
                x = frame(self.draw, ROWS)
                model.fit(x, labels(x, classes) if classes else value(x))
                asked = frame(self.draw, ASKED)
                found = np.ravel(getattr(model, "estimators_", [model]))
                boosted = isinstance(model, GradientBoostingClassifier | GradientBoostingRegressor)
                stages = getattr(model, "estimators_", np.zeros((1, 1)))
                outputs = np.shape(stages)[1] if boosted else classes or 1

                def says(known, row, model=model, found=found, boosted=boosted, outputs=outputs):
                    if not boosted:
                        return np.mean([expected(part.tree_, row, known) for part in found], axis=0)
                    sums = np.zeros(outputs)
                    for at, part in enumerate(found):
                        sums[at % outputs] += model.learning_rate * expected(part.tree_, row, known)[0]
                    return sums

                rows = asked.to_numpy(np.float32)
                wanted = np.array([by_definition(4, lambda known, row=row: says(known, row)) for row in rows])
                given = explained(model, x, asked)
                self.assertEqual(given["of"], of)
                self.near(given["values"], wanted, 1e-10)
                if not boosted:
                    self.near(given["base"], says(frozenset(), rows[0]), 1e-10)

    def test_histogram_boosting_is_explained_by_the_definition_gaps_too(self):
        for model, classes in ((HistGradientBoostingClassifier, 3), (HistGradientBoostingRegressor, 0)):
            with self.subTest(model.__name__):
                x = frame(self.draw, ROWS, gaps=True)
                fitted = model(max_iter=5, max_leaf_nodes=9).fit(x, labels(x, classes) if classes else value(x))
                asked = frame(self.draw, ASKED, gaps=True)

                def says(known, row, fitted=fitted):
                    stages = [
                        [expected_in_histogram(tree.nodes, row, known)[0] for tree in stage] for stage in fitted._predictors
                    ]
                    return np.sum(stages, axis=0)

                rows = asked.to_numpy()
                wanted = np.array([by_definition(4, lambda known, row=row: says(known, row)) for row in rows])
                self.near(explained(fitted, x, asked)["values"], wanted, 1e-10)

    def test_xgboost_is_explained_as_it_explains_itself(self):
        options = {"n_estimators": 12, "max_depth": 5, "random_state": 0}
        for model, classes in (
            (XGBClassifier(**options), 2),
            (XGBClassifier(subsample=0.7, **options), 4),
            (XGBRegressor(**options), 0),
            (XGBRegressor(objective="count:poisson", **options), 0),
            (XGBRegressor(booster="gblinear", n_estimators=9), 0),
        ):
            with self.subTest(repr(model)):
                x = frame(self.draw, ROWS, gaps=True)
                model.fit(x, labels(x, classes) if classes else np.abs(value(x)))
                asked = frame(self.draw, ASKED, gaps=True)
                own = model.get_booster().predict(DMatrix(asked), pred_contribs=True).astype(float)
                own = own.reshape(ASKED, -1, 5).transpose(0, 2, 1)
                given = explained(model, x, asked)
                self.near(given["values"], own[:, :-1], 2e-5)
                self.near(given["base"], own[0, -1], 2e-5)

    def test_lightgbm_is_explained_as_it_explains_itself(self):
        options = {"n_estimators": 12, "num_leaves": 12, "verbose": -1, "random_state": 0}
        for model, classes in (
            (LGBMClassifier(**options), 2),
            (LGBMClassifier(subsample=0.7, subsample_freq=1, **options), 4),
            (LGBMRegressor(**options), 0),
            (LGBMRegressor(boosting_type="rf", subsample=0.7, subsample_freq=1, **options), 0),
        ):
            with self.subTest(repr(model)):
                x, asked = frame(self.draw, ROWS, gaps=True), frame(self.draw, ASKED, gaps=True)
                if classes:
                    # A column of categories.
                    x["d"], asked["d"] = (
                        made["d"].astype(pd.CategoricalDtype([0.0, 1.0, 2.0, 3.0, 4.0])) for made in (x, asked)
                    )
                goal = x.astype(float)
                model.fit(x, labels(goal, classes) if classes else value(goal))
                own = model.booster_.predict(asked, pred_contrib=True).reshape(ASKED, -1, 5).transpose(0, 2, 1)
                if model.boosting_type == "rf":
                    # It forgets that the prediction is a mean of its trees.
                    own /= model.n_estimators
                given = explained(model, x, asked)
                self.near(given["values"], own[:, :-1], 1e-9)
                self.near(given["base"], own[0, -1], 1e-9)

    def test_linear_models_are_explained_by_coefficients_times_values(self):
        for model, classes, of in (
            (Ridge(), 0, "predictions"),
            (PoissonRegressor(), 0, "scores"),
            (LogisticRegression(), 2, "scores"),
            (LogisticRegression(), 3, "scores"),
        ):
            with self.subTest(repr(model)):
                x, asked = frame(self.draw, ROWS), frame(self.draw, ASKED)
                scaled = make_pipeline(StandardScaler(), model).fit(x, labels(x, classes) if classes else np.abs(value(x)))
                given = explained(scaled, x, asked)
                self.assertEqual(given["of"], of)
                wanted = scaled[0].transform(asked)[:, :, None] * np.atleast_2d(model.coef_).T
                self.near(given["values"], wanted, 1e-12)
                self.near(given["base"], np.atleast_1d(model.intercept_), 1e-12)

    def test_encoded_and_tokenized_columns_are_explained_as_what_they_came_from(self):
        rows = mixed(self.draw, ROWS)
        for last in (
            LogisticRegression(max_iter=500),
            RandomForestClassifier(5),
            GradientBoostingClassifier(n_estimators=5),
        ):
            model = behind_columns(last).fit(rows, target(rows, "binary"))
            asked = rows.head(ASKED)
            given = explained(model, rows, asked)
            self.assertEqual(given["values"].shape[:2], (ASKED, rows.shape[1]))
            sums = given["base"] + given["values"].sum(axis=1)
            wanted = model.predict_proba(asked) if given["of"] == "probabilities" else model.decision_function(asked)
            self.near(sums, np.reshape(wanted, sums.shape), 1e-9)
        texts = pd.DataFrame({"said": ["good and fine", "bad", "fine", "very bad", "good"] * 9, "a": np.arange(45.0)})
        words = make_column_transformer((TfidfVectorizer(), "said"), (StandardScaler(), ["a"]))
        model = make_pipeline(words, LogisticRegression()).fit(texts, [1, 0, 1, 0, 1] * 9)
        given = explained(model, texts, texts.head(5))
        sums = given["base"] + given["values"].sum(axis=1)
        self.near(sums[:, 0], model.decision_function(texts.head(5)), 1e-9)

    def test_features_of_several_columns_are_refused_with_the_reason(self):
        x = frame(self.draw, ROWS)
        model = make_pipeline(PCA(2), LogisticRegression()).fit(x, labels(x, 2))
        self.assertIn("several columns", explained(model, x, x.head(3))["refused"])


if __name__ == "__main__":
    unittest.main()
